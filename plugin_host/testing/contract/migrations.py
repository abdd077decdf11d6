"""A plugin's migrations, run in a process of its own on a database of their own: forward, back to nothing, forward."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from typing import Any, Final

from plugin_host.loading.plugin import LoadedPlugin

_SERVERS: Final = "cms_project.embedded.testing"
_SCRIPT: Final = """
import sys

import django

django.setup()
from django.core.management import call_command
from django.db import connection

label = sys.argv[1]
step = "forward"
try:
    call_command("makemigrations", label, check=True, dry_run=True, verbosity=1)
except SystemExit:
    print("STEP models: the models differ from the migrations: run manage.py makemigrations", label)
    sys.exit(1)
for target in ([], ["zero"], []):
    step = f"back to {target[0]}" if target else "forward"
    try:
        call_command("migrate", label, *target, verbosity=0)
    except Exception as error:
        print(f"STEP {step}: {type(error).__name__}: {error}")
        sys.exit(1)
    tables = [name for name in connection.introspection.table_names() if name.startswith(f"{label}_")]
    if target and tables:
        print(f"STEP {step}: these tables are still there: {', '.join(tables)}")
        sys.exit(1)
"""


def migration_problem(plugin: LoadedPlugin) -> str:
    """Return what goes wrong when a plugin's migrations run forward, back and forward again; empty where nothing."""
    servers: Any = import_module(_SERVERS)
    name = f"contract_{os.getpid()}_{plugin.label}"[:63]
    servers.clone_database(name)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, plugin.label],
            env={**os.environ, **servers.given_database(name), **_as_owner()},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        servers.drop_database(name)
    if done.returncode == 0:
        return ""
    said = [line for line in done.stdout.splitlines() if line.startswith("STEP ")]
    return (
        said[0].removeprefix("STEP ")
        if said
        else f"the process failed: {(done.stdout + done.stderr)[-2000:]}"
    )


def _as_owner() -> dict[str, str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {"TENANTRY_DB_ROLE": "owner", "DJANGO_SETTINGS_MODULE": "cms_project.settings", "PYTHONPATH": path}
