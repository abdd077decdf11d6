"""How the plugin is tried by `pytest --plugin-contract netlify-deployer`."""

from __future__ import annotations

from plugin_host.testing.contract import Example, HttpPeer, PeerAnswer


def example(peer: HttpPeer) -> Example:
    """Say which secrets fit, and what Netlify answers."""
    site = "/api/v1/sites/site-contract"
    peer.answer(f"{site}/deploys?per_page=50", PeerAnswer(body=b"[]"))
    peer.answer(site, PeerAnswer(body=b'{"id": "site-contract", "name": "site"}'))
    return Example(
        config={"quiet_seconds": 0, "site": "site-contract"},
        secrets={
            "build_hook": "https://api.netlify.com/build_hooks/5c23354f454e1350f8543e78",
            "token": "contract-token-0123456789",
        },
        services={"netlify": peer.url("")},
    )
