"""`uninstall`: what there is of a plugin in the database, and taking all of it out."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from core.errors import Invalid
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction
from plugin_host.uninstalling.planning import TableRows, UninstallPlan, plan_uninstall
from plugin_host.uninstalling.removing import Uninstalled, uninstall_plugin


class UninstallAction(PluginAction):
    name = "uninstall"
    help = "take a plugin out of the database, with tables and rows; --plan shows them and changes nothing"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN")
        parser.add_argument("--plan", action="store_true", help="show what there is, change nothing")
        kept = parser.add_mutually_exclusive_group()
        kept.add_argument(
            "--export",
            type=Path,
            metavar="FILE",
            help="a new file for all its rows as JSON Lines, no secrets",
        )
        kept.add_argument("--no-export", action="store_true", help="keep nothing of it")
        parser.add_argument("--yes", action="store_true", help="do it")
        parser.add_argument(
            "--disable", action="store_true", help="switch it off on the way where it is on; it is not told"
        )
        parser.add_argument(
            "--drop-tables", action="store_true", help="drop its tables without taking its migrations back"
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        if options["plan"] and options["yes"]:
            raise Invalid("--plan changes nothing, --yes does: give one of the two.")
        with platform_scope(PlatformWork.PLUGIN_UNINSTALL, actor=ACTOR):
            if options["yes"]:
                self._uninstall(options)
                return
            plan = plan_uninstall(options["plugin"])
        if options["json"]:
            self.say_json(plan_document(plan))
        else:
            for line in _lines(plan):
                self.stdout.write(line)
        if not options["plan"]:
            raise CommandError("Nothing was changed. Add --yes, and --export FILE or --no-export, to do it.")

    def _uninstall(self, options: Options) -> None:
        if options["export"] is None and not options["no_export"]:
            raise Invalid("Say what becomes of its rows: --export FILE, or --no-export to keep nothing.")
        done = uninstall_plugin(
            options["plugin"],
            export=options["export"],
            disable=options["disable"],
            drop_tables=options["drop_tables"],
        )
        if options["json"]:
            self.say_json({**plan_document(done.plan), "exported": done.exported})
            return
        for line in _done(done, options["export"]):
            self.stdout.write(line)


def plan_document(plan: UninstallPlan) -> dict[str, Any]:
    """Return a plan for machines."""
    return {
        "plugin": plan.plugin_id,
        "name": plan.name,
        "version": plan.version,
        "is_loaded": plan.is_loaded,
        "tables": [_table_document(one) for one in plan.tables],
        "rows": [_table_document(one) for one in plan.rows],
        "secrets": {tenant: list(keys) for tenant, keys in plan.secrets.items()},
        "enabled_for": list(plan.enabled_for),
        "permissions": list(plan.permissions),
        "content_types": list(plan.content_types),
        "migrations": list(plan.migrations),
        "obstacles": [{"code": one.code, "message": one.message} for one in plan.obstacles],
    }


def _table_document(one: TableRows) -> dict[str, Any]:
    return {"table": one.table, "total": one.total, "by_tenant": _by_tenant(one.by_tenant)}


def _by_tenant(counts: Mapping[str, int]) -> dict[str, int]:
    return {slug or "(installation)": count for slug, count in counts.items()}


def _lines(plan: UninstallPlan) -> Iterator[str]:
    code = "" if plan.is_loaded else "; its code is not here, so its tables are dropped as they are"
    yield f"{plan.plugin_id} {plan.version}".rstrip() + code
    yield from _tables("Its own tables, which are dropped", plan.tables)
    yield from _tables("What the installation keeps about it, which is deleted", plan.rows)
    for title, names in (
        ("Permissions", plan.permissions),
        ("Content types", plan.content_types),
        ("Migrations", plan.migrations),
    ):
        if names:
            yield f"{title}: {', '.join(names)}"
    for tenant, keys in plan.secrets.items():
        yield f"Secrets of {tenant}: {', '.join(keys)}"
    if plan.is_empty:
        yield "The database has nothing of it."
    for obstacle in plan.obstacles:
        yield f"In the way: {obstacle.message}"


def _tables(title: str, tables: Sequence[TableRows]) -> Iterator[str]:
    if not tables:
        return
    yield f"{title}:"
    for one in tables:
        shares = ", ".join(f"{slug} {count}" for slug, count in _by_tenant(one.by_tenant).items())
        rows = f"{one.total} row{'' if one.total == 1 else 's'}"
        yield f"  {one.table:<40} {rows}{f': {shares}' if shares else ''}"


def _done(done: Uninstalled, path: Path | None) -> Iterator[str]:
    plan = done.plan
    if path is not None:
        yield f"{done.exported} rows were written to {path}."
    rows = sum(one.total for one in (*plan.tables, *plan.rows))
    yield f"{plan.plugin_id} is out of the database: {len(plan.tables)} tables, {rows} rows."
    if plan.is_loaded:
        yield "Now take its package away (pip uninstall, or its folder) and restart web server and workers."
