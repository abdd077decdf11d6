"""A certificate authority of the tests' own."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(
        self,
        *hosts: str,
        days: float = 90.0,
        begun_days_ago: float = 1.0,
        names_issuer: bool = False,
        is_authority: bool = False,
    ) -> Signed:
        """Return a certificate for hosts, or of an authority below this one."""
        return _signed(
            hosts[0],
            hosts,
            by=self,
            days=days,
            begun_days_ago=begun_days_ago,
            names_issuer=names_issuer,
            is_authority=is_authority,
        )

    def context(self, folder: Path, *chain: Signed) -> ssl.SSLContext:
        """Return how a server with this certificate takes connections; it sends `chain` along."""
        name = folder / f"{self.certificate.serial_number:x}-{len(chain)}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        name.write_bytes(key + self.pem + b"".join(one.pem for one in chain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(name)
        return context


@cache
def root(name: str = "Tests' Root") -> Signed:
    """Return an authority that signs itself; the same for the same name."""
    return _signed(name, (), by=None, days=3650, begun_days_ago=30, is_authority=True)


def self_signed(*hosts: str) -> Signed:
    """Return a certificate that nobody but its own key has signed."""
    return _signed(hosts[0], hosts, by=None, days=90, begun_days_ago=1)


def _signed(
    name: str,
    hosts: tuple[str, ...],
    *,
    by: Signed | None,
    days: float,
    begun_days_ago: float,
    names_issuer: bool = False,
    is_authority: bool = False,
) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    # An hour more than whole days, so that a slow test still has as many left.
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=begun_days_ago))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if hosts and not is_authority:
        names = [x509.DNSName(host) for host in hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if names_issuer:
        where = x509.UniformResourceIdentifier("http://issuer.test/ca.cer")
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    signer = by.key if by is not None else key
    return Signed(certificate=builder.sign(signer, hashes.SHA256()), key=key)
