"""Font Awesome names in the admin."""

from __future__ import annotations

from pathlib import Path

import pytest

import core
from core.admin.icons import FALLBACK, GLYPHS, glyph, stylesheet


@pytest.mark.parametrize(
    ("icon", "sign"),
    [
        ("fa-check-square", "check_box"),
        ("fas fa-tasks", "checklist"),
        ("fa-solid fa-house", "home"),
        ("bell", "notifications"),
        ("fa-no-such-icon", FALLBACK),
        ("", FALLBACK),
    ],
)
def test_every_name_gives_a_sign(icon: str, sign: str) -> None:
    assert glyph(icon) == sign


def test_the_style_sheet_agrees_with_the_table() -> None:
    path = Path(core.__file__).parent / "static/admin_frame/icons.css"

    assert path.read_text(encoding="utf-8") == stylesheet()
    assert len(GLYPHS) > 60
