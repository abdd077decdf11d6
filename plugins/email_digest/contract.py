"""How the plugin is tried by `pytest --plugin-contract email-digest`."""

from __future__ import annotations

from plugin_host.testing.contract import Example, HttpPeer


def example(peer: HttpPeer) -> Example:
    """Say who gets the mail; its pattern is more than can be made up."""
    return Example(config={"recipients": ["editor@example.org"]})
