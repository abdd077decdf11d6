"""The guide's package stands beside its test, and its listings must run without an error in the log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a listing that only seems to work because it catches everything and logs."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
