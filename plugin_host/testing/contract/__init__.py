"""What every plugin promises: a suite for any plugin, `pytest --plugin-contract PLUGIN`.

example     what a plugin brings along so that it can be tried: `contract.py` in its package
samples     values made from schemas, and arguments of every hook
exercise    everything that a plugin can be asked, done once for one tenant; what came of it is kept
watching    which of a plugin's functions run
subject     the plugin under test with its exercises
suite       the contracts, each one test
"""

from plugin_host.testing.contract.example import Example, Request
from plugin_host.testing.peer import HttpPeer, PeerAnswer

__all__ = ["Example", "HttpPeer", "PeerAnswer", "Request"]
