"""Encryption of secrets: bytes in, bytes out, no database.

Two layers. Each tenant has data keys, random, that seal its secrets; a data key is kept only wrapped under one of the
installation's master keys. So a master key is changed by wrapping a few hundred data keys again, and a tenant's
secrets are gone for good when its data keys are.

Both layers are AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. The associated data binds a ciphertext to its
place: a wrapped key to its tenant and master key, a sealed secret to tenant, plugin and key. Moved elsewhere it does
not open. Every ciphertext names the key that opens it. What cannot be opened is an error, never a plain text.

    wrapped:  0x01 | length of key id | master key id | nonce (12) | ciphertext and tag
    sealed:   0x01 | data key id (8) | nonce (12) | ciphertext and tag
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import struct
from collections.abc import Iterable, Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import TenantryError

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_DATA_KEY_ID_BYTES = 8
_FORMAT = b"\x01"
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class EncryptionError(TenantryError):
    """A key or a ciphertext cannot be used."""

    default_code = "encryption"
    title = "Encryption failed"


class InvalidMasterKeys(EncryptionError):
    """The configured master keys cannot be used."""

    default_code = "invalid_master_keys"


class UnknownKey(EncryptionError):
    """A ciphertext names a key that is not there.

    Args:
        key_id: The name of the missing key.
    """

    default_code = "unknown_key"

    def __init__(self, message: str, *, key_id: str) -> None:
        super().__init__(message)
        self.key_id = key_id


class CannotOpen(EncryptionError):
    """A ciphertext is damaged, or belongs to another tenant, plugin or key."""

    default_code = "cannot_open"


class MasterKeyRing:
    """The installation's master keys: the first one wraps, all of them unwrap.

    Args:
        keys: 32 bytes each, by key id; the order counts.

    Raises:
        InvalidMasterKeys: where there is none, or one cannot be used.
    """

    __slots__ = ("_keys", "primary_id")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise InvalidMasterKeys(
                "No master key is configured: set MASTER_KEYS to '<id>:<32 random bytes in base64>'; "
                "`openssl rand -base64 32` makes the second part."
            )
        for key_id, key in keys.items():
            if _KEY_ID.fullmatch(key_id) is None:
                raise InvalidMasterKeys(
                    f"The master key id {key_id!r} cannot be used: take up to 64 letters, digits, dots and dashes."
                )
            if len(key) != KEY_BYTES:
                raise InvalidMasterKeys(f"Master key {key_id!r} has {len(key)} bytes; it needs {KEY_BYTES}.")
        if len(set(keys.values())) != len(keys):
            raise InvalidMasterKeys("Two master keys are equal: each id needs its own key.")
        self._keys = dict(keys)
        self.primary_id = next(iter(keys))

    @classmethod
    def parse(cls, entries: str | Iterable[str]) -> MasterKeyRing:
        """Return the ring that a setting describes.

        Args:
            entries: `<id>:<base64>` each, the newest first; one text may hold several, separated by commas.

        Raises:
            InvalidMasterKeys: where an entry cannot be read; no message shows a key.
        """
        listed = entries.split(",") if isinstance(entries, str) else list(entries)
        keys: dict[str, bytes] = {}
        for place, entry in enumerate((part.strip() for part in listed if part.strip()), start=1):
            key_id, colon, encoded = entry.partition(":")
            if not colon:
                raise InvalidMasterKeys(f"Entry {place} of MASTER_KEYS must read '<id>:<base64>'.")
            if key_id in keys:
                raise InvalidMasterKeys(f"MASTER_KEYS names {key_id!r} twice.")
            keys[key_id] = _decoded(key_id, encoded)
        return cls(keys)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys, the wrapping one first."""
        return tuple(self._keys)

    def key(self, key_id: str) -> bytes:
        """Return a master key.

        Raises:
            UnknownKey: where the ring does not have it.
        """
        try:
            return self._keys[key_id]
        except KeyError:
            raise UnknownKey(
                f"Master key {key_id!r} is not configured: put it back into MASTER_KEYS.", key_id=key_id
            ) from None

    def __repr__(self) -> str:
        return f"<MasterKeyRing {', '.join(self._keys)}>"


def new_key() -> bytes:
    """Return 32 random bytes, for a master key or a data key."""
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def new_master_key_entry(key_id: str) -> str:
    """Return a fresh entry for MASTER_KEYS."""
    return f"{key_id}:{base64.urlsafe_b64encode(new_key()).decode()}"


def wrap_data_key(ring: MasterKeyRing, data_key: bytes, *, tenant_id: UUID) -> bytes:
    """Return a tenant's data key, encrypted under the ring's first key."""
    key_id = ring.primary_id.encode()
    sealed = _encrypted(ring.key(ring.primary_id), data_key, _wrapping_data(tenant_id, ring.primary_id))
    return _FORMAT + bytes([len(key_id)]) + key_id + sealed


def unwrap_data_key(ring: MasterKeyRing, wrapped: bytes, *, tenant_id: UUID) -> bytes:
    """Return a tenant's data key.

    Raises:
        UnknownKey: where the ring does not have the master key.
        CannotOpen: where the bytes are damaged or another tenant's.
    """
    key_id = master_key_id(wrapped)
    rest = wrapped[2 + len(key_id.encode()) :]
    return _decrypted(ring.key(key_id), rest, _wrapping_data(tenant_id, key_id), "data key")


def master_key_id(wrapped: bytes) -> str:
    """Return the id of the master key that a data key is wrapped under.

    Raises:
        CannotOpen: where the bytes are no wrapped key.
    """
    if len(wrapped) < 3 or wrapped[:1] != _FORMAT or len(wrapped) < 2 + wrapped[1]:
        raise CannotOpen("This is no wrapped data key.")
    try:
        return wrapped[2 : 2 + wrapped[1]].decode("ascii")
    except UnicodeDecodeError:
        raise CannotOpen("This is no wrapped data key.") from None


def data_key_id(data_key: bytes) -> str:
    """Return the name of a data key, which its ciphertexts carry; it tells nothing about the key."""
    return _data_key_id(data_key).hex()


def sealed_key_id(sealed: bytes) -> str:
    """Return the name of the data key that a secret is sealed with.

    Raises:
        CannotOpen: where the bytes are no sealed secret.
    """
    if len(sealed) < 1 + _DATA_KEY_ID_BYTES + _NONCE_BYTES + _TAG_BYTES or sealed[:1] != _FORMAT:
        raise CannotOpen("This is no sealed secret.")
    return sealed[1 : 1 + _DATA_KEY_ID_BYTES].hex()


def seal(data_key: bytes, secret: str, *, tenant_id: UUID, plugin_id: str, key: str) -> bytes:
    """Return a secret, encrypted for one place: this tenant, this plugin, this key."""
    place = _place(tenant_id, plugin_id, key)
    return _FORMAT + _data_key_id(data_key) + _encrypted(data_key, secret.encode(), place)


def open_sealed(data_key: bytes, sealed: bytes, *, tenant_id: UUID, plugin_id: str, key: str) -> str:
    """Return the secret that was sealed for this place.

    Raises:
        UnknownKey: where it was sealed with another data key.
        CannotOpen: where the bytes are damaged or belong elsewhere.
    """
    named = sealed_key_id(sealed)
    if named != data_key_id(data_key):
        raise UnknownKey(
            f"The secret {key!r} of plugin {plugin_id} was sealed with data key {named}.", key_id=named
        )
    body = sealed[1 + _DATA_KEY_ID_BYTES :]
    what = f"secret {key!r} of plugin {plugin_id}"
    return _decrypted(data_key, body, _place(tenant_id, plugin_id, key), what).decode()


def fingerprint(data_key: bytes, secret: str) -> str:
    """Return eight characters by which people recognise a secret.

    They are keyed with the tenant's data key, so nobody can try guesses against them, and two tenants with the same
    secret have different ones.
    """
    return hmac.digest(data_key, b"tenantry fingerprint\x00" + secret.encode(), "sha256").hex()[:8]


def _decoded(key_id: str, encoded: str) -> bytes:
    try:
        padded = encoded.strip() + "=" * (-len(encoded.strip()) % 4)
        return base64.b64decode(padded, altchars=b"-_" if set("-_") & set(padded) else None, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMasterKeys(f"Master key {key_id!r} is not base64.") from None


def _data_key_id(data_key: bytes) -> bytes:
    return hashlib.sha256(b"tenantry data key\x00" + data_key).digest()[:_DATA_KEY_ID_BYTES]


def _wrapping_data(tenant_id: UUID, key_id: str) -> bytes:
    return _joined("v1", "data key", str(tenant_id), key_id)


def _place(tenant_id: UUID, plugin_id: str, key: str) -> bytes:
    return _joined("v1", str(tenant_id), plugin_id, key)


def _joined(*parts: str) -> bytes:
    # With lengths in front, ("ab", "c") and ("a", "bc") stay two different places.
    return b"".join(struct.pack(">I", len(part)) + part for part in (text.encode() for text in parts))


def _encrypted(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypted(key: bytes, body: bytes, associated: bytes, what: str) -> bytes:
    if len(body) < _NONCE_BYTES + _TAG_BYTES:
        raise CannotOpen(f"The {what} cannot be opened: it is cut off. Set it again.")
    try:
        return AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], associated)
    except InvalidTag:
        raise CannotOpen(
            f"The {what} cannot be opened: it is damaged, or was stored for another place. Set it again."
        ) from None
