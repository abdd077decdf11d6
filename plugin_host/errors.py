"""Errors of the plugin SDK.

    PluginError                      a plugin says no, or cannot go on
    ├── HookError                    one hook call went wrong
    │   ├── HookTimeout              it did not answer inside its time limit
    │   └── HookNotStarted           the process had no free thread for it: not the plugin's fault
    ├── PluginInitializationError    the plugin cannot be built or started
    ├── PluginConfigError            its configuration or its secrets do not fit
    ├── PluginLoadError              it cannot be loaded; carries every problem found
    ├── CapabilityNotFoundError      nobody offers what was asked for
    ├── OutsideHost                  the call needs a running Tenantry
    ├── NotReady                     the other side will be ready later
    └── AuthFailed                   the other side refuses the credentials

What the CMS itself raises (`plugin_host.content`, Django views) can be caught under the names that `core.errors` gives
it, which are here too: `Conflict`, `Forbidden`, `Invalid`, `NotFound`, `Stale`, and `FieldError` for a single fault.

What an error does depends on the kind of the hook it leaves: see `plugin_host.hookspec.HookKind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Stale, TenantryError

__all__ = [
    "AuthFailed",
    "CapabilityNotFoundError",
    "Conflict",
    "FieldError",
    "Forbidden",
    "HookError",
    "HookNotStarted",
    "HookTimeout",
    "Invalid",
    "LoadProblem",
    "NotFound",
    "NotReady",
    "OutsideHost",
    "PluginConfigError",
    "PluginError",
    "PluginInitializationError",
    "PluginLoadError",
    "Stale",
]


# What a plugin says is shown to people, and kept with each attempt: a sentence, no document.
MESSAGE_LENGTH: Final = 2000


def sentence_of(message: object) -> str:
    """Return what a plugin gave as a sentence for people as a text, and not longer than people read."""
    if not isinstance(message, str):
        try:
            message = str(message)
        except Exception:  # noqa: BLE001 - a plugin's code: an error must not fail to be told
            message = f"({type(message).__name__})"
    return message if len(message) <= MESSAGE_LENGTH else f"{message[:MESSAGE_LENGTH]}…"


class PluginError(TenantryError):
    """A plugin refuses, or cannot go on; the message is shown to the person.

    Args:
        message: One sentence for a person: what is wrong and what to do; cut after 2,000 characters.
        code: Stable machine name.
        permanent: Whether trying again is pointless; it ends the retries of a delivery.
        errors: Faults of single fields, where the plugin knows them.
    """

    status = 422
    default_code = "plugin_error"
    title = "Refused by a plugin"
    without_reason: ClassVar[str] = "The plugin refuses and gives no reason."
    """Said in place of an empty message."""

    plugin: str = ""
    hook: str = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        permanent: bool = False,
        errors: Sequence[FieldError] = (),
    ) -> None:
        said = sentence_of(message)
        super().__init__(
            said if said.strip() else self.without_reason,
            code=code,
            errors=[replace(error, message=sentence_of(error.message)) for error in errors],
        )
        self.permanent = permanent


class HookError(PluginError):
    """One hook call went wrong.

    Args:
        hook: Name of the hook.
        plugin: Id of the plugin.
        details: What happened, as one sentence.
    """

    default_code = "hook_failed"
    title = "A plugin failed"

    def __init__(
        self,
        hook: str,
        plugin: str,
        details: str,
        *,
        code: str | None = None,
        permanent: bool = False,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(
            f"Hook {hook} failed in plugin {plugin}: {details}", code=code, permanent=permanent, errors=errors
        )
        self.hook = hook
        self.plugin = plugin
        self.details = details


class HookTimeout(HookError):
    """A hook did not answer inside its time limit; whatever it still answers is dropped."""

    default_code = "hook_timeout"


class HookNotStarted(HookError):
    """No thread was free for a hook in time, or another hook held up the event loop."""

    default_code = "hook_not_started"


class PluginInitializationError(PluginError):
    """A plugin cannot be built or started.

    Args:
        plugin: Id of the plugin.
        details: What is missing and how to get it.
        permanent: Whether trying again is pointless.
    """

    default_code = "plugin_initialization"

    def __init__(self, plugin: str, details: str, *, permanent: bool = True) -> None:
        super().__init__(f"Plugin {plugin} failed to initialize: {details}", permanent=permanent)
        self.plugin = plugin
        self.details = details


class PluginConfigError(PluginError):
    """A plugin's configuration or secrets are missing or wrong; trying again without a change is pointless."""

    default_code = "plugin_config"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        permanent: bool = True,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(message, code=code, permanent=permanent, errors=errors)


class CapabilityNotFoundError(PluginError):
    """No enabled plugin of the tenant offers a capability.

    Args:
        capability: The name that was asked for.
        hint: What to do about it.
    """

    default_code = "capability_not_found"

    def __init__(self, capability: str, hint: str = "Enable a plugin that registers it.") -> None:
        super().__init__(f"No enabled plugin offers the capability {capability!r}. {hint}")
        self.capability = capability


class OutsideHost(PluginError):
    """A call needs a running Tenantry: it was made outside a hook, a route, a page, a task and a test fixture."""

    default_code = "outside_host"


class NotReady(PluginError):
    """The other side is not ready yet; the delivery waits and no failure is counted against the plugin.

    Args:
        retry_after: Seconds until the next try; None leaves it to the host's backoff.
    """

    default_code = "not_ready"
    retryable = True
    without_reason = "Not ready yet"

    def __init__(self, message: str = without_reason, *, retry_after: float | None = None) -> None:
        if retry_after is not None and retry_after < 0:
            raise ValueError(f"retry_after is a number of seconds from now, not {retry_after}.")
        super().__init__(message)
        self.retry_after = retry_after


class AuthFailed(PluginError):
    """The other side refuses the credentials: the tenant's people are told to renew the secret."""

    default_code = "auth_failed"
    without_reason = "The service refused the credentials: renew the plugin's secret."

    def __init__(self, message: str = without_reason) -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProblem:
    """One reason why a plugin is not loaded.

    Args:
        stage: Where it was found: `metadata`, `hooks`, `register`, `import` and so on.
        message: What is wrong and what to do.
        subject: The key, hook or argument concerned.
    """

    stage: str
    message: str
    subject: str = ""


class PluginLoadError(PluginError):
    """A plugin cannot be loaded.

    Args:
        plugin: Its id, or the name it was found under.
        problems: Everything that was found, at least one.
    """

    default_code = "plugin_load"

    def __init__(self, plugin: str, problems: Sequence[LoadProblem]) -> None:
        super().__init__(
            f"Plugin {plugin} cannot be loaded: " + " ".join(problem.message for problem in problems),
            permanent=True,
        )
        self.plugin = plugin
        self.problems = tuple(problems)
