"""When something is due, whoever looks and whenever; days on which clocks are changed included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from core.ids import uuid7
from plugin_host.scheduling.timing import NeverDue, Timing, interval_offset

VIENNA = ZoneInfo("Europe/Vienna")
# Clocks go from 2:00 to 3:00, and from 3:00 back to 2:00.
SPRING, AUTUMN = (2026, 3, 29), (2026, 10, 25)


def cron(expression: str, zone: str = "Europe/Vienna") -> Timing:
    return Timing(cron_expression=expression, time_zone=zone)


def slots(timing: Timing, start: datetime, count: int) -> list[str]:
    """The next slots, as the clock on the wall shows them."""
    found = []
    moment = start
    for _ in range(count):
        moment = timing.next_slot(moment)
        found.append(f"{moment.astimezone(VIENNA):%d %H:%M%z}")
    return found


def test_a_cron_line_is_read_in_its_time_zone() -> None:
    assert cron("0 6 * * *").next_slot(datetime(2026, 7, 1, tzinfo=UTC)) == datetime(
        2026, 7, 1, 4, tzinfo=UTC
    )
    assert cron("0 6 * * *").next_slot(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(
        2026, 1, 1, 5, tzinfo=UTC
    )


def test_a_slot_is_later_than_the_moment() -> None:
    slot = datetime(2026, 7, 1, 4, tzinfo=UTC)

    assert cron("0 6 * * *").next_slot(slot) == slot + timedelta(days=1)
    assert cron("0 6 * * *").next_slot(slot - timedelta(microseconds=1)) == slot


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # Left out by the change: right after it, once.
        ("30 2 * * *", ["29 03:00+0200", "30 02:30+0200"]),
        ("0,30 2 * * *", ["29 03:00+0200", "30 02:00+0200"]),
        ("0 3 * * *", ["29 03:00+0200", "30 03:00+0200"]),
        # By the time that really passes.
        ("*/30 * * * *", ["29 00:00+0100", "29 00:30+0100"]),
    ],
)
def test_a_time_that_is_left_out_is_due_right_after(expression: str, expected: list[str]) -> None:
    assert slots(cron(expression), datetime(2026, 3, 28, 22, 59, tzinfo=UTC), 2) == expected


def test_half_hours_pass_the_change_as_time_does() -> None:
    start = datetime(*SPRING, 0, 45, tzinfo=VIENNA)

    assert slots(cron("*/30 * * * *"), start, 4) == [
        "29 01:00+0100",
        "29 01:30+0100",
        "29 03:00+0200",
        "29 03:30+0200",
    ]


@pytest.mark.parametrize("expression", ["30 2 * * *", "15,30 2 * * *", "30 2,3 * * *"])
def test_a_time_that_comes_twice_is_due_once(expression: str) -> None:
    start = datetime(*AUTUMN, 0, 0, tzinfo=VIENNA)
    found = []
    moment = start
    while (moment := cron(expression).next_slot(moment)) < start + timedelta(hours=23):
        found.append(moment.astimezone(VIENNA))

    assert [one.fold for one in found] == [0] * len(found)
    assert len({(one.hour, one.minute) for one in found}) == len(found)


def test_looking_in_the_middle_of_the_hour_that_comes_twice_finds_nothing_of_the_past() -> None:
    second_pass = datetime(*AUTUMN, 2, 10, tzinfo=VIENNA, fold=1)

    assert slots(cron("30 2 * * *"), second_pass, 1) == ["26 02:30+0100"]
    assert slots(cron("30 * * * *"), second_pass, 1) == ["25 02:30+0100"]


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
@pytest.mark.parametrize(
    "expression", ["30 2 * * *", "0 3 * * *", "*/20 * * * *", "5 */2 * * *", "0 0 * * 7"]
)
def test_whoever_looks_finds_the_same_slots(expression: str, day: tuple[int, int, int]) -> None:
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=6)
    walked = []
    moment = start
    while (moment := cron(expression).next_slot(moment)) < start + timedelta(days=2):
        walked.append(moment)

    minutes = (start + timedelta(minutes=7 * number) for number in range(2 * 24 * 60 // 7))
    for looked in minutes:
        later = [slot for slot in walked if slot > looked]
        if later:
            assert cron(expression).next_slot(looked) == later[0]


@pytest.mark.parametrize(
    "timing", [cron("30 2 * * *"), cron("*/20 * * * *"), Timing(interval_seconds=3600, offset_seconds=1234)]
)
def test_the_latest_slot_is_the_last_one_that_has_passed(timing: Timing) -> None:
    since = timing.next_slot(datetime(2026, 3, 27, tzinfo=UTC))
    walked = [since]
    while walked[-1] < datetime(2026, 3, 31, tzinfo=UTC):
        walked.append(timing.next_slot(walked[-1]))

    for hours in range(80):
        until = since + timedelta(hours=hours, minutes=3)
        assert timing.latest_slot(since=since, until=until) == max(slot for slot in walked if slot <= until)


def test_a_slot_that_is_reached_to_the_second_has_passed() -> None:
    slot = cron("30 2 * * *").next_slot(datetime(*SPRING, tzinfo=UTC) - timedelta(hours=2))

    assert cron("30 2 * * *").latest_slot(since=slot - timedelta(days=3), until=slot) == slot


def test_intervals_are_spread_among_tenants_and_the_same_for_all_who_look() -> None:
    tenants = [uuid7() for _ in range(500)]
    offsets = [interval_offset(3600, tenant, "worker", "task", "worker.sync", "") for tenant in tenants]

    assert offsets == [
        interval_offset(3600, tenant, "worker", "task", "worker.sync", "") for tenant in tenants
    ]
    assert len(set(offsets)) > 400
    assert {offset // 600 for offset in offsets} == set(range(6))


def test_an_intervals_slots_do_not_depend_on_the_moment() -> None:
    tenant = UUID("11111111-1111-1111-1111-111111111111")
    timing = Timing(interval_seconds=300, offset_seconds=interval_offset(300, tenant, "a"))
    first = timing.next_slot(datetime(2026, 1, 1, tzinfo=UTC))

    assert timing.next_slot(first - timedelta(seconds=299)) == first
    assert timing.next_slot(first) == first + timedelta(seconds=300)


@pytest.mark.parametrize(
    ("timing", "told"),
    [
        (cron("0 0 30 2 *"), "cannot be read"),
        (cron("nonsense"), "cannot be read"),
        (cron("0 6 * * *", "Mars/Olympus"), "no time zone that is known here"),
    ],
)
def test_what_is_never_due_says_why(timing: Timing, told: str) -> None:
    with pytest.raises(NeverDue, match=told):
        timing.next_slot(datetime(2026, 1, 1, tzinfo=UTC))
