"""The key of a service account: what is in the file, and the assertion that it signs.

Source: "Using OAuth 2.0 for Server to Server Applications", section "HTTP/REST", of Google's identity documentation
(developers.google.com/identity/protocols/oauth2/service-account); RFC 7515, RFC 7523.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from plugin_host.errors import PluginConfigError

SCOPE: Final = "https://www.googleapis.com/auth/webmasters.readonly"
# What Google wants to read in the assertion, wherever the operator sends it; never what the key's file says.
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
LIFETIME_SECONDS: Final = 3600

_ADVICE: Final = "Make a key of type JSON for the service account, and paste the whole file."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountKey:
    """A key that can sign.

    Args:
        email: The account's address; it must be a user of the property.
        key_id: Which of the account's keys it is; may be empty.
    """

    email: str
    key_id: str
    private_key: RSAPrivateKey = field(repr=False)

    def assertion(self, *, now: int) -> str:
        """Return a signed JWT that asks for an access token to read Search Console.

        Args:
            now: Seconds since 1970.
        """
        header = {"alg": "RS256", "typ": "JWT", **({"kid": self.key_id} if self.key_id else {})}
        claims = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        signature = self.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_base64(signature)}"


def read_key(text: str) -> ServiceAccountKey:
    """Return the key that a service account's JSON file holds.

    Raises:
        PluginConfigError: It is none; the message says what is missing and shows nothing of it.
    """
    # The causes of these errors would show parts of the secret.
    try:
        found = json.loads(text)
    except ValueError:
        raise _wrong("The service account's key is no JSON.") from None
    if not isinstance(found, dict):
        raise _wrong("The service account's key is no JSON object.")
    if found.get("type") != "service_account":
        kind = found.get("type")
        shown = (
            kind if kind in ("authorized_user", "external_account", "impersonated_service_account") else ""
        )
        raise _wrong(
            "The JSON is not the key of a service account: its type must be service_account"
            + (f", not {shown}." if shown else ".")
        )
    missing = [name for name in ("client_email", "private_key") if not _is_text(found.get(name))]
    if missing:
        raise _wrong(f"The service account's key has no {' and no '.join(missing)}.")
    if "@" not in found["client_email"]:
        raise _wrong("client_email of the service account's key is no address.")
    key_id = found.get("private_key_id")
    return ServiceAccountKey(
        email=found["client_email"].strip(),
        key_id=key_id if isinstance(key_id, str) else "",
        private_key=_private_key(found["private_key"]),
    )


def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key: Any = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong("private_key of the service account's key cannot be read.") from None
    if not isinstance(key, RSAPrivateKey):
        raise _wrong("private_key of the service account's key is no RSA key.")
    return key


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _wrong(problem: str) -> PluginConfigError:
    return PluginConfigError(f"{problem} {_ADVICE}")


def _encoded(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
