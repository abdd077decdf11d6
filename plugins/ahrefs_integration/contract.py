"""How the plugin is tried by `pytest --plugin-contract ahrefs-integration`."""

from __future__ import annotations

import json

from plugin_host.testing.contract import Example, HttpPeer, PeerAnswer


def example(peer: HttpPeer) -> Example:
    """Say where the service is; it has no units left, so that nothing is asked for whose address has a date in it."""
    peer.answer(
        "/v3/subscription-info/limits-and-usage",
        PeerAnswer(
            headers={"content-type": "application/json"},
            body=json.dumps(
                {
                    "limits_and_usage": {
                        "subscription": "Contract",
                        "usage_reset_date": "2099-01-01",
                        "units_limit_workspace": 1000,
                        "units_usage_workspace": 1000,
                        "units_limit_api_key": None,
                        "units_usage_api_key": 1000,
                        "api_key_expiration_date": "2099-01-01T00:00:00Z",
                    }
                }
            ).encode(),
        ),
    )
    return Example(
        config={"target": "example.com"},
        secrets={"api_key": "key-of-the-contract-0123456789"},
        services={"ahrefs": peer.url("/v3")},
    )
