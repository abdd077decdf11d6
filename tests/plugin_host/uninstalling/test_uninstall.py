"""Taking plugins out of an installation: what is left is what was there before they came.

Everything runs as an operator does it, in processes of their own over a database of its own.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from core.actors import Actor
from core.errors import Forbidden, Invalid, NotFound
from core.scope import acting_as
from plugin_host.uninstalling.footprint import host_rows
from plugin_host.uninstalling.planning import plan_uninstall
from plugin_host.uninstalling.removing import uninstall_plugin
from tenants.models import Tenant
from tests.guides.workplace import Workplace, workplace
from tests.plugin_host.uninstalling import keeper_package
from tests.servers import given_database

DATABASE = "life_uninstall"
SCRIPT = Path(__file__).with_name("use_plugins.py")
IN_TURN = Path(__file__).with_name("in_turn.py")

Snapshot = dict[str, Any]


@dataclass(slots=True)
class Story:
    """What was said and seen at each step."""

    before: Snapshot = field(default_factory=dict)
    used: Snapshot = field(default_factory=dict)
    after: dict[str, Snapshot] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    exported: list[dict[str, Any]] = field(default_factory=list)
    export_text: str = ""
    export_mode: int = 0
    enabled_again: str = ""


def snapshot() -> Snapshot:
    """Return everything that a plugin could leave behind in the database."""
    found: Snapshot = {}
    with psycopg.connect(given_database(DATABASE)["DATABASE_OWNER_URL"]) as connection:

        def rows(query: str) -> list[Any]:
            return sorted(connection.execute(query).fetchall())

        found["relations"] = rows(
            "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        found["constraints"] = rows("SELECT conname, conrelid::regclass::text FROM pg_constraint")
        found["policies"] = rows("SELECT tablename, policyname FROM pg_policies")
        found["types"] = rows("SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace")
        found["functions"] = rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        found["content types"] = rows("SELECT app_label, model FROM django_content_type")
        found["permissions"] = rows("SELECT codename, content_type_id FROM auth_permission")
        found["migrations"] = rows("SELECT app, name FROM django_migrations")
        found["clock"] = rows("SELECT name, task FROM django_celery_beat_periodictask")
        for one in host_rows():
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(one.table))
            row = connection.execute(count).fetchone()
            assert row is not None
            found[f"rows of {one.table}"] = row[0]
    return found


def refused(place: Workplace, *arguments: str) -> str:
    """Run a command that must fail and return what it says."""
    done = place.run(str(keeper_package.PROJECT / "manage.py"), "plugin", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def said_in_turn(place: Workplace, steps: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, str]]:
    """Run commands as the application, one after the other in one process; return how each ended and what it said."""
    done = place.run(str(IN_TURN), json.dumps(steps))
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (code, said) for name, (code, said) in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Three plugins come, are used by two tenants, and go in three ways."""
    folder = tmp_path_factory.mktemp("installation")
    told = Story()
    with workplace(folder, DATABASE, is_migrated=True) as place:
        place.plugins.mkdir()
        made = said_in_turn(
            place,
            {
                slug: ("tenant", "create", slug, "--name", slug.title(), "--host", f"{slug}.test")
                for slug in ("acme", "globex")
            },
        )
        assert [code for code, _ in made.values()] == [0, 0], made
        told.before = snapshot()
        _install_and_use(place)
        told.used = snapshot()
        _look(place, told)
        _uninstall(place, folder, told)
        yield told


def _install_and_use(place: Workplace) -> None:
    for plugin_id in ("keeper", "keeper-of-bees"):
        place.write(keeper_package.files(plugin_id))
    place.write(keeper_package.files("stubborn"))
    labels = ("plugin_keeper", "plugin_keeper_of_bees", "plugin_stubborn")
    place.manage("makemigrations", *labels, owner=True)
    place.write(
        {
            "stubborn/migrations/0002_no_way_back.py": keeper_package.IRREVERSIBLE.format(
                label="plugin_stubborn"
            )
        }
    )
    place.manage("migrate", owner=True)
    done = place.run(str(SCRIPT), "keeper", "keeper-of-bees", "stubborn")
    assert done.returncode == 0, done.stdout + done.stderr


def _look(place: Workplace, told: Story) -> None:
    told.said["plan"] = place.manage("plugin", "uninstall", "keeper", "--plan")
    told.plans["keeper"] = json.loads(place.manage("plugin", "uninstall", "keeper", "--plan", "--json"))
    told.after["plan"] = snapshot()
    taken = place.folder / "taken.jsonl"
    taken.write_text("precious")
    uninstall = ("plugin", "uninstall")
    steps = {
        "without yes": (*uninstall, "keeper"),
        "without export": (*uninstall, "keeper", "--yes", "--disable"),
        "enabled": (*uninstall, "keeper", "--yes", "--no-export"),
        "unknown": (*uninstall, "keeperr", "--plan"),
        "taken": (*uninstall, "keeper", "--yes", "--disable", "--export", str(taken)),
    }
    for name, (code, said) in said_in_turn(place, steps).items():
        assert code == 1, (name, said)
        told.said[name] = said
    assert taken.read_text() == "precious"
    told.after["refused"] = snapshot()


def _uninstall(place: Workplace, folder: Path, told: Story) -> None:
    # While its longer named neighbour is there.
    file = folder / "keeper.jsonl"
    told.said["keeper"] = place.manage(
        "plugin", "uninstall", "keeper", "--export", str(file), "--yes", "--disable"
    )
    told.export_text, told.export_mode = file.read_text(), file.stat().st_mode & 0o777
    told.exported = [json.loads(line) for line in told.export_text.splitlines()]
    told.after["keeper"] = snapshot()
    told.enabled_again = refused(place, "enable", "keeper", "--tenant", "acme")

    told.said["stubborn"] = refused(place, "uninstall", "stubborn", "--yes", "--no-export", "--disable")
    told.after["stubborn refused"] = snapshot()
    place.manage("plugin", "uninstall", "stubborn", "--yes", "--no-export", "--disable", "--drop-tables")

    off = said_in_turn(
        place,
        {
            tenant: ("plugin", "disable", "keeper-of-bees", "--tenant", tenant)
            for tenant in ("acme", "globex")
        },
    )
    assert [code for code, _ in off.values()] == [0, 0], off
    for name in ("keeper", "keeper_of_bees", "stubborn"):
        shutil.rmtree(place.plugins / name)
    told.said["gone"] = place.manage("plugin", "uninstall", "keeper-of-bees", "--yes", "--no-export")
    told.after["all"] = snapshot()


def changes(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    return {
        name: (value, after[name])
        for name, value in before.items()
        # When deliveries are made, partitions and rows of other months do not come and go.
        if value != after[name]
    }


def test_the_plugins_have_left_something_everywhere(story: Story) -> None:
    """A test of the test: a table without rows of them would show nothing."""
    empty = {name for name, value in story.used.items() if name.startswith("rows of") and not value}

    # These are found by the same column as all others; the sample feeds no search metrics.
    unused = {f"rows of plugin_host_seo{name}" for name in ("metrics", "pattern", "learning")}
    of_the_platform = {"rows of platform_plugin_settings", "rows of plugin_host_platformconfigrevision"}
    assert empty <= of_the_platform | unused
    assert set(changes(story.before, story.used)) >= {
        "relations",
        "constraints",
        "policies",
        "types",
        "content types",
        "permissions",
        "migrations",
    }


def test_a_plan_shows_all_and_changes_nothing(story: Story) -> None:
    plan = story.plans["keeper"]

    assert changes(story.used, story.after["plan"]) == {}
    assert plan["tables"] == [
        {"table": "plugin_keeper_shelf", "total": 2, "by_tenant": {"acme": 1, "globex": 1}},
        {"table": "plugin_keeper_thing", "total": 3, "by_tenant": {"acme": 2, "globex": 1}},
    ]
    assert {one["table"] for one in plan["rows"]} >= {
        "plugin_settings",
        "plugin_host_pluginconfigrevision",
        "plugin_host_pluginsecret",
        "plugin_host_storeentry",
        "plugin_host_oncekey",
        "plugin_host_delivery",
        "plugin_host_deliveryhistory",
        "plugin_host_deliveryattempt",
        "plugin_host_scheduleditem",
        "plugin_host_scheduledrun",
        "plugin_host_scheduledattempt",
        "plugin_host_healthresult",
        "plugin_host_healthverdict",
    }
    assert plan["secrets"] == {"acme": ["token"], "globex": ["token"]}
    assert plan["enabled_for"] == ["acme", "globex"]
    assert "weigh_keeper" in plan["permissions"]
    assert plan["content_types"] == ["shelf", "thing"]
    assert plan["migrations"] == ["0001_initial"]
    assert [one["code"] for one in plan["obstacles"]] == ["enabled"]
    for text in ("plugin_keeper_thing ", "3 rows: acme 2, globex 1", "In the way: It is on for acme, globex"):
        assert text in story.said["plan"]
    assert "the secret of keeper" not in story.said["plan"] + json.dumps(plan)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("without yes", "Nothing was changed. Add --yes"),
        ("without export", "Say what becomes of its rows: --export FILE, or --no-export"),
        ("enabled", "It is on for acme, globex: switch it off there"),
        ("unknown", "There is no trace of a plugin 'keeperr'. Did you mean 'keeper'?"),
        ("taken", "is there already"),
        ("stubborn", "cannot be taken back"),
    ],
)
def test_what_is_refused_says_what_to_do(story: Story, step: str, said: str) -> None:
    assert said in story.said[step]


def test_what_is_refused_changes_nothing(story: Story) -> None:
    assert changes(story.used, story.after["refused"]) == {}
    assert changes(story.after["keeper"], story.after["stubborn refused"]) == {}


def test_nothing_of_it_is_left_and_its_neighbour_is_untouched(story: Story) -> None:
    after = story.after["keeper"]
    names = [name for name, _ in after["relations"]]

    assert not [name for name in names if name.startswith(("plugin_keeper_shelf", "plugin_keeper_thing"))]
    assert "plugin_keeper_of_bees_thing" in names
    assert ("plugin_keeper", "0001_initial") not in after["migrations"]
    assert ("plugin_keeper_of_bees", "0001_initial") in after["migrations"]
    assert "keeper is out of the database: 2 tables" in story.said["keeper"]
    assert "Now take its package away" in story.said["keeper"]


def test_its_code_cannot_be_switched_on_without_its_tables(story: Story) -> None:
    assert "has migrations that were not run" in story.enabled_again


def test_the_catalogue_is_what_it_was_before_they_came(story: Story) -> None:
    """By migrations, by dropping tables, and with the code gone."""
    assert changes(story.before, story.after["all"]) == {}


def test_all_rows_are_exported_without_secrets(story: Story) -> None:
    head, *rows = story.exported
    by_table: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_table.setdefault(row["table"], []).append(row)
    plan = story.plans["keeper"]

    assert (head["format"], head["plugin"], head["plugin_version"]) == (
        "tenantry plugin export",
        "keeper",
        "1.2.0",
    )
    assert {name: len(found) for name, found in by_table.items()} == {
        one["table"]: one["total"] for one in (*plan["tables"], *plan["rows"])
    }
    assert sorted(row["row"]["title"] for row in by_table["plugin_keeper_shelf"]) == [
        "Shelf of acme",
        "Shelf of globex",
    ]
    assert {row["tenant"] for row in rows} == {"acme", "globex"}
    assert {row["row"]["config"]["limit"] for row in by_table["plugin_host_pluginconfigrevision"]} == {3}
    assert set(by_table["plugin_host_pluginsecret"][0]["row"]) == {
        "id",
        "tenant_id",
        "plugin_id",
        "key",
        "set_by",
        "set_at",
    }
    assert "the secret of keeper" not in story.export_text
    assert story.export_mode == 0o600


# -- in the application's own process --------------------------------------------------------------------------------


def test_the_application_may_look_and_not_drop(tenant: Tenant, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("plugin", "uninstall", "task-manager", "--plan", stdout=out)
    assert "plugin_task_manager_task" in out.getvalue()

    file = tmp_path / "export.jsonl"
    with pytest.raises(CommandError, match="set DATABASE_OWNER_URL"):
        call_command("plugin", "uninstall", "task-manager", "--yes", "--disable", "--export", str(file))
    assert list(tmp_path.iterdir()) == []


def test_only_operators_may(in_tenant: Tenant) -> None:
    owner = Actor(kind="user", id="1", label="somebody", role="owner")
    with acting_as(owner), pytest.raises(Forbidden):
        plan_uninstall("task-manager")
    with acting_as(owner), pytest.raises(Forbidden):
        uninstall_plugin("task-manager", export=None)


@pytest.mark.parametrize("name", ["task-managr", "Task Manager", "host", "x'; DROP TABLE core_record; --"])
def test_what_is_no_plugin_has_no_trace(in_tenant: Tenant, name: str) -> None:
    with pytest.raises(NotFound, match="There is no trace"):
        plan_uninstall(name)


def test_a_plan_is_no_deed() -> None:
    with pytest.raises(CommandError, match="give one of the two"):
        call_command("plugin", "uninstall", "task-manager", "--plan", "--yes")


def test_the_environment_is_the_applications(in_tenant: Tenant) -> None:
    """So that the tests above mean what they say."""
    assert os.environ.get("TENANTRY_DB_ROLE", "") == ""
    with pytest.raises(Invalid, match="owner"):
        uninstall_plugin("task-manager", export=None)
