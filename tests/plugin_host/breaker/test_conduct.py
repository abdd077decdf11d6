from __future__ import annotations

import time

import pytest

from plugin_host.breaker.conduct import Conduct, conduct_of_run
from plugin_host.runner import Handler, HookFailure, HookOutcome, HookRun

FILTER = "dvp_before_content_create"
GATE = "dvp_before_content_publish"
ACTION = "dvp_content_published"
COLLECT = "dvp_register_health_checks"
FIRST_WINS = "dvp_task_failed"


def run(hook: str, outcome: HookOutcome, *, seconds: float = 0.1, is_not_ready: bool = False) -> HookRun:
    handler = Handler(
        plugin_id="plain", hook=hook, key=hook, call=str, is_async=False, time_limit_seconds=2.0
    )
    failure = HookFailure(text="NotReady: later", is_not_ready=True) if is_not_ready else None
    return HookRun(handler, outcome, time.monotonic(), seconds * 1000, failure)


@pytest.mark.parametrize(
    ("hook", "outcome", "conduct"),
    [
        (FILTER, HookOutcome.DONE, Conduct.GOOD),
        (ACTION, HookOutcome.DONE_WITH_ERRORS, Conduct.GOOD),
        (FILTER, HookOutcome.REFUSED, Conduct.GOOD),
        (GATE, HookOutcome.REFUSED, Conduct.GOOD),
        (ACTION, HookOutcome.REFUSED, Conduct.FAILED),
        (COLLECT, HookOutcome.REFUSED, Conduct.FAILED),
        (FIRST_WINS, HookOutcome.REFUSED, Conduct.FAILED),
        ("record.created", HookOutcome.REFUSED, Conduct.FAILED),
        (GATE, HookOutcome.FAILED, Conduct.FAILED),
        (ACTION, HookOutcome.TIMED_OUT, Conduct.TIMED_OUT),
        (ACTION, HookOutcome.NOT_STARTED, Conduct.UNKNOWN),
    ],
)
def test_an_outcome_says_of_the_plugin(hook: str, outcome: HookOutcome, conduct: Conduct) -> None:
    assert conduct_of_run(run(hook, outcome), slow_share=0.8) is conduct


@pytest.mark.parametrize("hook", [FILTER, ACTION])
def test_not_ready_says_nothing(hook: str) -> None:
    found = conduct_of_run(run(hook, HookOutcome.REFUSED, is_not_ready=True), slow_share=0.8)

    assert found is Conduct.UNKNOWN


@pytest.mark.parametrize(("seconds", "conduct"), [(1.59, Conduct.GOOD), (1.61, Conduct.SLOW)])
def test_slow_is_what_takes_most_of_its_limit(seconds: float, conduct: Conduct) -> None:
    assert conduct_of_run(run(FILTER, HookOutcome.DONE, seconds=seconds), slow_share=0.8) is conduct
