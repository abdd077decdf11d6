"""TLS: the two ways of connecting, and what a certificate says.

A connection is first made as a browser makes it. Where that fails, a second one trusts anybody and speaks any version
of TLS, so that the certificate can be read and the reason be told; nothing is sent over it but the same public request.
Source: OpenSSL manual, X509_STORE_CTX_get_error(3), for the numbers of the reasons; RFC 6125 6.4.3 for wildcards.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from plugin_host.errors import PluginConfigError

from .operator_settings import CA_FILE

OLD_VERSIONS: Final = ("SSLv3", "TLSv1", "TLSv1.1")


class Distrust(StrEnum):
    """Why a chain is not trusted."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WRONG_HOST = "wrong host"
    SELF_SIGNED = "self-signed"
    UNKNOWN_AUTHORITY = "unknown authority"
    MISSING_INTERMEDIATE = "missing intermediate"
    OTHER = "other"


_BY_NUMBER: Final = {
    9: Distrust.NOT_YET_VALID,
    10: Distrust.EXPIRED,
    18: Distrust.SELF_SIGNED,
    19: Distrust.UNKNOWN_AUTHORITY,
    20: Distrust.UNKNOWN_AUTHORITY,
    21: Distrust.UNKNOWN_AUTHORITY,
    62: Distrust.WRONG_HOST,
    64: Distrust.WRONG_HOST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server's own certificate says.

    Args:
        names: For which hosts it is.
        chain_length: How many certificates the server sent; None where that cannot be told.
        names_issuer_address: Whether it says where its issuer's certificate is, as those of an intermediate do.
    """

    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    is_self_signed: bool
    names_issuer_address: bool
    chain_length: int | None = None

    def days_left(self, now: datetime) -> int:
        """Return how many whole days it is valid; negative where it has expired."""
        return (self.not_after - now).days

    def fits(self, host: str) -> bool:
        """Say whether it is for a host."""
        return any(_covers(name.lower(), host.rstrip(".").lower()) for name in self.names)


def strict_context(ca_file: str) -> ssl.SSLContext:
    """Return how browsers connect; the same object as long as the file is the same.

    Raises:
        PluginConfigError: The operator's file cannot be read.
    """
    try:
        stamp = Path(ca_file).stat().st_mtime_ns if ca_file else 0
        return _strict_context(ca_file, stamp)
    except (OSError, ssl.SSLError) as error:
        raise PluginConfigError(
            f"{CA_FILE} names {ca_file}, which is no file of certificates that can be read ({error})."
        ) from error


@lru_cache(maxsize=4)
def _strict_context(ca_file: str, stamp: int) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    # Browsers let chains pass that lack what RFC 5280 asks for beyond this; visitors are what counts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


@lru_cache(maxsize=1)
def lax_context() -> ssl.SSLContext:
    """Return how to connect only to see what the other side has: no trust, any version, any cipher."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def read_certificate(connection: ssl.SSLObject) -> Certificate | None:
    """Return what the other side's certificate says; None where there is none or it cannot be read."""
    raw = connection.getpeercert(binary_form=True)
    if not raw:
        return None
    try:
        parsed = x509.load_der_x509_certificate(raw)
        return Certificate(
            issuer=_name(parsed.issuer),
            names=_hosts(parsed),
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            is_self_signed=parsed.issuer == parsed.subject,
            names_issuer_address=_names_issuer_address(parsed),
            chain_length=_chain_length(connection),
        )
    except ValueError:
        return None


def why_distrusted(
    error: ssl.SSLCertVerificationError, certificate: Certificate | None, host: str
) -> list[Distrust]:
    """Return everything that is wrong with a certificate, the reason at which the verification stopped first."""
    first = _BY_NUMBER.get(error.verify_code, Distrust.OTHER)
    if certificate is None:
        return [first]
    if (
        first is Distrust.UNKNOWN_AUTHORITY
        and certificate.chain_length == 1
        and certificate.names_issuer_address
    ):
        first = Distrust.MISSING_INTERMEDIATE
    now = datetime.now(UTC)
    also = {
        Distrust.SELF_SIGNED: certificate.is_self_signed,
        Distrust.EXPIRED: certificate.not_after < now,
        Distrust.NOT_YET_VALID: certificate.not_before > now,
        Distrust.WRONG_HOST: not certificate.fits(host),
    }
    return [first, *(reason for reason, holds in also.items() if holds and reason is not first)]


def _covers(name: str, host: str) -> bool:
    if name.startswith("*."):
        first, _, rest = host.partition(".")
        return bool(first) and rest == name[2:]
    return name == host


def _name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        found = name.get_attributes_for_oid(oid)
        if found:
            return str(found[0].value)
    return name.rfc4514_string()


def _hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses: Sequence[object] = names.get_values_for_type(x509.IPAddress)
    return (*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses))


def _names_issuer_address(certificate: x509.Certificate) -> bool:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(one.access_method == AuthorityInformationAccessOID.CA_ISSUERS for one in access)


def _chain_length(connection: ssl.SSLObject) -> int | None:
    # Public from Python 3.13 on; before, only the first certificate can be had.
    chain = getattr(connection, "get_unverified_chain", None)
    return len(chain()) if chain is not None else None
