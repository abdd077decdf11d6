"""What a hook calls, and in which order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from plugin_host.hookspec import HookSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One plugin's code for one hook.

    Args:
        key: Names it among the plugin's handlers of the hook; part of a delivery's identity.
        call: What is called, already bound to its instance.
        is_async: Whether `call` makes a coroutine.
        priority: Lower runs first.
        load_order: The plugin's place among those loaded; decides between equal priorities.
        fail_open: Whether a failure of this gate lets the operation through.
    """

    plugin_id: str
    hook: str
    key: str
    call: Callable[..., Any]
    is_async: bool
    time_limit_seconds: float
    priority: int = 100
    load_order: int = 0
    fail_open: bool = False


def make_handler(
    spec: HookSpec,
    plugin_id: str,
    call: Callable[..., Any],
    *,
    key: str = "",
    time_limit_seconds: float | None = None,
    priority: int = 100,
    load_order: int = 0,
    fail_open: bool = False,
) -> Handler:
    """Return the handler of a hook of the catalogue."""
    return Handler(
        plugin_id=plugin_id,
        hook=spec.name,
        key=key or spec.name,
        call=call,
        is_async=is_async_callable(call),
        time_limit_seconds=spec.time_limit_seconds if time_limit_seconds is None else time_limit_seconds,
        priority=priority,
        load_order=load_order,
        fail_open=fail_open,
    )


def is_async_callable(call: Callable[..., Any]) -> bool:
    """Say whether calling it makes a coroutine, looking through `functools.partial` and callable objects."""
    while isinstance(call, functools.partial):
        call = call.func
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


class HandlerTable:
    """The handlers of one tenant by hook, each hook's in their order; built once per change of the tenant's plugins."""

    __slots__ = ("_by_hook", "get")

    def __init__(self, handlers: Iterable[Handler] = ()) -> None:
        grouped: dict[str, list[Handler]] = {}
        for handler in handlers:
            grouped.setdefault(handler.hook, []).append(handler)
        self._by_hook = {
            hook: tuple(
                sorted(
                    group, key=lambda entry: (entry.priority, entry.load_order, entry.plugin_id, entry.key)
                )
            )
            for hook, group in grouped.items()
        }
        # The dictionary's own method: a lookup that finds nobody costs what a dictionary costs.
        self.get: Callable[[str, tuple[Handler, ...]], tuple[Handler, ...]] = self._by_hook.get

    @property
    def hooks(self) -> Set[str]:
        """The hooks and event types that have handlers."""
        return self._by_hook.keys()

    def __getitem__(self, hook: str) -> tuple[Handler, ...]:
        return self._by_hook.get(hook, ())

    def __contains__(self, hook: str) -> bool:
        return hook in self._by_hook

    def __iter__(self) -> Iterator[Handler]:
        for group in self._by_hook.values():
            yield from group
