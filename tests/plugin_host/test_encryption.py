from __future__ import annotations

import base64
from uuid import UUID

import pytest

from plugin_host.encryption import (
    CannotOpen,
    InvalidMasterKeys,
    MasterKeyRing,
    UnknownKey,
    data_key_id,
    fingerprint,
    master_key_id,
    new_key,
    new_master_key_entry,
    open_sealed,
    seal,
    sealed_key_id,
    unwrap_data_key,
    wrap_data_key,
)

TENANT = UUID("0190a0a0-0000-7000-8000-00000000000a")
OTHER_TENANT = UUID("0190a0a0-0000-7000-8000-00000000000b")
SECRET = "whsec_ünïcode"


def sealed_somewhere(data_key: bytes) -> bytes:
    return seal(data_key, SECRET, tenant_id=TENANT, plugin_id="webhooks", key="signing_secret")


def test_secret_opens_in_its_own_place() -> None:
    data_key = new_key()
    sealed = sealed_somewhere(data_key)
    opened = open_sealed(data_key, sealed, tenant_id=TENANT, plugin_id="webhooks", key="signing_secret")
    assert opened == SECRET
    assert SECRET.encode() not in sealed
    assert sealed_key_id(sealed) == data_key_id(data_key)


def test_sealing_twice_gives_two_ciphertexts() -> None:
    data_key = new_key()
    assert sealed_somewhere(data_key) != sealed_somewhere(data_key)


@pytest.mark.parametrize(
    ("tenant_id", "plugin_id", "key"),
    [
        (OTHER_TENANT, "webhooks", "signing_secret"),
        (TENANT, "netlify", "signing_secret"),
        (TENANT, "webhooks", "other"),
        # Without lengths in the associated data these two would be the same place.
        (TENANT, "webhook", "ssigning_secret"),
        (TENANT, "webhookss", "igning_secret"),
    ],
)
def test_secret_opens_nowhere_else(tenant_id: UUID, plugin_id: str, key: str) -> None:
    data_key = new_key()
    with pytest.raises(CannotOpen, match="Set it again"):
        open_sealed(data_key, sealed_somewhere(data_key), tenant_id=tenant_id, plugin_id=plugin_id, key=key)


def test_every_flipped_bit_is_noticed() -> None:
    data_key = new_key()
    sealed = sealed_somewhere(data_key)
    for place in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises((CannotOpen, UnknownKey)):
            open_sealed(
                data_key, bytes(damaged), tenant_id=TENANT, plugin_id="webhooks", key="signing_secret"
            )


@pytest.mark.parametrize("length", [0, 1, 8, 20, 36])
def test_secret_that_is_cut_off_does_not_open(length: int) -> None:
    data_key = new_key()
    with pytest.raises(CannotOpen):
        open_sealed(
            data_key,
            sealed_somewhere(data_key)[:length],
            tenant_id=TENANT,
            plugin_id="webhooks",
            key="signing_secret",
        )


def test_secret_of_another_data_key_names_it() -> None:
    sealed_with, present = new_key(), new_key()
    with pytest.raises(UnknownKey, match="sealed with data key") as caught:
        open_sealed(
            present,
            sealed_somewhere(sealed_with),
            tenant_id=TENANT,
            plugin_id="webhooks",
            key="signing_secret",
        )
    assert caught.value.key_id == data_key_id(sealed_with)


def test_data_key_is_wrapped_under_the_first_master_key_and_opens_under_any() -> None:
    old, new = new_key(), new_key()
    data_key = new_key()
    before = wrap_data_key(MasterKeyRing({"2025": old}), data_key, tenant_id=TENANT)
    ring = MasterKeyRing({"2026": new, "2025": old})
    after = wrap_data_key(ring, data_key, tenant_id=TENANT)
    assert [master_key_id(before), master_key_id(after)] == ["2025", "2026"]
    assert [unwrap_data_key(ring, wrapped, tenant_id=TENANT) for wrapped in (before, after)] == [data_key] * 2
    with pytest.raises(UnknownKey, match="put it back into MASTER_KEYS") as caught:
        unwrap_data_key(MasterKeyRing({"2026": new}), before, tenant_id=TENANT)
    assert caught.value.key_id == "2025"


def test_data_key_of_one_tenant_does_not_open_for_another() -> None:
    ring = MasterKeyRing({"k": new_key()})
    wrapped = wrap_data_key(ring, new_key(), tenant_id=TENANT)
    with pytest.raises(CannotOpen):
        unwrap_data_key(ring, wrapped, tenant_id=OTHER_TENANT)


def test_wrapped_key_under_another_id_does_not_open() -> None:
    key = new_key()
    wrapped = wrap_data_key(MasterKeyRing({"one": key}), new_key(), tenant_id=TENANT)
    renamed = wrapped.replace(b"one", b"two", 1)
    with pytest.raises(CannotOpen):
        unwrap_data_key(MasterKeyRing({"two": key}), renamed, tenant_id=TENANT)


@pytest.mark.parametrize("wrapped", [b"", b"\x01", b"\x02\x01a", b"\x01\xffabc", b"\x01\x02\xff\xfe"])
def test_junk_is_no_wrapped_key(wrapped: bytes) -> None:
    with pytest.raises(CannotOpen):
        unwrap_data_key(MasterKeyRing({"k": new_key()}), wrapped, tenant_id=TENANT)


def test_ring_is_read_from_a_setting() -> None:
    first, second = new_key(), new_key()
    text = (
        f"new:{base64.b64encode(first).decode()}, old:{base64.urlsafe_b64encode(second).decode().rstrip('=')}"
    )
    ring = MasterKeyRing.parse(text)
    assert ring.key_ids == ("new", "old")
    assert (ring.primary_id, ring.key("new"), ring.key("old")) == ("new", first, second)
    assert MasterKeyRing.parse([new_master_key_entry("2026-01")]).primary_id == "2026-01"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("", "No master key is configured"),
        ("justakey", "must read '<id>:<base64>'"),
        ("k:not base64!", "'k' is not base64"),
        (f"k:{base64.b64encode(b'short').decode()}", "has 5 bytes; it needs 32"),
        (f"bad id:{base64.b64encode(bytes(32)).decode()}", "cannot be used"),
        (",".join([f"k:{base64.b64encode(bytes(32)).decode()}"] * 2), "names 'k' twice"),
        (",".join(f"{key}:{base64.b64encode(bytes(32)).decode()}" for key in "ab"), "are equal"),
    ],
)
def test_ring_that_cannot_be_used_says_why(setting: str, told: str) -> None:
    with pytest.raises(InvalidMasterKeys, match=told):
        MasterKeyRing.parse(setting)


def test_nothing_prints_a_key() -> None:
    key = new_key()
    assert repr(MasterKeyRing({"k": key})) == "<MasterKeyRing k>"
    encoded = base64.b64encode(key).decode()
    with pytest.raises(InvalidMasterKeys) as caught:
        MasterKeyRing.parse(f"k:{encoded}x!")
    assert encoded not in str(caught.value)


def test_fingerprint_recognises_a_secret_within_its_tenant_only() -> None:
    data_key, other = new_key(), new_key()
    assert fingerprint(data_key, SECRET) == fingerprint(data_key, SECRET)
    assert fingerprint(data_key, SECRET) != fingerprint(data_key, SECRET + "x")
    assert fingerprint(data_key, SECRET) != fingerprint(other, SECRET)
    assert len(fingerprint(data_key, SECRET)) == 8
