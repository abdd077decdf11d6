"""The time that the code under test reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class _Traveller(Protocol):
    def move_to(self, destination: datetime) -> None: ...

    def shift(self, delta: timedelta) -> None: ...


class Clock:
    """Moves the time for Python code in this process; it goes on from there. The database keeps its own.

    clock.move_to(datetime(2026, 1, 5, 6, 0, tzinfo=UTC))
    clock.advance(hours=3)
    """

    def __init__(self, traveller: _Traveller) -> None:
        self._traveller = traveller

    @property
    def now(self) -> datetime:
        """The time that it is."""
        return datetime.now(UTC)

    def move_to(self, moment: datetime) -> None:
        """Make it that time.

        Raises:
            ValueError: The moment has no time zone, so nobody knows when it is.
        """
        if moment.tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone: give it one, for example tzinfo=UTC.")
        self._traveller.move_to(moment)

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Make it that much later; negative amounts make it earlier."""
        self._traveller.shift(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
