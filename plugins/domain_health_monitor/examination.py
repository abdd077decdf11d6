"""All that is looked at for one domain, side by side, each part inside its own time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from plugin_host import http
from plugin_host.hooks.health_monitor import HealthCheckDetail, HealthStatus

from . import findings
from .certificates import Distrust, strict_context, why_distrusted
from .config import MonitorConfig
from .lookup import Lookup, Lookups
from .operator_settings import OperatorSettings, operator_settings
from .probe import Chain, follow, look_closely


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a look at a domain found.

    Args:
        details: The finding of each part.
        response_time_ms: Until the headers of the last answer; None where there was none.
        certificate_until: When the certificate ends; None where none was seen.
    """

    host: str
    details: tuple[HealthCheckDetail, ...]
    response_time_ms: float | None = None
    certificate_until: datetime | None = None

    @property
    def status(self) -> HealthStatus:
        """The worst of all."""
        return findings.worst(self.details)

    @property
    def message(self) -> str:
        """What decides, in its own words."""
        status = self.status
        return next((one.message for one in self.details if one.status is status), "")


async def examine(host: str, config: MonitorConfig) -> Examination:
    """Look at a domain once.

    Raises:
        PluginConfigError: A setting of the operator cannot be read.
    """
    operator = operator_settings()
    context = strict_context(operator.ca_file)
    lookups = Lookups(operator)
    try:
        found = await lookups.find(host)
        named = findings.of_lookup(found)
        if found.problem:
            return Examination(host=host, details=(named,))
        if not await _is_permitted(found, lookups, operator):
            return Examination(host=host, details=(findings.not_public(),))
        secure, plain = await asyncio.gather(
            _over_https(host, lookups, operator, context, config),
            follow(
                _address("http", host, operator.http_port, 80, config.path),
                lookups,
                context=context,
                max_redirects=config.max_redirects,
                reads_body=False,
                stops_at_https=True,
            ),
        )
    finally:
        await lookups.close()
    chain, details = secure
    return Examination(
        host=host,
        # Of findings that are equally bad the first one is shown; where all is well that is the answer.
        details=(*details, named, findings.of_plain_http(plain, host)),
        response_time_ms=chain.took_ms,
        certificate_until=chain.certificate.not_after if chain.certificate is not None else None,
    )


async def _is_permitted(found: Lookup, lookups: Lookups, operator: OperatorSettings) -> bool:
    try:
        await http.permitted_addresses(found.host, operator.https_port, lookups)
    except http.OutboundRefused:
        return False
    return True


async def _over_https(
    host: str, lookups: Lookups, operator: OperatorSettings, context: ssl.SSLContext, config: MonitorConfig
) -> tuple[Chain, list[HealthCheckDetail]]:
    url = _address("https", host, operator.https_port, 443, config.path)
    chain = await follow(url, lookups, context=context, max_redirects=config.max_redirects)
    reasons: Sequence[Distrust] = ()
    failure = chain.failure
    if failure is not None and failure.stage == "tls" and not failure.is_late and len(chain.urls) == 1:
        closer = await look_closely(url, lookups)
        if isinstance(failure.error, ssl.SSLCertVerificationError):
            reasons = why_distrusted(failure.error, closer.certificate, host)
        chain = replace(chain, certificate=closer.certificate, tls_version=closer.tls_version)
    tls = findings.of_certificate(host, chain, reasons, config)
    if tls is not None and tls.status is HealthStatus.UNHEALTHY and failure is not None:
        return chain, [tls]  # the reason alone: that no page came follows from it
    details = [*findings.of_answer(chain, config), *([tls] if tls is not None else [])]
    if chain.failure is None:
        details += findings.of_headers(chain, config)
    return chain, details


def _address(scheme: str, host: str, port: int, usual: int, path: str) -> str:
    where = f"[{host}]" if ":" in host else host
    return f"{scheme}://{where}{path}" if port == usual else f"{scheme}://{where}:{port}{path}"
