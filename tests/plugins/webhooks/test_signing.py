"""Signatures are checked by the reference library of the specification."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.json_schema import SchemaValidator
from plugin_host.errors import PluginConfigError
from webhooks.config import SECRETS_SCHEMA
from webhooks.signing import signed_headers

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = '{"type":"record.published","data":{"title":"Grüße"}}'.encode()


def signed(body: bytes = BODY, message_id: str = "msg_1", age_seconds: int = 0) -> dict[str, str]:
    return signed_headers(
        [SECRET], message_id=message_id, timestamp=int(time.time()) - age_seconds, body=body
    )


def test_the_reference_library_accepts_a_signed_message() -> None:
    assert Webhook(SECRET).verify(BODY, signed()) == {
        "type": "record.published",
        "data": {"title": "Grüße"},
    }


def test_with_two_secrets_both_sign_and_either_is_enough() -> None:
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    headers = signed_headers([SECRET, other], message_id="msg_1", timestamp=int(time.time()), body=BODY)

    assert len(headers["webhook-signature"].split()) == 2
    for secret in (SECRET, other):
        assert Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(bytes(range(1, 33))).decode()).verify(BODY, headers)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
def test_a_changed_header_is_refused(header: str) -> None:
    headers = signed()
    headers[header] = str(int(time.time()) - 1) if header == "webhook-timestamp" else "msg_2"

    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(BODY, headers)


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(BODY.replace(b"published", b"deleted"), signed())


def test_another_secret_is_refused() -> None:
    other = "whsec_" + base64.b64encode(bytes(32)).decode()

    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(other).verify(BODY, signed())


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_!!!!", "whsec_abc"])
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    if secret == "whsec_":
        # An empty key signs; the schema refuses it before anything runs.
        assert not SchemaValidator(SECRETS_SCHEMA).is_valid({"signing_secret": secret})
        return
    with pytest.raises(PluginConfigError) as caught:
        signed_headers([secret], message_id="msg_1", timestamp=0, body=b"")

    assert str(caught.value).startswith("The signing secret must be whsec_ followed by base64")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("size", [24, 25, 26, 32, 64])
def test_the_schema_takes_secrets_of_the_specification(size: int) -> None:
    secret = "whsec_" + base64.b64encode(bytes(size)).decode()

    assert SchemaValidator(SECRETS_SCHEMA).is_valid({"signing_secret": secret})


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_" + base64.b64encode(bytes(20)).decode(),
        "whsec_" + base64.b64encode(bytes(70)).decode(),
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + "é" * 44,
    ],
)
def test_the_schema_refuses_others(secret: str) -> None:
    assert not SchemaValidator(SECRETS_SCHEMA).is_valid({"signing_secret": secret})
