"""Programs that some tests need and that are not Python packages."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

# Set in continuous integration, where everything is installed: there nothing may be skipped in silence.
REQUIRE_ALL: Final = os.environ.get("TENANTRY_REQUIRE_ALL") == "1"


def find_program(*names: str) -> str:
    """Return the path of the first of these programs; skip the test, or under TENANTRY_REQUIRE_ALL fail it."""
    for name in names:
        if path := shutil.which(name):
            return path
    return missing(f"none of {', '.join(names)} is installed")


def missing(what: str) -> str:
    """Skip the test because of something that is not installed, or fail it where everything has to be."""
    if REQUIRE_ALL:
        pytest.fail(what)
    pytest.skip(what)
