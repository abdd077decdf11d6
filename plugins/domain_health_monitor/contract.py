"""How the plugin is tried by `pytest --plugin-contract domain-health-monitor`."""

from __future__ import annotations

from plugin_host.testing.contract import Example, HttpPeer


def example(peer: HttpPeer) -> Example:
    """Say what is looked at: an address that needs no name server, and a change of a check of the plugin's own."""
    return Example(
        config={"confirmations": 1, "announce": True},
        arguments={"dvp_execute_health_check": ("domain", "127.0.0.1")},
    )
