"""One call of one handler: on a thread or on a loop, inside its time limit, with an account of it."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import traceback
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from time import monotonic
from types import AsyncGeneratorType, GeneratorType
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import ThreadSensitiveContext

from core.errors import TenantryError
from core.logging import CollectedLines, LogLine, collect_log_lines, get_logger, redact
from plugin_host.errors import (
    HookNotStarted,
    HookTimeout,
    NotReady,
    PluginError,
    PluginInitializationError,
)
from plugin_host.hookspec import HOOKS, INLINE_BUDGET_SECONDS, HookKind, generator_problem
from plugin_host.runner.handlers import Handler
from plugin_host.runner.loops import BlockReport, LoopJob, LoopThread, LoopWatchdog, running_handler
from plugin_host.runner.outcomes import (
    ExecuteResult,
    HookFailure,
    HookOutcome,
    HookRun,
)
from plugin_host.runner.threads import HookThreads, Lease

_T = TypeVar("_T")
Bind = Callable[[Handler], AbstractContextManager[object]]
MakeArguments = Callable[[Handler], tuple[Any, ...]]
_logger = get_logger(__name__)

# Looked up for every call.
_DONE = HookOutcome.DONE
# How long a cancelled coroutine gets to clean up, and a loop to answer, before they count as stuck.
_GRACE_SECONDS = 0.25
_MAX_LINES = 200


class InlineBudget:
    """What the inline hooks of one operation may take together.

    Args:
        seconds: The whole of it.
    """

    __slots__ = ("left_seconds",)

    def __init__(self, seconds: float = INLINE_BUDGET_SECONDS) -> None:
        self.left_seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStats:
    """The state of a runner, for metrics and for the decision to replace the process.

    Args:
        threads_working: Threads that hooks have at this moment.
        threads_stuck: Abandoned threads whose code has not returned.
        tasks_stuck: Coroutines that ignore their cancellation.
        timed_out: Calls that were given up, since the start.
        late_results: Answers that came after that and were dropped.
        loops_stuck: Inline event loops that were replaced because a hook holds them up.
    """

    threads_working: int
    threads_stuck: int
    tasks_stuck: int
    timed_out: int
    late_results: int
    loops_stuck: int

    @property
    def stuck(self) -> int:
        """How many threads, coroutines and loops are held by code that does not end."""
        return self.threads_stuck + self.tasks_stuck + self.loops_stuck


class _Progress:
    """What is known of a call from outside while it runs."""

    __slots__ = ("ended", "given_up", "lines", "started", "submitted")

    def __init__(self) -> None:
        self.submitted = monotonic()
        self.started: float | None = None
        self.ended: float | None = None
        self.given_up = False
        self.lines: CollectedLines | None = None

    def begin(self) -> CollectedLines:
        """Note that the handler's code begins, or goes on as a coroutine; return where its log lines go."""
        self.started = self.started or monotonic()
        self.ended = None
        if self.lines is None:
            self.lines = CollectedLines(limit=_MAX_LINES)
        return self.lines

    def duration_ms(self) -> float:
        if self.started is None:
            return 0.0
        return ((self.ended or monotonic()) - self.started) * 1000


# What a handler returned, or raised instead, and the account of it; a plain tuple, because it is unpacked at once.
_Executed = tuple[Any, BaseException | None, HookRun]


_new_tuple = tuple.__new__
_GENERATORS = frozenset({GeneratorType, AsyncGeneratorType})


class _Answer(NamedTuple):
    """What a handler's code ended with; texts are made where its secrets are known, so that they are masked."""

    value: Any = None
    error: BaseException | None = None
    failure: HookFailure | None = None


@dataclass(slots=True)
class _Counters:
    timed_out: int = 0
    late_results: int = 0
    stray_tasks: set[asyncio.Task[Any]] = field(default_factory=set)


class HookCalls:
    """Calls handlers; the base of `HookRunner`, which knows the kinds.

    Args:
        threads: How many `def` hooks (and `async def` hooks that use the ORM) may run at a time.
        bind: Returns the context in which a handler's code runs: its plugin, tenant, configuration and secrets.
        sink: Gets the account of every call; must be quick and must not raise.
        before_call: Called in the caller's thread before the inline calls of one operation, with the first of its
            handlers; raises where no hook may run now, as inside a transaction.
        after_run: Called in a hook's thread when the hook has ended, to tidy up database connections.
        after_abandoned: Called in a hook's thread that ends, to close database connections.
        on_blocked: Called, from a thread of the watchdog, when a hook holds up an event loop.
        block_threshold_seconds: How long an event loop may fail to answer.
        max_stuck: From how many stuck threads and tasks on `is_worn_out` asks for another process.
    """

    def __init__(
        self,
        *,
        threads: int = 32,
        bind: Bind | None = None,
        sink: Callable[[HookRun], None] | None = None,
        before_call: Callable[[Handler], None] | None = None,
        after_run: Callable[[], None] | None = None,
        after_abandoned: Callable[[], None] | None = None,
        on_blocked: Callable[[BlockReport], None] | None = None,
        block_threshold_seconds: float = 0.5,
        max_stuck: int = 8,
    ) -> None:
        self._size = threads
        self._bind: Bind = bind if bind is not None else _unbound
        self._sink = sink
        self._before_call = before_call
        self._after_run = after_run
        self._after_abandoned = after_abandoned
        self._on_blocked = on_blocked
        self._block_threshold = block_threshold_seconds
        self._max_stuck = max_stuck
        self._start_over()
        _runners.add(self)

    def _start_over(self) -> None:
        self._lock = threading.Lock()
        self._threads = HookThreads(
            self._size, after_run=self._after_run, after_abandoned=self._after_abandoned
        )
        self._loop_thread: LoopThread | None = None
        self._retired_loops: list[LoopThread] = []
        self._watchdogs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopWatchdog] = (
            weakref.WeakKeyDictionary()
        )
        self._counters = _Counters()

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def stats(self) -> RunnerStats:
        """The runner's state."""
        return RunnerStats(
            threads_working=self._threads.working,
            threads_stuck=self._threads.stuck,
            tasks_stuck=len(self._counters.stray_tasks),
            timed_out=self._counters.timed_out,
            late_results=self._counters.late_results,
            loops_stuck=sum(loop.is_alive for loop in self._retired_loops),
        )

    @property
    def is_worn_out(self) -> bool:
        """Whether so much is stuck that the process should be replaced when its work is done."""
        return self.stats.stuck >= self._max_stuck

    @contextmanager
    def watched(
        self, *, sink: Callable[[HookRun], None], on_blocked: Callable[[BlockReport], None]
    ) -> Iterator[None]:
        """Tell somebody else, too, of every call and every blocked loop inside the block; for tests of plugins."""
        usual_sink, usual_on_blocked = self._sink, self._on_blocked

        def tell_run(run: HookRun) -> None:
            sink(run)
            if usual_sink is not None:
                usual_sink(run)

        def tell_blocked(report: BlockReport) -> None:
            on_blocked(report)
            if usual_on_blocked is not None:
                usual_on_blocked(report)

        self._sink, self._on_blocked = tell_run, tell_blocked
        try:
            yield
        finally:
            self._sink, self._on_blocked = usual_sink, usual_on_blocked

    def close(self) -> None:
        """Let go of threads and loops; what still runs is left to itself."""
        self._threads.close()
        for watchdog in list(self._watchdogs.values()):
            watchdog.close()
        if self._loop_thread is not None:
            self._loop_thread.retire()
            self._loop_thread = None

    # -- one call, somebody waits --------------------------------------------------------------------------------

    def call(
        self,
        handler: Handler,
        args: Sequence[Any],
        *,
        time_limit_seconds: float | None = None,
        bind: Bind | None = None,
        budget: InlineBudget | None = None,
    ) -> Any:
        """Call one handler and return what it returns.

        Raises:
            HookTimeout: where it is late; its late answer is dropped.
            HookNotStarted: where no time or no thread was left for it.
            BaseException: whatever the handler raises.
        """
        result = self.execute(handler, args, time_limit_seconds=time_limit_seconds, bind=bind, budget=budget)
        if result.error is not None:
            raise result.error
        return result.value

    def execute(
        self,
        handler: Handler,
        args: Sequence[Any],
        *,
        time_limit_seconds: float | None = None,
        bind: Bind | None = None,
        budget: InlineBudget | None = None,
    ) -> ExecuteResult:
        """Call one handler and return what came of it; whatever the handler does, this returns by its deadline."""
        self._check((handler,))
        value, error, run = self._execute(handler, args, time_limit_seconds, bind, budget)
        self._account(run)
        return ExecuteResult(value, error, run)

    def _check(self, handlers: Sequence[Handler]) -> None:
        """Raise where no hook may run now."""
        if handlers and self._before_call is not None:
            self._before_call(handlers[0])

    def _execute(
        self,
        handler: Handler,
        args: Sequence[Any],
        time_limit_seconds: float | None,
        bind: Bind | None,
        budget: InlineBudget | None,
    ) -> _Executed:
        limit = handler.time_limit_seconds if time_limit_seconds is None else time_limit_seconds
        progress = _Progress()
        if budget is None:
            return self._within(handler, args, limit, bind or self._bind, progress)
        left = budget.left_seconds
        if left < limit:
            if left <= 0:
                error = HookNotStarted(
                    handler.hook, handler.plugin_id, "the hooks before it used up the operation's time."
                )
                return _finished(handler, progress, _failed(error), HookOutcome.NOT_STARTED)
            limit = left
        try:
            return self._within(handler, args, limit, bind or self._bind, progress)
        finally:
            budget.left_seconds -= monotonic() - progress.submitted

    def _within(
        self, handler: Handler, args: Sequence[Any], limit: float, bind: Bind, progress: _Progress
    ) -> _Executed:
        context = copy_context()
        deadline = progress.submitted + limit
        if handler.is_async:
            return self._on_loop(handler, lambda: handler.call(*args), deadline, bind, progress, context)
        lease = self._threads.lease(handler.plugin_id)
        try:
            future = lease.submit(context.run, self._run_def, handler, args, bind, progress)
            try:
                answer = future.result(timeout=max(0.0, deadline - monotonic()))
            except (TimeoutError, FutureCancelled):
                return self._given_up(handler, progress, future, limit)
        finally:
            lease.release()
        if inspect.isawaitable(answer.value):
            awaitable = answer.value
            return self._on_loop(handler, lambda: awaitable, deadline, bind, progress, context)
        return _finished(handler, progress, answer)

    def _on_loop(
        self,
        handler: Handler,
        make: Callable[[], Any],
        deadline: float,
        bind: Bind,
        progress: _Progress,
        context: Context,
    ) -> _Executed:
        loop_thread, job = self._submit_to_loop(
            handler, lambda: self._run_async(handler, make, bind, progress), context
        )
        try:
            answer = job.future.result(timeout=max(0.0, deadline - monotonic()))
        except (TimeoutError, FutureCancelled):
            job.cancel()
            if not loop_thread.answers(_GRACE_SECONDS):
                holder = loop_thread.who_runs()
                self._replace_loop(loop_thread)
                if holder is not None and holder is not handler:
                    self._counters.timed_out += 1
                    error = HookNotStarted(
                        handler.hook,
                        handler.plugin_id,
                        f"the event loop was held up by {holder.hook} of plugin {holder.plugin_id}.",
                    )
                    return _finished(handler, progress, _failed(error), HookOutcome.NOT_STARTED)
            return self._given_up(handler, progress, job.future, deadline - progress.submitted)
        return _finished(handler, progress, answer)

    def _given_up(
        self, handler: Handler, progress: _Progress, future: Future[Any], limit: float
    ) -> _Executed:
        progress.given_up = True
        self._counters.timed_out += 1
        future.add_done_callback(self._late)
        if progress.started is None:
            busy = HookNotStarted(
                handler.hook, handler.plugin_id, f"nothing was free to run it within {limit:g} seconds."
            )
            return _finished(handler, progress, _failed(busy), HookOutcome.NOT_STARTED)
        late = HookTimeout(handler.hook, handler.plugin_id, f"it took longer than {limit:g} seconds.")
        return _finished(handler, progress, _failed(late), HookOutcome.TIMED_OUT)

    def _late(self, future: Future[Any]) -> None:
        if not future.cancelled():
            self._counters.late_results += 1

    def _submit_to_loop(
        self, handler: Handler, make: Callable[[], Coroutine[Any, Any, _Answer]], context: Context
    ) -> tuple[LoopThread, LoopJob]:
        # Under the lock, so that a loop is never retired between being chosen and being given the job.
        with self._lock:
            if self._loop_thread is None:
                self._loop_thread = LoopThread(
                    on_blocked=self._blocked, threshold_seconds=self._block_threshold
                )
            loop_thread = self._loop_thread
            if not loop_thread.is_current:
                return loop_thread, loop_thread.submit(make, context)
        raise PluginError(
            f"An async hook called a synchronous service, which runs {handler.hook} of plugin {handler.plugin_id}: "
            "use the service's async form, or asgiref.sync.sync_to_async.",
            code="sync_in_async",
            permanent=True,
        )

    def _replace_loop(self, loop_thread: LoopThread) -> None:
        with self._lock:
            if self._loop_thread is not loop_thread:
                return  # another caller saw it first
            self._loop_thread = None
            self._retired_loops = [*(loop for loop in self._retired_loops if loop.is_alive), loop_thread]
        loop_thread.retire()

    # -- one call, in a worker -----------------------------------------------------------------------------------

    async def arun(
        self,
        handler: Handler,
        args: Sequence[Any],
        *,
        time_limit_seconds: float | None = None,
        bind: Bind | None = None,
        start_limit_seconds: float = 60.0,
    ) -> ExecuteResult:
        """Call one handler from the running event loop, beside others, and return what came of it.

        The time limit counts from the handler's start. `async def` hooks run on the running loop, `def` hooks in a
        thread; each has a thread and a database connection of its own.

        Args:
            start_limit_seconds: How long to wait for a free thread.
        """
        limit = handler.time_limit_seconds if time_limit_seconds is None else time_limit_seconds
        binding = bind or self._bind
        progress = _Progress()
        watchdog = self._watchdog()
        watchdog.begin()
        try:
            if handler.is_async:
                value, error, run = await self._arun_async(
                    handler, lambda: handler.call(*args), limit, binding, progress, copy_context()
                )
            else:
                value, error, run = await self._arun_def(
                    handler, args, limit, binding, progress, start_limit_seconds
                )
        finally:
            watchdog.end()
        self._account(run)
        return ExecuteResult(value, error, run)

    async def _arun_async(
        self,
        handler: Handler,
        make: Callable[[], Any],
        limit: float,
        bind: Bind,
        progress: _Progress,
        context: Context,
    ) -> _Executed:
        running = asyncio.get_running_loop()
        task = running.create_task(self._run_async(handler, make, bind, progress), context=context)
        try:
            await asyncio.wait({task}, timeout=limit)
        except asyncio.CancelledError:
            progress.given_up = True
            task.cancel()
            raise
        if task.done():
            return _finished(handler, progress, task.result())
        progress.given_up = True
        self._counters.timed_out += 1
        task.cancel()
        await asyncio.wait({task}, timeout=_GRACE_SECONDS)
        if not task.done():
            self._counters.stray_tasks.add(task)
            task.add_done_callback(self._stray_ended)
        error = HookTimeout(handler.hook, handler.plugin_id, f"it took longer than {limit:g} seconds.")
        return _finished(handler, progress, _failed(error), HookOutcome.TIMED_OUT)

    def _stray_ended(self, task: asyncio.Task[Any]) -> None:
        self._counters.stray_tasks.discard(task)
        if not task.cancelled():
            self._counters.late_results += 1

    async def _arun_def(
        self,
        handler: Handler,
        args: Sequence[Any],
        limit: float,
        bind: Bind,
        progress: _Progress,
        start_limit: float,
    ) -> _Executed:
        running = asyncio.get_running_loop()
        started: asyncio.Future[None] = running.create_future()

        def begin() -> None:
            if not started.done():
                started.set_result(None)

        context = copy_context()
        lease = self._threads.lease(handler.plugin_id)
        try:
            future = lease.submit(
                context.run,
                self._run_def,
                handler,
                args,
                bind,
                progress,
                lambda: running.call_soon_threadsafe(begin),
            )
            answered = asyncio.wrap_future(future)
            either: set[asyncio.Future[Any]] = {started, answered}
            await asyncio.wait(either, timeout=start_limit, return_when=asyncio.FIRST_COMPLETED)
            if progress.started is None and not answered.done():
                return self._given_up(handler, progress, future, start_limit)
            await asyncio.wait({answered}, timeout=limit)
            if not answered.done():
                return self._given_up(handler, progress, future, limit)
        finally:
            started.cancel()
            lease.release()
        answer: _Answer = answered.result()
        if inspect.isawaitable(answer.value):
            awaitable = answer.value
            left = max(0.0, limit - progress.duration_ms() / 1000)
            return await self._arun_async(handler, lambda: awaitable, left, bind, progress, context)
        return _finished(handler, progress, answer)

    def _watchdog(self) -> LoopWatchdog:
        loop = asyncio.get_running_loop()
        watchdog = self._watchdogs.get(loop)
        if watchdog is None:
            watchdog = LoopWatchdog(
                loop,
                threading.get_ident(),
                on_blocked=self._blocked,
                threshold_seconds=self._block_threshold,
            )
            self._watchdogs[loop] = watchdog
        return watchdog

    # -- plugin code runs here -----------------------------------------------------------------------------------

    def _run_def(
        self,
        handler: Handler,
        args: Sequence[Any],
        bind: Bind,
        progress: _Progress,
        on_start: Callable[[], object] | None = None,
    ) -> _Answer:
        lines = progress.begin()
        if on_start is not None:
            on_start()
        running_handler.set(handler)
        try:
            with collect_log_lines(into=lines), bind(handler):
                try:
                    return _answer_of(handler, handler.call(*args))
                except BaseException as error:  # noqa: BLE001 - the hook dispatch: the kind decides what a failure does
                    return _failed(error)
        except BaseException as error:  # noqa: BLE001 - the host could not enter the plugin's context: the same
            return _failed(error)
        finally:
            progress.ended = monotonic()

    async def _run_async(
        self, handler: Handler, make: Callable[[], Any], bind: Bind, progress: _Progress
    ) -> _Answer:
        lines = progress.begin()
        running_handler.set(handler)
        lease: Lease = self._threads.lease(handler.plugin_id)
        try:
            with collect_log_lines(into=lines), bind(handler):
                try:
                    async with ThreadSensitiveContext(executor=lease):
                        return _answer_of(handler, await make())
                except asyncio.CancelledError as error:
                    if progress.given_up:
                        raise
                    return _failed(error)
                except BaseException as error:  # noqa: BLE001 - the hook dispatch: the kind decides what a failure does
                    return _failed(error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the host could not enter the plugin's context: the same
            return _failed(error)
        finally:
            progress.ended = monotonic()
            lease.release()

    # -- accounts ------------------------------------------------------------------------------------------------

    def _account(self, run: HookRun) -> None:
        if run.failure is not None and run.outcome is not HookOutcome.REFUSED:
            _logger.warning(
                "Hook %s of plugin %s %s: %s",
                run.hook,
                run.plugin_id,
                run.outcome.replace("_", " "),
                run.error,
            )
        if self._sink is not None:
            self._sink(run)

    def _blocked(self, report: BlockReport) -> None:
        _logger.error(
            "Hook %s of plugin %s blocks the event loop for more than %.1f seconds:\n%s",
            report.hook or "(unknown)",
            report.plugin_id or "(unknown)",
            report.seconds,
            report.stack,
        )
        if self._on_blocked is not None:
            self._on_blocked(report)


_runners: weakref.WeakSet[HookCalls] = weakref.WeakSet()


def _start_over_after_fork() -> None:
    # A forked child has the runners, but none of their threads.
    for runner in list(_runners):
        runner._start_over()


os.register_at_fork(after_in_child=_start_over_after_fork)


def _unbound(handler: Handler) -> AbstractContextManager[object]:
    return nullcontext()


def _answer_of(handler: Handler, value: Any) -> _Answer:
    if type(value) not in _GENERATORS:
        return _Answer(value)
    spec = HOOKS.get(handler.hook)
    if spec is not None and spec.kind is HookKind.FILTER:
        return _Answer(value)  # a filter's answers are looked at anyway, and refuse where they are none
    # A decorator hides a generator from the check at load. Taken for an answer, it would be done with nothing done.
    return _failed(TypeError(generator_problem(f"{handler.hook} of plugin {handler.plugin_id}")))


def _failed(error: BaseException) -> _Answer:
    if isinstance(error, TenantryError):
        # Its message is shown to people as it is.
        error.message = redact(error.message)
        error.args = (error.message,)
    message = str(error)
    name = type(error).__name__
    own = error if isinstance(error, PluginError) else None
    failure = HookFailure(
        text=redact(f"{name}: {message}" if message else name),
        code=own.code if own is not None else "",
        traceback=redact("".join(traceback.format_exception(error))),
        permanent=own is not None and own.permanent,
        is_not_ready=isinstance(error, NotReady),
        retry_after_seconds=error.retry_after if isinstance(error, NotReady) else None,
    )
    return _Answer(None, error, failure)


def _finished(
    handler: Handler, progress: _Progress, answer: _Answer, outcome: HookOutcome | None = None
) -> _Executed:
    value, error, failure = answer
    collected = progress.lines
    lines: tuple[LogLine, ...] = ()
    errors = 0
    if collected is not None and (collected.lines or collected.errors):
        lines, errors = tuple(collected.lines), collected.errors
    if outcome is None:
        outcome = _DONE if error is None and not errors else _outcome_of(error)
    began = progress.started
    duration_ms = 0.0 if began is None else ((progress.ended or monotonic()) - began) * 1000
    # As `HookRun(…)`, at a third of its time.
    run = _new_tuple(HookRun, (handler, outcome, progress.submitted, duration_ms, failure, lines, errors))
    return value, error, run


def _outcome_of(error: BaseException | None) -> HookOutcome:
    if error is None:
        return HookOutcome.DONE_WITH_ERRORS
    # A plugin that could not begin has not been asked yet, so it cannot have refused.
    says_no = isinstance(error, PluginError) and not isinstance(error, PluginInitializationError)
    return HookOutcome.REFUSED if says_no else HookOutcome.FAILED
