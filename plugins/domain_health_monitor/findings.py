"""What was seen of a domain as findings: how bad each is, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from plugin_host.hooks.health_monitor import HealthCheckDetail, HealthSeverity, HealthStatus

from .certificates import OLD_VERSIONS, Certificate, Distrust
from .config import MonitorConfig
from .lookup import Lookup
from .probe import Chain, shown

NAME: Final = "domain-health-monitor"
# Half a year; the list of sites that browsers know beforehand asks for a whole one.
LEAST_HSTS_SECONDS: Final = 15_768_000

_WORST_FIRST: Final = (
    HealthStatus.UNHEALTHY,
    HealthStatus.DEGRADED,
    HealthStatus.UNKNOWN,
    HealthStatus.HEALTHY,
)


def good(part: str, message: str, took_ms: float | None = None) -> HealthCheckDetail:
    """Return a finding that all is well."""
    return HealthCheckDetail(f"{NAME}.{part}", HealthStatus.HEALTHY, HealthSeverity.INFO, message, took_ms)


def warned(part: str, message: str, took_ms: float | None = None) -> HealthCheckDetail:
    """Return a finding that somebody should see to."""
    return HealthCheckDetail(
        f"{NAME}.{part}", HealthStatus.DEGRADED, HealthSeverity.WARNING, message, took_ms
    )


def broken(part: str, message: str, took_ms: float | None = None) -> HealthCheckDetail:
    """Return a finding that keeps visitors away."""
    return HealthCheckDetail(
        f"{NAME}.{part}", HealthStatus.UNHEALTHY, HealthSeverity.CRITICAL, message, took_ms
    )


def worst(details: Sequence[HealthCheckDetail]) -> HealthStatus:
    """Return the worst status of some findings."""
    return min((one.status for one in details), key=_WORST_FIRST.index, default=HealthStatus.UNKNOWN)


def of_lookup(found: Lookup) -> HealthCheckDetail:
    """Return the finding about a name that was looked up."""
    if found.problem:
        return broken("dns", found.problem)
    if found.partly:
        return warned("dns", found.partly)
    v4 = [one for one in found.addresses if ":" not in one]
    v6 = [one for one in found.addresses if ":" in one]
    alias = f", as {found.alias_of}" if found.alias_of else ""
    families = f"IPv4: {', '.join(v4) or 'none'}; IPv6: {', '.join(v6) or 'none'}"
    if not found.has_v4:
        return warned(
            "dns", f"Found{alias} ({families}). Add an A record: without one many visitors have no way."
        )
    return good("dns", f"Found{alias} ({families}).")


def not_public() -> HealthCheckDetail:
    """Return the finding about a name that leads inside the network; it does not say where to."""
    return broken(
        "dns",
        "Leads to an address that is not public, so it is not called: give the domain's A and AAAA records public "
        "addresses.",
    )


def of_certificate(
    host: str, chain: Chain, reasons: Sequence[Distrust], config: MonitorConfig
) -> HealthCheckDetail | None:
    """Return the finding about TLS and the certificate; None where neither was seen."""
    certificate = chain.certificate
    if reasons:
        said = " ".join(_DISTRUST[reason](host, certificate) for reason in reasons)
        return broken("tls", said)
    if chain.tls_version in OLD_VERSIONS:
        return broken(
            "tls",
            f"Speaks {chain.tls_version} only, which browsers refuse: switch TLS 1.2 and 1.3 on at the server.",
        )
    if certificate is None:
        return None
    days = certificate.days_left(datetime.now(UTC))
    until = f"valid until {certificate.not_after:%Y-%m-%d} ({_days(days)})"
    if days <= config.certificate_critical_days:
        return broken("tls", f"The certificate is {until}: renew it now, and see why it was not renewed.")
    if days <= config.certificate_warning_days:
        return warned("tls", f"The certificate is {until}: see to it that it is renewed.")
    return good("tls", f"{chain.tls_version}, certificate of {certificate.issuer}, {until}.")


def of_answer(chain: Chain, config: MonitorConfig) -> list[HealthCheckDetail]:
    """Return the findings about answer, time and redirects over https."""
    failure = chain.failure
    if failure is not None:
        part = "redirects" if failure.stage == "redirect" or len(chain.urls) > 1 else "https"
        return [broken(part, f"{shown(failure.url)} {failure.what}. {_TO_DO[failure.stage]}", chain.took_ms)]
    assert chain.status is not None  # a chain without failure has an answer
    found = [_of_status(chain, config)]
    if chain.is_downgraded:
        found.append(
            warned(
                "redirects",
                f"Redirects from https to http ({_way(chain)}): visitors lose their protection. "
                "Redirect to an https address.",
            )
        )
    elif len(chain.urls) > 1:
        found.append(good("redirects", f"Redirects: {_way(chain)}."))
    return found


def of_plain_http(chain: Chain, host: str) -> HealthCheckDetail:
    """Return the finding about port 80."""
    failure = chain.failure
    if failure is not None and len(chain.urls) == 1:
        if failure.stage == "redirect":
            return warned("http", f"{shown(failure.url)} {failure.what}: correct the redirect.")
        return good(
            "http", f"{shown(failure.url)} {failure.what}. Visitors who type the name alone may not get on."
        )
    if chain.urls[-1].scheme == "https":
        return good("http", f"http://{host} leads to https.")
    return warned("http", f"http://{host} shows pages without encryption: redirect every address to https.")


def of_headers(chain: Chain, config: MonitorConfig) -> list[HealthCheckDetail]:
    """Return the findings about the security headers of the last answer."""
    headers = chain.headers or {}
    found = []
    for name in config.security_headers:
        if name == "Strict-Transport-Security" and chain.urls[-1].scheme != "https":
            continue  # browsers ignore it there
        problem = _header_problem(name, headers.get(name.lower(), ""), headers)
        if not problem:
            continue
        part = f"header.{name.lower()}"
        found.append(warned(part, problem) if config.headers_warn else good(part, problem))
    if not found and config.security_headers:
        found.append(good("headers", "All security headers that are asked for are sent."))
    return found


def _of_status(chain: Chain, config: MonitorConfig) -> HealthCheckDetail:
    status, took = chain.status or 0, chain.took_ms or 0.0
    where = shown(chain.urls[-1])
    said = f"{where} answers {status} in {took:.0f} ms"
    if status >= 500:
        return broken("https", f"{said}: the site fails, look into its server's log.", took)
    if status >= 400:
        return warned("https", f"{said}: make that page, or set another path in the configuration.", took)
    if not 200 <= status < 300:
        return warned("https", f"{said}, which is no page: look at the server's configuration.", took)
    if took >= config.slow_ms:
        return warned("https", f"{said}, which is slow (limit {config.slow_ms} ms): look at its load.", took)
    return good("https", f"{said}.", took)


def _way(chain: Chain) -> str:
    return " → ".join(shown(url) for url in chain.urls)


def _days(days: int) -> str:
    if days < 0:
        return f"{-days} days ago"
    return f"{days} day left" if days == 1 else f"{days} days left"


def _expired(host: str, certificate: Certificate | None) -> str:
    if certificate is None:
        return "The certificate has expired: renew it."
    if certificate.not_after > datetime.now(UTC):
        return "A certificate above the server's own has expired: install the issuer's present chain."
    return f"The certificate has expired on {certificate.not_after:%Y-%m-%d}: renew it."


def _not_yet(host: str, certificate: Certificate | None) -> str:
    since = f" before {certificate.not_before:%Y-%m-%d}" if certificate is not None else ""
    return f"The certificate is not valid{since}: install the right one, or set the server's clock."


def _wrong_host(host: str, certificate: Certificate | None) -> str:
    names = ", ".join(certificate.names[:5]) if certificate is not None else ""
    return f"The certificate is not for {host} (it is for {names or 'no host'}): get one that names {host}."


def _self_signed(host: str, certificate: Certificate | None) -> str:
    return "The certificate is self-signed, which browsers refuse: get one from a certificate authority."


def _unknown(host: str, certificate: Certificate | None) -> str:
    issuer = f", {certificate.issuer}," if certificate is not None else ""
    return (
        f"The certificate's authority{issuer} is not one that browsers trust: "
        "get a certificate from one that they do, or install the whole chain."
    )


def _no_intermediate(host: str, certificate: Certificate | None) -> str:
    issuer = f" of {certificate.issuer}" if certificate is not None else ""
    return (
        f"The server sends its own certificate without that{issuer} above it: "
        "install the whole chain (often called fullchain.pem)."
    )


def _other(host: str, certificate: Certificate | None) -> str:
    return "The certificate is not accepted: have it looked at with a TLS test, and install a correct one."


_DISTRUST: Final = {
    Distrust.EXPIRED: _expired,
    Distrust.NOT_YET_VALID: _not_yet,
    Distrust.WRONG_HOST: _wrong_host,
    Distrust.SELF_SIGNED: _self_signed,
    Distrust.UNKNOWN_AUTHORITY: _unknown,
    Distrust.MISSING_INTERMEDIATE: _no_intermediate,
    Distrust.OTHER: _other,
}

_TO_DO: Final = {
    "proxy": "Check that the domain's server runs, and ask the operator about the proxy (OUTBOUND_PROXY).",
    "dns": "Correct the name, or the redirect to it.",
    "connect": "Check that the server runs and that its firewall lets visitors in.",
    "tls": "Check the server's TLS settings.",
    "send": "Look into the server's log.",
    "headers": "Look at the server's load and into its log.",
    "body": "Look at the server's load and into its log.",
    "redirect": "Correct the redirects at the server.",
    "guard": "Let it lead to a public address.",
}


def _header_problem(name: str, value: str, headers: object) -> str:
    """Return what is wrong with a header and what to send instead; empty where all is well."""
    assert isinstance(headers, dict)
    match name:
        case "Strict-Transport-Security":
            age = re.search(r"max-age\s*=\s*\"?(\d+)", value, re.IGNORECASE)
            if age is None:
                return f"{name} is missing: send 'max-age=31536000' once all is reached by https."
            if int(age[1][:12]) < LEAST_HSTS_SECONDS:
                return f"{name} holds for {age[1][:12]} seconds only: send 'max-age=31536000'."
        case "Content-Security-Policy":
            if not value:
                return f"{name} is missing: begin with \"default-src 'self'\" and allow what pages need."
        case "X-Content-Type-Options":
            if value.strip().lower() != "nosniff":
                return f"{name} is missing or wrong: send 'nosniff'."
        case "Referrer-Policy":
            if not value or "unsafe-url" in value.lower():
                return f"{name} is missing or unsafe: send 'strict-origin-when-cross-origin'."
        case "X-Frame-Options":
            policy = str(headers.get("content-security-policy", ""))
            if value.strip().upper() not in ("DENY", "SAMEORIGIN") and "frame-ancestors" not in policy:
                return f"{name} is missing: send 'SAMEORIGIN', or frame-ancestors in the policy."
    return ""
