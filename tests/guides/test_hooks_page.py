"""The hook reference (docs/plugins/hooks.md): its examples run, and its tables are the code's."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from core.models import Collection
from core.services.commands import COMMANDS
from core.services.records import create_record, delete_record, update_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext, RecordEvent
from plugin_host.hook_reference import filled
from plugin_host.hookspec import HOOKS, ContentLifecycleHooks, HookKind
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant
from tests.guides.workplace import listings, workplace
from tests.plugin_host.installing import Install
from tests.servers import PROJECT

PAGE = PROJECT / "docs/plugins/hooks.md"
KINDS = Path(__file__).parent / "kinds"


FILTER, GATE, UPDATED, DELETED = (
    "dvp_before_content_create",
    "dvp_before_content_delete",
    "dvp_content_updated",
    "dvp_content_deleted",
)
# What the second column of the table of metadata means.
HOOKS_WITH = {
    "all hooks about content": {FILTER, GATE, UPDATED, DELETED},
    "filters and gates": {FILTER, GATE},
    "gates and actions": {GATE, UPDATED, DELETED},
    "actions": {UPDATED, DELETED},
    "`dvp_content_updated`": {UPDATED},
    "hooks about the plugin's life": set(),
}
PLUGIN_KEYS = {"plugin", "revision"}


class Seen(Plugin, ContentLifecycleHooks):
    """Keeps what its hooks are called with."""

    name = "seen"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.contents: list[dict[str, Any]] = []
        self.metadata: dict[str, dict[str, Any]] = {}

    def dvp_before_content_create(
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        self._keep(FILTER, content, metadata)
        return content

    def dvp_content_updated(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._keep(UPDATED, content, metadata)

    def dvp_before_content_delete(
        self, ctx: HookContext, content_id: str, metadata: dict[str, Any] | None = None
    ) -> bool:
        self.metadata[GATE] = metadata or {}
        return True

    def dvp_content_deleted(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._keep(DELETED, content, metadata)

    def _keep(self, hook: str, content: dict[str, Any], metadata: dict[str, Any] | None) -> None:
        self.contents.append(content)
        self.metadata[hook] = metadata or {}


def section(title: str) -> str:
    """Return what stands below a heading, up to the next one."""
    return re.split(rf"^#+ {title}$", PAGE.read_text(), flags=re.MULTILINE)[1].partition("\n#")[0]


def first_column(title: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    return re.findall(r"^\| `?([\w-]+)`? \|", section(title), re.MULTILINE)[1:]


def test_page_says_what_the_catalogue_says() -> None:
    page = PAGE.read_text()

    assert filled(page) == page, "Run `make docs`."


def test_every_kind_is_described() -> None:
    assert first_column("Kinds") == [kind.value for kind in HookKind]


def test_every_hook_has_a_section() -> None:
    page = PAGE.read_text()

    assert re.findall(r"^#### (dvp_\w+)$", page, re.MULTILINE) == list(HOOKS)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("HookContext", [field.name for field in fields(HookContext)]),
        ("Handlers of events", [field.name for field in fields(RecordEvent)]),
    ],
)
def test_attributes_are_the_classes(title: str, names: list[str]) -> None:
    assert first_column(title)[-len(names) :] == names


def test_keys_of_content_and_metadata_are_the_described_ones(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    seen = Seen()
    install(seen)
    record = create_record(collection="posts", data={"title": "A"})
    update_record(record_id=record.pk, data={"title": "B"})
    delete_record(record_id=record.pk)
    deliver_all(tenant)

    assert [list(content) for content in seen.contents] == [first_column("Content")] * 3
    keys = first_column("Metadata")
    assert set(keys) == {key for metadata in seen.metadata.values() for key in metadata} | PLUGIN_KEYS
    described = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section("Metadata"), re.MULTILINE)
    for key, where in described:
        assert {hook for hook, metadata in seen.metadata.items() if key in metadata} == HOOKS_WITH[where]


def test_commands_are_those_of_the_services() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section("Commands"), re.MULTILINE)

    assert {name: re.findall(r"`(\w+)`", arguments) for name, arguments in rows} == {
        name: list(schema["properties"]) for name, schema in COMMANDS.items()
    }


def test_a_page_without_its_regions_is_refused() -> None:
    with pytest.raises(ValueError, match="no region between '<!-- hooks at a glance: begin -->'"):
        filled("# Hooks\n")


def test_the_examples_do_what_the_page_says(tmp_path: Path) -> None:
    files = listings(PAGE)
    tests = {f"{path.stem}/tests/test_it.py": path.read_text() for path in KINDS.glob("*.py")}
    assert sorted(Path(name).parts[0] for name in files) == sorted(Path(name).parts[0] for name in tests)
    with workplace(tmp_path, "tenantry_hooks_page", is_migrated=True) as author:
        author.write({**files, **tests})

        results = author.test_results()

    assert {name for name, trouble in results.items() if not trouble} == set(results), results
    assert {name.partition("::")[0] for name in results} == {Path(name).parts[0] for name in files}
