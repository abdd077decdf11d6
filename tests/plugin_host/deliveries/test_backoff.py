from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plugin_host.deliveries.backoff import MAX_FAILURES, longest_wait_seconds, wait_seconds

HOUR = 3600


def test_bounds_grow_up_to_half_a_day() -> None:
    bounds = [longest_wait_seconds(failures) for failures in range(1, MAX_FAILURES)]
    assert bounds == sorted(bounds)
    assert bounds[:3] == [10, 40, 160]
    assert bounds[-1] == 12 * HOUR


def test_about_a_day_lies_between_the_first_and_the_last_attempt() -> None:
    # With full jitter half of each bound is waited on average.
    expected = sum(longest_wait_seconds(failures) for failures in range(1, MAX_FAILURES)) / 2
    assert 16 * HOUR < expected < 32 * HOUR


@given(st.integers(1, MAX_FAILURES))
def test_waits_keep_their_bounds(failures: int) -> None:
    assert 1 <= wait_seconds(failures) <= longest_wait_seconds(failures)


@given(st.floats(0, 10 * HOUR))
def test_what_a_plugin_asks_for_is_never_shortened(asked: float) -> None:
    assert asked <= wait_seconds(1, asked_seconds=asked) <= asked * 1.1


def test_nobody_waits_for_years() -> None:
    assert wait_seconds(1, asked_seconds=1e12) <= 27 * HOUR
