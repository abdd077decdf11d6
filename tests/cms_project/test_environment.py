from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cms_project.embedded import EmbeddedPostgres
from cms_project.environment import (
    PROJECT,
    development_file,
    load_development_variables,
    make_development_secrets,
    missing_variables,
    read_variables,
    var_dir,
    write_variables,
)
from core.errors import Invalid

STORED = {
    "DATABASE_URL": "postgres://tenantry_login@/tenantry?host=%2Fvar",
    "DATABASE_OWNER_URL": "postgres://tenantry_owner@/tenantry?host=%2Fvar",
    "REDIS_URL": "unix:///var/valkey.sock?db=0",
    "SECRET_KEY": "stored=secret#with%signs",
    "MASTER_KEYS": "dev:AAAA=",
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a process on a machine where `manage.py up` has run."""
    variables = {"TENANTRY_VAR_DIR": str(tmp_path)}
    write_variables(development_file(variables), STORED)
    return variables


def run_manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**bare, "TENANTRY_ENV_FILE": "-", **environment},
        capture_output=True,
        text=True,
    )


def test_stored_variables_come_back_as_they_were(environment: dict[str, str]) -> None:
    assert read_variables(development_file(environment)) == STORED


def test_stored_variables_are_for_their_owner_only(environment: dict[str, str]) -> None:
    assert stat.S_IMODE(development_file(environment).stat().st_mode) == 0o600


def test_value_with_a_line_break_is_refused_and_the_file_stays(environment: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="SECRET_KEY has a line break"):
        write_variables(development_file(environment), {"SECRET_KEY": "a\nDEBUG=true"})

    assert read_variables(development_file(environment)) == STORED


def test_missing_variables_are_filled(environment: dict[str, str]) -> None:
    assert load_development_variables(environment) is True

    assert {name: environment[name] for name in STORED} == STORED
    assert missing_variables(environment) == []


def test_variables_that_are_set_win(environment: dict[str, str]) -> None:
    environment.update({"SECRET_KEY": "mine", "MASTER_KEYS": ""})

    load_development_variables(environment)

    assert (environment["SECRET_KEY"], environment["MASTER_KEYS"]) == ("mine", STORED["MASTER_KEYS"])


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL"])
def test_addresses_of_two_databases_are_not_mixed(environment: dict[str, str], name: str) -> None:
    other = ({"DATABASE_URL", "DATABASE_OWNER_URL"} - {name}).pop()
    environment[name] = "postgres://somewhere/else"

    assert load_development_variables(environment) is False

    assert environment[name] == "postgres://somewhere/else"
    assert other not in environment


def test_complete_environment_takes_nothing_from_the_file(environment: dict[str, str]) -> None:
    complete = {
        "DATABASE_URL": "postgres://a/b",
        "REDIS_URL": "redis://c",
        "SECRET_KEY": "d",
        "MASTER_KEYS": "e:f",
    }
    environment.update(complete)

    assert load_development_variables(environment) is False

    assert environment == {"TENANTRY_VAR_DIR": environment["TENANTRY_VAR_DIR"], **complete}


def test_development_secrets_are_random_and_kept() -> None:
    first, second = make_development_secrets({}), make_development_secrets({})

    assert first != second
    assert len(base64.b64decode(first["MASTER_KEYS"].removeprefix("dev:"))) == 32
    assert make_development_secrets(first) == first


def test_var_folder_is_below_the_project_unless_named(tmp_path: Path) -> None:
    assert var_dir({}) == PROJECT / "var"
    assert var_dir({"TENANTRY_VAR_DIR": str(tmp_path)}) == tmp_path


def test_command_without_any_variable_says_how_to_get_them(tmp_path: Path) -> None:
    outcome = run_manage("check", environment={"TENANTRY_VAR_DIR": str(tmp_path)})

    assert outcome.returncode == 1
    assert outcome.stderr.startswith(
        "Not set: DATABASE_URL, REDIS_URL, SECRET_KEY, MASTER_KEYS. `make run` starts"
    )


def test_migrations_without_the_owners_address_are_refused(environment: dict[str, str]) -> None:
    write_variables(
        development_file(environment), {k: v for k, v in STORED.items() if k != "DATABASE_OWNER_URL"}
    )

    outcome = run_manage("migrate", environment=environment)

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Not set: DATABASE_OWNER_URL.")


def test_command_beside_stopped_servers_says_how_to_start_them(environment: dict[str, str]) -> None:
    outcome = run_manage("showmigrations", environment=environment)

    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1] == (
        "The embedded servers do not run: start them with `make run` in another terminal."
    )


PLUGIN = """
PLUGIN_META = {{"id": "{name}", "name": "{name}", "version": "1.0.0"}}


def register(ctx):
    pass
"""
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    operations = [migrations.RunSQL("{sql}")]
"""


def test_prepare_makes_roles_and_schema_and_is_quiet_the_second_time(tmp_path: Path) -> None:
    folder = Path(os.environ["TENANTRY_TEST_SOCKETS"])
    server = EmbeddedPostgres(tmp_path, folder)
    server.ensure_database("prepare_test", prefix="prepare_test")
    environment = {
        **server.database_urls("prepare_test", prefix="prepare_test"),
        "DATABASE_ROLE_PREFIX": "prepare_test",
        "REDIS_URL": os.environ["REDIS_URL"],
        "SECRET_KEY": "a",
        "MASTER_KEYS": os.environ["MASTER_KEYS"],
    }

    first = run_manage("prepare", environment=environment)
    second = run_manage("prepare", environment=environment)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "made role prepare_test_tenant" in first.stdout
    assert "migrations to apply" in first.stdout
    assert second.stdout == ""

    plugins = tmp_path / "plugins"
    for name, sql in (("sound", "SELECT 1"), ("unsound", "SELEC 1")):
        folder = plugins / name / "migrations"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").write_text(PLUGIN.format(name=name))
        (folder / "__init__.py").touch()
        (folder / "0001_initial.py").write_text(MIGRATION.format(sql=sql))

    third = run_manage("prepare", environment={**environment, "PLUGINS_DIR": str(plugins)})

    assert third.returncode == 0, third.stderr
    assert "Plugin unsound: its migrations cannot be applied (ProgrammingError: syntax error" in third.stderr
    assert "`manage.py migrate plugin_unsound`" in third.stderr
    assert "Plugin sound" not in third.stderr


def test_prepare_as_the_application_is_refused() -> None:
    outcome = run_manage(
        "prepare", environment={**STORED, "TENANTRY_DB_ROLE": "login", "DATABASE_OWNER_URL": "postgres://a/b"}
    )

    assert outcome.returncode == 1
    assert "CommandError: The schema is the owner's: set DATABASE_OWNER_URL." in outcome.stderr
