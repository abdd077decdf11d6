"""Signal receivers for the length of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal


@contextmanager
def connected(signal: Signal, receiver: Callable[..., Any]) -> Iterator[None]:
    """Connect `receiver` inside the block."""
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)
