"""What an API key looks like: `tnt_<prefix>_<secret><checksum>`.

prefix     8 letters and digits; names the key, is kept and shown
secret     43 letters and digits, 256 random bits; only a hash of the whole key is kept
checksum   6 letters and digits, CRC-32 of what stands before; tells a slip of the pen from a wrong key without
           asking the database, and lets scanners recognise leaked keys
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIX_LENGTH: Final = 8
_SECRET_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_KEY: Final = re.compile(r"^tnt_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$")

KEY_START: Final = "tnt_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made.

    Args:
        text: The whole key; shown once, kept nowhere.
    """

    text: str
    prefix: str
    secret_hash: bytes


def make_key() -> NewKey:
    """Return a new random key."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_LENGTH))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    body = f"{KEY_START}{prefix}_{secret}"
    text = body + _checksum(body)
    return NewKey(text=text, prefix=prefix, secret_hash=hash_key(text))


def hash_key(text: str) -> bytes:
    """Return what is kept of a key; its 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).digest()


def prefix_of(text: str) -> str | None:
    """Return the prefix of a well-formed key, or None where form or checksum are wrong."""
    found = _KEY.match(text)
    if found is None or _checksum(text[:-_CHECKSUM_LENGTH]) != found[3]:
        return None
    return found[1]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
