from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def the_guides_example_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test's package has the name that every example has; for a name to be free it has to be away."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "guide_004" not in entry])
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_plugin"]:
        monkeypatch.delitem(sys.modules, name)
