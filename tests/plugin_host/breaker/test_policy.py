from __future__ import annotations

from dataclasses import replace

import pytest

from plugin_host.breaker.policy import BreakerCause, BreakerPolicy, breaker_policy
from plugin_host.models import PluginBreaker

POLICY = BreakerPolicy(
    failures=5,
    timeouts=3,
    slow_runs=20,
    crashes=2,
    slow_share=0.8,
    first_wait_seconds=30,
    longest_wait_seconds=3600,
)


def test_the_settings_have_what_the_reference_says() -> None:
    assert breaker_policy() == POLICY


@pytest.mark.parametrize(
    ("counts", "cause"),
    [
        ({}, None),
        ({"failures": 4, "timeouts": 2, "slow_runs": 19, "crashes": 1}, None),
        ({"failures": 5}, BreakerCause.FAILURES),
        ({"failures": 5, "timeouts": 3}, BreakerCause.TIMEOUTS),
        ({"slow_runs": 20}, BreakerCause.SLOW_RUNS),
        ({"crashes": 2, "failures": 9}, BreakerCause.CRASHES),
    ],
)
def test_each_count_has_its_own_limit(counts: dict[str, int], cause: BreakerCause | None) -> None:
    assert POLICY.cause(PluginBreaker(plugin_id="plain", **counts)) is cause


def test_zero_means_any_number() -> None:
    policy = replace(POLICY, failures=0)

    assert policy.cause(PluginBreaker(plugin_id="plain", failures=10_000)) is None


def test_pauses_double_up_to_the_longest() -> None:
    found = [POLICY.longest_pause_seconds(openings) for openings in range(1, 10)]

    assert found == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert POLICY.longest_pause_seconds(100_000) == 3600


def test_pauses_are_spread_by_a_tenth() -> None:
    found = [POLICY.pause_seconds(2) for _ in range(200)]

    assert 54 <= min(found) < 58
    assert 62 < max(found) <= 66
