from __future__ import annotations

import functools

from plugin_host.hookspec import HOOKS
from plugin_host.runner import HandlerTable, make_handler
from plugin_host.runner.handlers import is_async_callable

SPEC = HOOKS["dvp_before_content_create"]


def test_table_orders_by_priority_then_load_order_then_id() -> None:
    entries = [
        make_handler(SPEC, "late", print, priority=200),
        make_handler(SPEC, "second", print, load_order=2),
        make_handler(SPEC, "b", print, load_order=1),
        make_handler(SPEC, "a", print, load_order=1),
        make_handler(SPEC, "early", print, priority=1, load_order=9),
    ]
    table = HandlerTable(entries)
    assert [entry.plugin_id for entry in table[SPEC.name]] == ["early", "a", "b", "second", "late"]


def test_table_knows_what_nobody_listens_to() -> None:
    table = HandlerTable([make_handler(SPEC, "a", print)])
    assert "dvp_content_created" not in table
    assert table["dvp_content_created"] == ()
    assert SPEC.name in table
    assert [entry.plugin_id for entry in table] == ["a"]


def test_lookup_is_a_dictionary_lookup() -> None:
    # Nothing of ours stands between the dispatcher and the dictionary, so asking for nobody costs next to nothing.
    table = HandlerTable([make_handler(SPEC, "a", print)])
    assert isinstance(getattr(table.get, "__self__", None), dict)
    assert table.get("dvp_content_created", ()) == ()


async def coroutine() -> None:
    return None


class AsyncObject:
    async def __call__(self) -> None:
        return None

    async def method(self) -> None:
        return None


def test_async_callables_are_seen_through_their_wrappings() -> None:
    assert is_async_callable(coroutine)
    assert is_async_callable(functools.partial(functools.partial(coroutine)))
    assert is_async_callable(AsyncObject())
    assert is_async_callable(AsyncObject().method)
    assert not is_async_callable(print)
    assert not is_async_callable(functools.partial(print))


def test_handler_takes_the_hooks_limit_unless_it_has_its_own() -> None:
    assert make_handler(SPEC, "a", print).time_limit_seconds == 2
    assert make_handler(SPEC, "a", print, time_limit_seconds=0.5).time_limit_seconds == 0.5
