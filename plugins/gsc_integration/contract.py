"""How the plugin is tried by `pytest --plugin-contract gsc-integration`."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from plugin_host.testing.contract import Example, HttpPeer, PeerAnswer


def example(peer: HttpPeer) -> Example:
    """Say where the services are, what they answer, and with which key."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sites = {"siteEntry": [{"siteUrl": "sc-domain:example.com", "permissionLevel": "siteFullUser"}]}
    peer.answer("/token", _json({"access_token": "token-of-the-contract", "expires_in": 3599}))
    peer.answer("/webmasters/v3/sites", _json(sites))
    # The same address answers for days, pages and search terms: a property that nobody has seen fits all of them.
    peer.answer("/webmasters/v3/sites/sc-domain%3Aexample.com/searchAnalytics/query", _json({"rows": []}))
    return Example(
        config={"property": "sc-domain:example.com", "backfill_days": 30},
        secrets={
            "service_account_key": json.dumps(
                {
                    "type": "service_account",
                    "client_email": "reader@example.iam.gserviceaccount.com",
                    "private_key_id": "contract",
                    "private_key": pem,
                }
            )
        },
        services={"google-oauth": peer.url(""), "google-search-console": peer.url("")},
    )


def _json(value: object) -> PeerAnswer:
    return PeerAnswer(headers={"content-type": "application/json"}, body=json.dumps(value).encode())
