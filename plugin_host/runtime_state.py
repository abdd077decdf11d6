"""The run that plugin code belongs to: which plugin, which tenant, with which configuration and secrets.

The host enters `plugin_run(...)` round every call of plugin code: hooks, routes, pages, tasks, checks, messages. A
ContextVar carries it into coroutines, into `asyncio.to_thread` and into the host's own hook threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

from core.logging import Spellings, bind_log_context, spellings_of


class Secrets:
    """A tenant's secrets for one plugin; no way of printing, copying or storing the object shows a value."""

    __slots__ = ("_plugin", "_spelled", "_values")

    def __init__(self, plugin: str, values: Mapping[str, str] | None = None) -> None:
        self._plugin = plugin
        self._values = dict(values or {})
        self._spelled: Spellings | None = None

    def require(self, key: str) -> str:
        """Return the secret `key`.

        Raises:
            KeyError: where it is not set; the message names plugin and key.
        """
        try:
            return self._values[key]
        except KeyError:
            raise KeyError(
                f"Plugin {self._plugin} needs the secret {key!r}, which is not set: set it on the plugin's page."
            ) from None

    def get(self, key: str, default: str = "") -> str:
        """Return the secret `key`, or `default` where it is not set."""
        return self._values.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __repr__(self) -> str:
        return f"<Secrets of {self._plugin}: {', '.join(sorted(self._values)) or 'none set'}>"

    def __copy__(self) -> Secrets:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secrets:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("Secrets cannot be pickled: read them again where they are needed.")

    def _spellings(self) -> Spellings:
        """Return the values as they may appear in a line; for the host's redaction only."""
        if self._spelled is None:
            self._spelled = spellings_of(self._values.values())
        return self._spelled

    def _changed(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Return the values with some set and those taken away that are None; for the host's trial of unsaved ones."""
        merged = {**self._values, **changes}
        return {key: value for key, value in merged.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRun:
    """One stretch of plugin code, for one tenant.

    Args:
        config: Platform and tenant configuration, merged; schema defaults need not be in it.
        hook: The hook, or `route`, `page`, `initialize` and so on.
        delivery_id: The delivery that is being made, where there is one.
        execution_id: The attempt at a scheduled run, where there is one.
        correlation_id: Ties together everything that one request or task sets off.
        once_scope: What `once(key)` is single within; the delivery where it is empty.
    """

    plugin_id: str
    tenant_id: UUID
    tenant_slug: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Secrets | None = None
    hook: str = ""
    delivery_id: UUID | None = None
    execution_id: UUID | None = None
    correlation_id: UUID | None = None
    once_scope: str = ""


_run: ContextVar[PluginRun | None] = ContextVar("tenantry_plugin_run", default=None)

current_run = _run.get


def plugin_run(run: PluginRun) -> AbstractContextManager[PluginRun]:
    """Run plugin code for `run` inside the block; its log lines are marked and its secrets kept out of them."""
    return _RunBlock(run)


class _RunBlock(AbstractContextManager[PluginRun]):
    """A class, because every hook is run inside one, and a generator takes four times as long."""

    __slots__ = ("_log", "_run", "_token")

    def __init__(self, run: PluginRun) -> None:
        self._run = run
        self._log = bind_log_context(
            tenant=run.tenant_slug or run.tenant_id,
            plugin=run.plugin_id,
            hook=run.hook,
            correlation_id=run.correlation_id,
            delivery=run.delivery_id,
            execution=run.execution_id,
            redact=run.secrets._spellings() if run.secrets is not None else (),
        )

    def __enter__(self) -> PluginRun:
        self._token = _run.set(self._run)
        self._log.__enter__()
        return self._run

    def __exit__(self, *exception: object) -> None:
        self._log.__exit__(None, None, None)
        _run.reset(self._token)
