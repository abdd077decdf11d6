"""PostgreSQL and Valkey for tests, on sockets in a temporary folder; tests start them by themselves.

The first process starts both and migrates one template database; each process that runs tests gets a copy of it,
which takes a tenth of a second. Nothing is rolled back or flushed between tests: every test makes its own tenant.

Addresses of other servers in the environment are not used: tests commit, and those may be somebody's.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from cms_project.embedded.postgres import EmbeddedPostgres
from cms_project.embedded.urls import postgres_url
from cms_project.embedded.valkey import EmbeddedValkey

TEMPLATE: Final = "tenantry_template"
PREFIX: Final = "tenantry"
_PROJECT: Final = Path(__file__).resolve().parents[2]
_VALKEY_DATABASES: Final = 16
# Says that a parent process has made the database and set everything, and that is to be used.
_GIVEN: Final = "TENANTRY_TEST_DATABASE"
# The process that started the servers, whose direct children may share them.
_STARTED_BY: Final = "TENANTRY_TEST_STARTED_BY"

_is_ready = False


def ensure_servers() -> None:
    """Start the servers unless the process that runs this one's tests has, and set Django up on a database of its own.

    It does so once; it has to be called before anything reads the settings.
    """
    global _is_ready
    if _is_ready:
        return
    _is_ready = True
    if os.environ.get(_GIVEN) == "given":
        _set_up_django()
        return
    worker = "main"
    if _shares_servers():
        worker = os.environ["PYTEST_XDIST_WORKER"]
    else:
        _start_servers()
    socket_dir = Path(os.environ["TENANTRY_TEST_SOCKETS"])
    name = f"tenantry_{worker}"
    clone_database(name)
    os.environ.update(database_urls(socket_dir, name))
    number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
    os.environ["REDIS_URL"] = f"{os.environ['TENANTRY_TEST_VALKEY']}?db={number % _VALKEY_DATABASES}"
    _set_up_django()


def database_urls(socket_dir: Path, name: str) -> dict[str, str]:
    """The two addresses of a database of the test server, as the settings read them."""
    return {
        "DATABASE_OWNER_URL": postgres_url(socket_dir, user=f"{PREFIX}_owner", name=name),
        "DATABASE_URL": postgres_url(socket_dir, user=f"{PREFIX}_login", name=name),
    }


def given_database(name: str) -> dict[str, str]:
    """Return the variables with which a child process works on a database of the test server, and makes no other."""
    return {_GIVEN: "given", **database_urls(Path(os.environ["TENANTRY_TEST_SOCKETS"]), name)}


def clone_database(name: str) -> None:
    """Make (again) a database as a copy of the migrated template."""
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(f"{PREFIX}_owner"), sql.Identifier(TEMPLATE)
            )
        )


def drop_database(name: str) -> None:
    """Drop a database that `clone_database` made."""
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _shares_servers() -> bool:
    """Say whether this is a process that pytest-xdist made beside others, for whose tests there are servers already."""
    started_by = os.environ.get(_STARTED_BY)
    return "PYTEST_XDIST_WORKER" in os.environ and started_by == str(os.getppid())


def _start_servers() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-test-"))
    # Under root the servers run as another user, who has to get in.
    folder.chmod(0o755)
    # The server of static files warns when their folder is missing.
    (folder / "var" / "static").mkdir(parents=True)
    postgres = EmbeddedPostgres(folder / "postgres", fsync=False)
    valkey = EmbeddedValkey(folder / "valkey", persistent=False)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for server in (postgres, valkey):
        server.start()
        atexit.register(server.stop)
    postgres.ensure_database(TEMPLATE, prefix=PREFIX)
    socket_dir = Path(postgres.socket_dir or folder)
    for inherited in ("TENANTRY_DB_ROLE", "DATABASE_SCOPE_MODE", "DATABASE_POOL", "DATABASE_LISTEN_URL"):
        os.environ.pop(inherited, None)
    os.environ.update(
        {
            _STARTED_BY: str(os.getpid()),
            "TENANTRY_TEST_SOCKETS": str(socket_dir),
            "TENANTRY_TEST_ADMIN_DSN": postgres.admin_dsn,
            "TENANTRY_TEST_VALKEY": valkey.url().partition("?")[0],
            "TENANTRY_ENV_FILE": "-",
            "TENANTRY_VAR_DIR": str(folder / "var"),
            "SECRET_KEY": "a key for tests only, long enough for check --deploy to be silent about it",
            "MASTER_KEYS": "test:" + base64.b64encode(bytes(range(32))).decode(),
            "DATABASE_ROLE_PREFIX": PREFIX,
            "DEBUG": "false",
            "SECURE_SSL_REDIRECT": "false",
            "PLATFORM_HOSTS": "platform.test,localhost,127.0.0.1",
            "OUTBOUND_ALLOW": "127.0.0.1:*,localhost:*",
            "RATE_CALLER": "100000/min",
            "RATE_ANONYMOUS": "100000/min",
            "RATE_SIGN_IN": "100000/min",
            "LOG_FORMAT": "human",
        }
    )
    _migrate_template(socket_dir)


def _migrate_template(socket_dir: Path) -> None:
    script = (
        "import django; django.setup(); from django.core.management import call_command as call; "
        "call('db_roles'); call('migrate', verbosity=0)"
    )
    environment = {
        **os.environ,
        **database_urls(socket_dir, TEMPLATE),
        "REDIS_URL": os.environ["TENANTRY_TEST_VALKEY"],
        "TENANTRY_DB_ROLE": "owner",
        "DJANGO_SETTINGS_MODULE": "cms_project.settings",
        # A plugin's project may stand on this process's path alone.
        "PYTHONPATH": os.pathsep.join(entry for entry in (str(_PROJECT), *sys.path) if entry),
    }
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        cwd=_PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode:
        raise RuntimeError(f"The template database could not be migrated:\n{outcome.stdout}{outcome.stderr}")


def _set_up_django() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "cms_project.settings"
    import django  # only now the environment is complete

    django.setup()
    from django.urls import get_resolver  # reads the settings

    # They are made once in a process, of the plugins that are there: before a test has others for a while.
    _ = get_resolver().url_patterns
