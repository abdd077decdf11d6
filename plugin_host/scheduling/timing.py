"""When something is due: cron lines in a time zone, intervals spread among tenants.

A slot is one such moment. Slots depend on the schedule alone and never on when somebody looks, so two who look at the
same time, or one who looks twice, find the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NeverDue(ValueError):
    """A schedule has no slot that could be named, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an item is due.

    Args:
        cron_expression: Five fields; empty for an interval.
        time_zone: IANA name in which a cron expression is read.
        offset_seconds: How far an interval's slots lie from whole intervals since 1970; spreads tenants.

    Cron expressions follow what cron does when clocks are changed: a time that the change leaves out is due right after
    it, a time that comes twice is due once, the first time. Where minute or hour begins with a star the slots
    follow the time that really passes.
    Source: cron(8) of Debian, "daylight saving time".
    """

    cron_expression: str = ""
    interval_seconds: int | None = None
    time_zone: str = "UTC"
    offset_seconds: int = 0

    def next_slot(self, after: datetime) -> datetime:
        """Return the first slot later than `after`.

        Raises:
            NeverDue: There is none, or the schedule cannot be read here.
        """
        if self.interval_seconds is not None:
            return self._slot_of_interval(self._intervals_at(after) + 1)
        # Where an hour comes twice, a wall clock time may lie behind the moment that we begin at.
        for slot in self._cron_slots(after):
            if slot > after:
                return slot
        raise NeverDue(f"The cron expression {self.cron_expression!r} never comes due.")

    def latest_slot(self, *, since: datetime, until: datetime) -> datetime:
        """Return the last slot up to `until`; `since` is one at or before it."""
        if self.interval_seconds is not None:
            return max(since, self._slot_of_interval(self._intervals_at(until)))
        # One second further on: backwards, the moment itself is not looked at.
        for slot in self._cron_slots(until + timedelta(seconds=1), backwards=True):
            if slot <= until:
                return max(since, slot)
        return since

    def _intervals_at(self, moment: datetime) -> int:
        assert self.interval_seconds is not None  # what the callers look at first
        passed = moment - _EPOCH - timedelta(seconds=self.offset_seconds)
        return passed // timedelta(seconds=self.interval_seconds)

    def _slot_of_interval(self, number: int) -> datetime:
        assert self.interval_seconds is not None  # what the callers look at first
        return _EPOCH + timedelta(seconds=self.offset_seconds + number * self.interval_seconds)

    def _cron_slots(self, start: datetime, *, backwards: bool = False) -> Iterator[datetime]:
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise NeverDue(f"{self.time_zone!r} is no time zone that is known here.") from error
        try:
            moments = CronSim(self.cron_expression, start.astimezone(zone), reverse=backwards)
        except CronSimError as error:
            raise NeverDue(
                f"The cron expression {self.cron_expression!r} cannot be read: {error}."
            ) from error
        for moment in moments:
            yield moment.astimezone(UTC)


def interval_offset(interval_seconds: int, tenant_id: UUID, *names: str) -> int:
    """Return the offset of a tenant's interval: the same in every process, another one for each tenant and item."""
    digest = hashlib.blake2b("\0".join((str(tenant_id), *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % interval_seconds
