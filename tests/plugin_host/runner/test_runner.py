from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from core.logging import get_logger
from plugin_host.errors import HookError, HookNotStarted, HookTimeout, NotReady, PluginError
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hookspec import HOOKS
from plugin_host.runner import (
    BlockReport,
    Handler,
    HookOutcome,
    HookRun,
    HookRunner,
    InlineBudget,
    make_handler,
)
from plugin_host.runtime_state import PluginRun, Secrets, current_run, plugin_run

FILTER = "dvp_before_content_create"
GATE = "dvp_before_content_delete"
ACTION = "dvp_content_published"
where: ContextVar[str] = ContextVar("where", default="nowhere")


def handler(call: Callable[..., Any], hook: str = FILTER, plugin: str = "p1", **kw: Any) -> Handler:
    return make_handler(HOOKS[hook], plugin, call, **kw)


@pytest.fixture
def runs() -> list[HookRun]:
    return []


@pytest.fixture
def runner(runs: list[HookRun]) -> Iterator[HookRunner]:
    made = HookRunner(threads=4, sink=runs.append)
    yield made
    made.close()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets hooks of a test that hang go on in the end."""
    event = threading.Event()
    yield event
    event.set()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        threading.Event().wait(0.01)


# -- one call ----------------------------------------------------------------------------------------------------


def test_call_returns_what_a_def_hook_returns(runner: HookRunner, runs: list[HookRun]) -> None:
    assert runner.call(handler(lambda a, b: (a, b)), (1, 2)) == (1, 2)
    (run,) = runs
    assert (run.plugin_id, run.hook, run.outcome) == ("p1", FILTER, HookOutcome.DONE)


def test_call_returns_what_an_async_hook_returns(runner: HookRunner) -> None:
    async def hook(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    assert runner.call(handler(hook), (1,)) == 2


def test_call_awaits_what_a_def_hook_returns_to_await(runner: HookRunner) -> None:
    async def inner() -> str:
        return current_run_name()

    def hook() -> Any:
        return inner()

    result = runner.call(handler(hook), (), bind=bound)
    assert result == "p1"


def bound(entry: Handler) -> contextlib.AbstractContextManager[PluginRun]:
    return plugin_run(PluginRun(plugin_id=entry.plugin_id, tenant_id=uuid4()))


def current_run_name() -> str:
    run = current_run()
    return run.plugin_id if run is not None else "outside"


def test_call_carries_the_callers_context(runner: HookRunner) -> None:
    async def async_hook() -> str:
        return where.get()

    token = where.set("tenant a")
    try:
        assert runner.call(handler(where.get), ()) == "tenant a"
        assert runner.call(handler(async_hook), ()) == "tenant a"
    finally:
        where.reset(token)


def test_call_keeps_what_a_hook_sets_out_of_the_callers_context(runner: HookRunner) -> None:
    runner.call(handler(lambda: where.set("changed")), ())
    assert where.get() == "nowhere"


def test_call_raises_what_the_hook_raises(runner: HookRunner, runs: list[HookRun]) -> None:
    def hook() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        runner.call(handler(hook), ())
    assert runs[0].outcome is HookOutcome.FAILED
    assert runs[0].error == "KeyError: 'gone'"
    assert "in hook" in runs[0].traceback


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_call_survives_what_would_end_a_process(runner: HookRunner, error: BaseException) -> None:
    def hook() -> None:
        raise error

    async def async_hook() -> None:
        raise error

    for call in (hook, async_hook):
        result = runner.execute(handler(call), ())
        assert result.error is error
        assert result.run.outcome is HookOutcome.FAILED
    assert runner.call(handler(lambda: "still works"), ()) == "still works"


def test_async_hook_that_cancels_itself_has_failed(runner: HookRunner) -> None:
    async def hook() -> None:
        raise asyncio.CancelledError

    assert runner.execute(handler(hook), ()).run.outcome is HookOutcome.FAILED


def test_def_hook_that_hangs_is_given_up(
    runner: HookRunner, runs: list[HookRun], release: threading.Event
) -> None:
    with pytest.raises(HookTimeout, match=r"longer than 0\.05 seconds"):
        runner.call(handler(lambda: release.wait(30)), (), time_limit_seconds=0.05)
    assert runs[0].outcome is HookOutcome.TIMED_OUT
    assert runner.stats.threads_stuck == 1


def test_late_answer_is_dropped_and_counted(runner: HookRunner, release: threading.Event) -> None:
    runner.execute(handler(lambda: release.wait(30)), (), time_limit_seconds=0.05)
    release.set()
    until(lambda: runner.stats.threads_stuck == 0)
    assert runner.stats.late_results == 1


def test_stuck_threads_leave_room_for_others(runner: HookRunner, release: threading.Event) -> None:
    for _ in range(8):  # twice the size of the pool
        runner.execute(handler(lambda: release.wait(30)), (), time_limit_seconds=0.02)
    assert runner.call(handler(lambda: "free"), ()) == "free"
    assert runner.stats.threads_stuck == 8
    assert runner.is_worn_out


def test_one_plugin_never_has_all_threads(release: threading.Event, runs: list[HookRun]) -> None:
    runner = HookRunner(threads=4, sink=runs.append)
    hanging = handler(lambda: release.wait(30), plugin="hangs", time_limit_seconds=30)
    calls = [threading.Thread(target=runner.execute, args=(hanging, ())) for _ in range(8)]
    for call in calls:
        call.start()
    until(lambda: runner.stats.threads_working == 3)

    answers = [runner.call(handler(lambda: "done", plugin="other"), ()) for _ in range(5)]

    assert answers == ["done"] * 5
    assert runner.stats.threads_working == 3
    release.set()
    for call in calls:
        call.join()
    # Those that waited for a thread of their plugin's share had their turn.
    assert [run.outcome for run in runs if run.plugin_id == "hangs"] == [HookOutcome.DONE] * 8
    runner.close()


def test_abandoned_thread_closes_its_connections_and_ends(release: threading.Event) -> None:
    tidied: list[str] = []
    closed: list[str] = []
    runner = HookRunner(
        threads=2,
        after_run=lambda: tidied.append(threading.current_thread().name),
        after_abandoned=lambda: closed.append(threading.current_thread().name),
    )
    names: list[str] = []

    def hook() -> None:
        names.append(threading.current_thread().name)
        release.wait(30)

    runner.execute(handler(hook), (), time_limit_seconds=0.05)
    assert closed == []
    release.set()
    until(lambda: closed == names)
    assert tidied == []
    runner.close()


def test_thread_is_tidied_after_each_hook_and_used_again() -> None:
    tidied: list[str] = []
    runner = HookRunner(threads=2, after_run=lambda: tidied.append(threading.current_thread().name))
    names = {runner.call(handler(lambda: threading.current_thread().name), ()) for _ in range(3)}
    until(lambda: len(tidied) == 3)
    assert set(tidied) == names
    runner.close()


def test_failure_to_tidy_up_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise OSError("the connection is gone")

    runner = HookRunner(threads=1, after_run=broken)
    assert [runner.call(handler(lambda: 1), ()) for _ in range(3)] == [1, 1, 1]
    until(lambda: "Tidying up after a hook failed" in caplog.text)
    runner.close()


def test_hook_that_finds_no_thread_is_not_blamed(release: threading.Event, runs: list[HookRun]) -> None:
    runner = HookRunner(threads=1, sink=runs.append)
    begun = threading.Event()

    def busy() -> None:
        begun.set()
        release.wait(30)

    holder = threading.Thread(
        target=lambda: runner.execute(handler(busy, plugin="slow"), (), time_limit_seconds=20)
    )
    holder.start()
    assert begun.wait(10)
    with pytest.raises(HookNotStarted):
        runner.call(handler(lambda: 1, plugin="other"), (), time_limit_seconds=0.05)
    assert [(run.plugin_id, run.outcome) for run in runs] == [("other", HookOutcome.NOT_STARTED)]
    release.set()
    holder.join()
    assert runner.call(handler(lambda: "free again"), ()) == "free again"
    runner.close()


def test_async_hook_that_waits_too_long_is_cancelled(runner: HookRunner) -> None:
    cancelled = threading.Event()

    async def hook() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(HookTimeout):
        runner.call(handler(hook), (), time_limit_seconds=0.05)
    assert cancelled.wait(10)
    assert runner.stats.loops_stuck == 0


def test_async_hook_that_blocks_the_loop_is_reported_and_the_loop_replaced(
    release: threading.Event, runs: list[HookRun]
) -> None:
    reports: list[BlockReport] = []
    runner = HookRunner(sink=runs.append, on_blocked=reports.append, block_threshold_seconds=0.05)

    async def blocks() -> None:
        release.wait(30)

    result = runner.execute(handler(blocks, plugin="blocker"), (), time_limit_seconds=0.1)
    assert result.run.outcome is HookOutcome.TIMED_OUT
    until(lambda: bool(reports))
    assert (reports[0].plugin_id, reports[0].hook) == ("blocker", FILTER)
    assert "in blocks" in reports[0].stack
    assert runner.stats.loops_stuck == 1

    async def fine() -> str:
        return "on another loop"

    assert runner.call(handler(fine), ()) == "on another loop"
    release.set()
    until(lambda: runner.stats.loops_stuck == 0)
    runner.close()


def test_hook_behind_a_blocked_loop_is_not_blamed(release: threading.Event, runs: list[HookRun]) -> None:
    runner = HookRunner(sink=runs.append)
    begun = threading.Event()

    async def blocks() -> None:
        begun.set()
        release.wait(30)

    async def innocent() -> None:
        return None

    holder = threading.Thread(
        target=lambda: runner.execute(handler(blocks, plugin="blocker"), (), time_limit_seconds=20)
    )
    holder.start()
    assert begun.wait(10)
    result = runner.execute(handler(innocent, plugin="innocent"), (), time_limit_seconds=0.05)
    assert result.run.outcome is HookOutcome.NOT_STARTED
    assert "plugin blocker" in result.run.error
    release.set()
    holder.join()
    assert runs[-1].outcome is HookOutcome.DONE
    runner.close()


def test_async_hook_cannot_call_an_inline_service_on_its_own_loop(runner: HookRunner) -> None:
    async def inner() -> None:
        return None

    async def hook() -> Any:
        return runner.call(handler(inner), ())

    with pytest.raises(PluginError, match="use the service's async form"):
        runner.call(handler(hook), ())


def test_orm_calls_of_one_async_hook_share_a_thread_of_their_own(runner: HookRunner) -> None:
    async def hook() -> tuple[str, str]:
        first = await sync_to_async(lambda: threading.current_thread().name)()
        second = await sync_to_async(lambda: threading.current_thread().name)()
        return first, second

    first, second = runner.call(handler(hook), ())
    assert first == second
    assert first.startswith("hook-")


def test_before_call_can_forbid_hooks(runner: HookRunner) -> None:
    def forbid(entry: Handler) -> None:
        raise RuntimeError(f"{entry.hook} inside a transaction")

    strict = HookRunner(before_call=forbid)
    with pytest.raises(RuntimeError, match="inside a transaction"):
        strict.call(handler(lambda: 1), ())


# -- accounts ----------------------------------------------------------------------------------------------------


def test_hook_that_logs_an_error_is_done_with_errors(runner: HookRunner, runs: list[HookRun]) -> None:
    def hook() -> None:
        get_logger("a.plugin").info("begins")
        get_logger("a.plugin").error("could not reach it")

    runner.call(handler(hook, ACTION), ())
    assert runs[0].outcome is HookOutcome.DONE_WITH_ERRORS
    assert [(line.level, line.message) for line in runs[0].lines] == [
        ("INFO", "begins"),
        ("ERROR", "could not reach it"),
    ] or [line.message for line in runs[0].lines] == ["could not reach it"]  # where INFO is switched off
    assert runs[0].errors_logged == 1


def test_lines_of_two_hooks_are_kept_apart(runner: HookRunner, runs: list[HookRun]) -> None:
    for text in ("one", "two"):
        runner.call(handler(lambda text=text: get_logger("a.plugin").warning(text)), ())
    assert [[line.message for line in run.lines] for run in runs] == [["one"], ["two"]]


def test_secrets_stay_out_of_accounts_and_messages(
    runner: HookRunner, runs: list[HookRun], caplog: pytest.LogCaptureFixture
) -> None:
    def secret_run(entry: Handler) -> contextlib.AbstractContextManager[PluginRun]:
        secrets = Secrets(entry.plugin_id, {"token": "hunter2-hunter2"})
        return plugin_run(PluginRun(plugin_id=entry.plugin_id, tenant_id=uuid4(), secrets=secrets))

    def fails() -> None:
        get_logger("a.plugin").warning("trying with %s", "hunter2-hunter2")
        raise ValueError("bad token hunter2-hunter2")

    def refuses() -> None:
        raise PluginError("The service said: hunter2-hunter2 is wrong")

    runner.execute(handler(fails), (), bind=secret_run)
    refusal = runner.execute(handler(refuses), (), bind=secret_run).error
    assert "hunter2" not in repr(runs)
    assert "***" in runs[0].traceback
    assert str(refusal) == "The service said: *** is wrong"
    assert "hunter2" not in caplog.text


def test_account_says_what_a_retry_needs(runner: HookRunner, runs: list[HookRun]) -> None:
    def not_ready() -> None:
        raise NotReady("busy", retry_after=30)

    def hopeless() -> None:
        raise PluginError("no such bucket", code="no_bucket", permanent=True)

    runner.execute(handler(not_ready, ACTION), ())
    runner.execute(handler(hopeless, ACTION), ())
    assert (runs[0].retry_after_seconds, runs[0].permanent) == (30, False)
    assert (runs[1].error_code, runs[1].permanent) == ("no_bucket", True)


# -- filters -----------------------------------------------------------------------------------------------------


def pass_value(entry: Handler, value: dict[str, Any]) -> tuple[Any, ...]:
    return (value,)


def test_filter_chains_values_and_copies_them_between_plugins(runner: HookRunner) -> None:
    kept: list[dict[str, Any]] = []

    def first(value: dict[str, Any]) -> dict[str, Any]:
        value["tags"].append("first")
        kept.append(value)
        return value

    async def second(value: dict[str, Any]) -> dict[str, Any]:
        value["tags"].append("second")
        kept[0]["tags"].append("a late change of the first one")
        return value

    original: dict[str, Any] = {"tags": []}
    result = runner.run_filter([handler(first), handler(second, plugin="p2")], original, pass_value)
    assert result.value == {"tags": ["first", "second"]}
    assert original == {"tags": []}
    assert [run.plugin_id for run in result.runs] == ["p1", "p2"]


def test_filter_without_handlers_returns_the_value_itself(runner: HookRunner) -> None:
    value = {"a": 1}
    assert runner.run_filter((), value, pass_value).value is value


def test_filter_that_returns_none_refuses(runner: HookRunner, runs: list[HookRun]) -> None:
    with pytest.raises(
        HookError, match=f"Hook {FILTER} returned None but filter hooks must return a value"
    ) as caught:
        runner.run_filter([handler(lambda value: None)], {}, pass_value)
    assert (caught.value.plugin, caught.value.hook, caught.value.code) == ("p1", FILTER, "hook_returned_none")
    assert caught.value.message.startswith(f"Hook {FILTER} failed in plugin p1: ")
    assert [run.outcome for run in runs] == [HookOutcome.FAILED]


def test_filter_that_raises_plugin_error_refuses(runner: HookRunner, runs: list[HookRun]) -> None:
    def refuse(value: dict[str, Any]) -> dict[str, Any]:
        raise PluginError("Free plan limited to 5000 words")

    never: list[int] = []
    with pytest.raises(PluginError, match="Free plan") as caught:
        runner.run_filter(
            [handler(refuse), handler(lambda value: never.append(1), plugin="p2")], {}, pass_value
        )
    assert (caught.value.plugin, caught.value.hook, caught.value.status) == ("p1", FILTER, 422)
    assert [run.outcome for run in runs] == [HookOutcome.REFUSED]
    assert never == []


def test_filter_that_breaks_keeps_the_value_before_it(runner: HookRunner, runs: list[HookRun]) -> None:
    def breaks(value: dict[str, Any]) -> dict[str, Any]:
        value["title"] = "half done"
        raise ZeroDivisionError

    result = runner.run_filter(
        [
            handler(lambda value: {**value, "a": 1}),
            handler(breaks, plugin="p2"),
            handler(lambda value: {**value, "c": 3}, plugin="p3"),
        ],
        {"title": "whole"},
        pass_value,
    )
    assert result.value == {"title": "whole", "a": 1, "c": 3}
    assert [run.outcome for run in runs] == [HookOutcome.DONE, HookOutcome.FAILED, HookOutcome.DONE]


def test_filter_that_hangs_keeps_the_value_before_it(runner: HookRunner, release: threading.Event) -> None:
    def hangs(value: dict[str, Any]) -> dict[str, Any]:
        release.wait(30)
        value["late"] = True
        return value

    result = runner.run_filter([handler(hangs, time_limit_seconds=0.05)], {"a": 1}, pass_value)
    release.set()
    assert result.value == {"a": 1}
    assert result.runs[0].outcome is HookOutcome.TIMED_OUT


def test_filter_result_that_is_not_accepted_refuses(runner: HookRunner, runs: list[HookRun]) -> None:
    def accept(entry: Handler, before: dict[str, Any], after: Any) -> dict[str, Any]:
        if after["id"] != before["id"]:
            raise PluginError("it changed 'id'.", code="foreign_key_changed")
        return {**before, "data": after["data"]}

    good = handler(lambda value: {**value, "data": 2, "extra": "dropped"})
    assert runner.run_filter([good], {"id": 1, "data": 1}, pass_value, accept=accept).value == {
        "id": 1,
        "data": 2,
    }
    with pytest.raises(HookError, match="failed in plugin p1: it changed 'id'") as caught:
        runner.run_filter([handler(lambda value: {**value, "id": 9})], {"id": 1}, pass_value, accept=accept)
    assert caught.value.code == "foreign_key_changed"
    assert runs[-1].outcome is HookOutcome.FAILED


def test_filter_result_that_cannot_be_copied_refuses(runner: HookRunner) -> None:
    with pytest.raises(HookError, match="cannot be used"):
        runner.run_filter([handler(lambda value: {"lock": threading.Lock()})], {}, pass_value)


def test_filters_share_one_budget(runner: HookRunner, release: threading.Event) -> None:
    def hangs(value: dict[str, Any]) -> dict[str, Any]:
        release.wait(30)
        return value

    budget = InlineBudget(0.1)
    result = runner.run_filter(
        [handler(hangs, plugin=f"p{number}") for number in range(3)], {"a": 1}, pass_value, budget=budget
    )
    assert [run.outcome for run in result.runs] == [
        HookOutcome.TIMED_OUT,
        HookOutcome.NOT_STARTED,
        HookOutcome.NOT_STARTED,
    ]
    assert result.value == {"a": 1}


# -- gates -------------------------------------------------------------------------------------------------------


def no_arguments(entry: Handler) -> tuple[Any, ...]:
    return ()


def test_gate_allows_where_all_do(runner: HookRunner) -> None:
    async def yes() -> bool:
        return True

    result = runner.run_gate([handler(yes, GATE), handler(lambda: True, GATE)], no_arguments)
    assert result.allowed


def test_gate_stops_at_the_first_no(runner: HookRunner, runs: list[HookRun]) -> None:
    result = runner.run_gate([handler(lambda: False, GATE), handler(lambda: True, GATE, "p2")], no_arguments)
    assert [(denial.plugin_id, denial.reason) for denial in result.denials] == [
        ("p1", "Plugin p1 does not allow it and gives no reason.")
    ]
    assert [(run.plugin_id, run.outcome) for run in runs] == [("p1", HookOutcome.REFUSED)]


@pytest.mark.parametrize("answer", [None, 1, "yes", 0])
def test_gate_that_answers_nonsense_fails_closed(runner: HookRunner, answer: object) -> None:
    result = runner.run_gate([handler(lambda: answer, GATE)], no_arguments)
    assert not result.allowed
    assert (
        result.denials[0].reason
        == f"Hook {GATE} failed: it returned {answer!r}, but it must return True or False."
    )
    assert result.runs[0].outcome is HookOutcome.FAILED


def test_gate_that_breaks_fails_closed_unless_it_may_fail_open(runner: HookRunner) -> None:
    def breaks() -> bool:
        raise ZeroDivisionError

    closed = runner.run_gate([handler(breaks, GATE)], no_arguments)
    assert closed.denials[0].reason == f"Hook {GATE} failed: ZeroDivisionError"
    assert runner.run_gate([handler(breaks, GATE, fail_open=True)], no_arguments).allowed


def test_gate_that_hangs_fails_closed(runner: HookRunner, release: threading.Event) -> None:
    result = runner.run_gate([handler(lambda: release.wait(30), GATE, time_limit_seconds=0.05)], no_arguments)
    assert "longer than 0.05 seconds" in result.denials[0].reason


def test_gate_that_refuses_on_purpose_does_so_even_where_it_may_fail_open(runner: HookRunner) -> None:
    def refuses() -> bool:
        raise PluginError("Legal hold")

    result = runner.run_gate([handler(refuses, GATE, fail_open=True)], no_arguments)
    assert result.denials[0].reason == "Legal hold"


def test_publish_gate_collects_everybodys_blockers_and_warnings(runner: HookRunner) -> None:
    hook = "dvp_before_content_publish"
    result = runner.run_gate(
        [
            handler(lambda: PublishGateResult(False, ["No image."], ["Long title."], score=0.4), hook, "seo"),
            handler(lambda: PublishGateResult(True, warnings=["Two typos."]), hook, "spelling"),
            handler(lambda: PublishGateResult(False, ["Not reviewed."]), hook, "review"),
        ],
        no_arguments,
        ask_all=True,
    )
    assert not result.allowed
    assert result.blockers == (("seo", "No image."), ("review", "Not reviewed."))
    assert result.warnings == (("seo", "Long title."), ("spelling", "Two typos."))
    assert result.scores == (("seo", 0.4),)
    assert [denial.plugin_id for denial in result.denials] == ["seo", "review"]


# -- collect and first-wins --------------------------------------------------------------------------------------


def test_collect_joins_lists_and_leaves_out_whoever_fails(runner: HookRunner) -> None:
    def breaks() -> list[int]:
        raise ZeroDivisionError

    result = runner.run_collect(
        [
            handler(lambda: [1, 2]),
            handler(breaks, plugin="p2"),
            handler(lambda: None, plugin="p3"),
            handler(lambda: [3, "four"], plugin="p4"),
            handler(lambda: (5,), plugin="p5"),
        ],
        no_arguments,
        item_type=int,
    )
    assert result.items == (("p1", 1), ("p1", 2), ("p5", 5))
    assert [run.outcome for run in result.runs] == [
        HookOutcome.DONE,
        HookOutcome.FAILED,
        HookOutcome.FAILED,
        HookOutcome.FAILED,
        HookOutcome.DONE,
    ]


def test_first_wins_takes_the_first_answer_and_passes_over_failures(runner: HookRunner) -> None:
    def breaks() -> int:
        raise ZeroDivisionError

    never: list[int] = []
    result = runner.run_first_wins(
        [
            handler(lambda: None),
            handler(breaks, plugin="p2"),
            handler(lambda: 0, plugin="p3"),
            handler(lambda: never.append(1), plugin="p4"),
        ],
        no_arguments,
    )
    assert (result.value, result.plugin_id) == (0, "p3")
    assert never == []


def test_first_wins_without_an_answer(runner: HookRunner) -> None:
    assert runner.run_first_wins([handler(lambda: None)], no_arguments).plugin_id is None


# -- in a worker -------------------------------------------------------------------------------------------------


async def test_arun_runs_hooks_beside_each_other(runner: HookRunner) -> None:
    together = threading.Barrier(3)

    async def async_hook() -> str:
        await sync_to_async(together.wait)(10)
        return threading.current_thread().name

    results = await asyncio.gather(
        runner.arun(handler(lambda: together.wait(10), ACTION), ()),
        runner.arun(handler(async_hook, ACTION), ()),
        runner.arun(handler(lambda: together.wait(10), ACTION), ()),
    )
    assert [result.error for result in results] == [None, None, None]
    assert results[1].value == threading.current_thread().name


async def test_arun_awaits_what_a_def_hook_returns_to_await(runner: HookRunner) -> None:
    async def inner() -> int:
        return 3

    def hook() -> Any:
        return inner()

    assert (await runner.arun(handler(hook, ACTION), ())).value == 3


async def test_arun_takes_a_generator_for_a_failure(runner: HookRunner) -> None:
    def hook() -> Iterator[int]:
        yield 1

    async def async_hook() -> AsyncIterator[int]:
        yield 1

    for made in (hook, async_hook):
        result = await runner.arun(handler(made, ACTION), ())
        assert result.run.outcome is HookOutcome.FAILED
        assert "must not yield" in str(result.error)


async def test_arun_counts_time_from_the_start_of_the_hook(release: threading.Event) -> None:
    runner = HookRunner(threads=1)
    first_begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def holds() -> None:
        loop.call_soon_threadsafe(first_begun.set)
        release.wait(30)

    first = asyncio.create_task(runner.arun(handler(holds, ACTION), (), time_limit_seconds=30))
    await first_begun.wait()
    second = asyncio.create_task(runner.arun(handler(lambda: "ran", ACTION), (), time_limit_seconds=5))
    done, _ = await asyncio.wait({second}, timeout=0.1)
    assert not done
    release.set()
    assert (await second).value == "ran"
    await first
    runner.close()


async def test_arun_gives_up_a_def_hook_that_hangs(runner: HookRunner, release: threading.Event) -> None:
    result = await runner.arun(handler(lambda: release.wait(30), ACTION), (), time_limit_seconds=0.05)
    assert result.run.outcome is HookOutcome.TIMED_OUT
    assert runner.stats.threads_stuck == 1


async def test_arun_gives_up_waiting_for_a_thread(release: threading.Event) -> None:
    runner = HookRunner(threads=1)
    holder = asyncio.create_task(
        runner.arun(handler(lambda: release.wait(30), ACTION), (), time_limit_seconds=30)
    )
    until_started = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(until_started.set_result, None)
    await until_started
    result = await runner.arun(handler(lambda: 1, ACTION), (), start_limit_seconds=0.05)
    assert result.run.outcome is HookOutcome.NOT_STARTED
    release.set()
    await holder
    runner.close()


async def test_arun_cancels_an_async_hook_that_waits_too_long(runner: HookRunner) -> None:
    async def waits() -> None:
        await asyncio.sleep(30)

    result = await runner.arun(handler(waits, ACTION), (), time_limit_seconds=0.05)
    assert result.run.outcome is HookOutcome.TIMED_OUT
    assert runner.stats.tasks_stuck == 0


async def test_arun_abandons_the_thread_of_a_hook_that_was_cancelled_in_a_query(
    runner: HookRunner, release: threading.Event
) -> None:
    async def queries() -> None:
        await sync_to_async(release.wait)(30)

    result = await runner.arun(handler(queries, ACTION), (), time_limit_seconds=0.05)
    assert result.run.outcome is HookOutcome.TIMED_OUT
    assert runner.stats.threads_stuck == 1


async def test_arun_counts_a_coroutine_that_ignores_its_cancellation(runner: HookRunner) -> None:
    go_on = asyncio.Event()

    async def stubborn() -> str:
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()
        return "late"

    result = await runner.arun(handler(stubborn, ACTION), (), time_limit_seconds=0.05)
    assert result.run.outcome is HookOutcome.TIMED_OUT
    assert runner.stats.tasks_stuck == 1
    go_on.set()
    await asyncio.to_thread(until, lambda: runner.stats.tasks_stuck == 0)
    assert runner.stats.late_results == 1


async def test_arun_reports_a_hook_that_blocks_the_workers_loop(release: threading.Event) -> None:
    reports: list[BlockReport] = []
    seen = threading.Event()

    def on_blocked(report: BlockReport) -> None:
        reports.append(report)
        seen.set()

    runner = HookRunner(on_blocked=on_blocked, block_threshold_seconds=0.05)

    async def child() -> None:
        seen.wait(30)  # blocks until the watchdog has seen it

    async def blocks() -> None:
        await asyncio.create_task(child())

    result = await runner.arun(handler(blocks, ACTION, "blocker"), ())
    assert result.run.outcome is HookOutcome.DONE
    assert (reports[0].plugin_id, reports[0].hook) == ("blocker", ACTION)
    runner.close()


async def test_arun_that_is_cancelled_cancels_its_hook(runner: HookRunner) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    task = asyncio.create_task(runner.arun(handler(waits, ACTION), ()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 10)
