"""Every plugin that is installed here keeps the contract of all plugins; see `plugin_host.testing.contract`."""

from __future__ import annotations

from plugin_host.registry import loaded_plugins
from plugin_host.testing.contract.suite import *  # noqa: F403  # each contract is a test of this module

# Those that are broken are named too, and fail here with the reason.
CONTRACT_PLUGINS = sorted({*loaded_plugins().plugins, *loaded_plugins().failures})
