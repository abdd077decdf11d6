"""Within 1.x the SDK's names are only added to; docs/plugins/stability.md promises it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from plugin_host.sdk_names import breaks, sdk_names
from tests.servers import PROJECT

LIST = PROJECT / "docs/reference/sdk.txt"


def test_no_public_name_has_gone_and_every_new_one_is_listed() -> None:
    committed, today = LIST.read_text().splitlines(), sdk_names()

    assert breaks(committed, today) == []
    assert committed == today, "New names: run `make docs`."


@pytest.mark.parametrize(
    ("today", "broken"),
    [
        (["m.f", "m.f  1 a", "m.f  2 b="], []),
        (["m.f", "m.f  1 a", "m.f  * c=", "m.g", "m.g  1 a"], []),
        (["m.f", "m.f  1 b"], ["Gone or changed: m.f  1 a", "Required where it was not: m.f  1 b"]),
        (["m.f", "m.f  1 a", "m.f  2 b"], ["Required where it was not: m.f  2 b"]),
        ([], ["Gone or changed: m.f", "Gone or changed: m.f  1 a"]),
    ],
)
def test_what_breaks_plugins_is_said(today: list[str], broken: list[str]) -> None:
    assert breaks(["m.f", "m.f  1 a"], today) == broken


def test_command_adds_names_and_refuses_to_lose_one(tmp_path: Path) -> None:
    path = tmp_path / "sdk.txt"
    out = io.StringIO()
    call_command("sdk_names", str(path), stdout=out)
    assert path.read_text().splitlines() == sdk_names()
    assert out.getvalue().endswith(f"{len(sdk_names())} of them new.\n")

    path.write_text("plugin_host.base.Plugin.get_everything\n" + path.read_text())
    with pytest.raises(CommandError, match=r"Gone or changed: plugin_host\.base\.Plugin\.get_everything"):
        call_command("sdk_names", str(path))
