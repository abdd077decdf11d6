"""How the plugin is tried by `pytest --plugin-contract webhooks`."""

from __future__ import annotations

from plugin_host.testing.contract import Example, HttpPeer


def example(peer: HttpPeer) -> Example:
    """Say which secret fits; its pattern is more than can be made up."""
    return Example(
        config={"endpoints": [{"name": "crm", "url": peer.url("/hook")}]},
        secrets={"signing_secret": "whsec_Y29udHJhY3QtZXhhbXBsZS1zaWduaW5nLWtleS0wMDE="},
    )
