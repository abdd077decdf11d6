"""Signatures of outgoing messages.

Source: the Standard Webhooks specification 1.0, sections "Signature scheme" and "Webhook headers": HMAC-SHA256 over
`id.timestamp.body` with the bytes behind `whsec_`, in base64, preceded by the version `v1,`; several signatures, while
secrets are changed over, stand side by side with spaces between.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from plugin_host.errors import PluginConfigError

SECRET_PREFIX = "whsec_"


def signed_headers(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that identify and sign a message.

    Args:
        secrets: Each signs; a receiver accepts a message when one of the signatures fits.
        message_id: The same for each try of a message; receivers recognise repeats by it.
        timestamp: Seconds since 1970, of this try; receivers refuse old ones.

    Raises:
        PluginConfigError: where a secret is not `whsec_` and base64.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.new(_key(secret), signed, hashlib.sha256).digest() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def _key(secret: str) -> bytes:
    try:
        if not secret.startswith(SECRET_PREFIX):
            raise ValueError("no prefix")
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        # The cause would show the secret.
        raise PluginConfigError(
            "The signing secret must be whsec_ followed by base64: set it again on the plugin's page."
        ) from None
