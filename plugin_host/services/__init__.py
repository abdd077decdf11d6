"""Every change of what a plugin is for a tenant or for the platform; one function per use case."""

from plugin_host.services.configuration import restore_config, save_config
from plugin_host.services.platform import (
    restore_platform_config,
    save_platform_config,
    save_platform_secrets,
)
from plugin_host.services.secrets import delete_secret, save_secrets, set_secret
from plugin_host.services.states import (
    disable_plugin,
    disable_with_dependants,
    enable_plugin,
    enable_with_required,
    pause_plugin,
    resume_plugin,
    set_fail_open,
)

__all__ = [
    "delete_secret",
    "disable_plugin",
    "disable_with_dependants",
    "enable_plugin",
    "enable_with_required",
    "pause_plugin",
    "restore_config",
    "restore_platform_config",
    "resume_plugin",
    "save_config",
    "save_platform_config",
    "save_platform_secrets",
    "save_secrets",
    "set_fail_open",
    "set_secret",
]
