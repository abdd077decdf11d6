"""Says how long an article takes to read."""

from .plugin import ReadingTime, ReadingTimeConfig

__all__ = ["ReadingTime", "ReadingTimeConfig"]
