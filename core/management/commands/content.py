"""manage.py content import: Markdown files become records."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.actors import system_actor
from core.errors import NotFound, TenantryError
from core.importing.source import source_paths
from core.models.collection import COLLECTION_NAME_PATTERN
from core.scope import tenant_scope
from core.services.imports import Fault, FolderPlan, ImportReport, plan_import, read_folder, run_import
from core.site import tenant_id_of

SHOWN_FAULTS = 100


class Command(BaseCommand):
    """Imports content."""

    help = "Import Markdown files with YAML or TOML front matter into a tenant's collection."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        reading = actions.add_parser(
            "import", help="bring the Markdown files of a folder in; again is harmless"
        )
        reading.add_argument("folder", type=Path, metavar="FOLDER")
        reading.add_argument("--tenant", required=True, metavar="SLUG")
        reading.add_argument("--collection", required=True, metavar="NAME")
        reading.add_argument(
            "--infer",
            action="store_true",
            help="make the collection, or add to its schema, from what the files say",
        )
        reading.add_argument(
            "--publish", action="store_true", help="publish what is new, changed or not live yet"
        )
        reading.add_argument(
            "--dry-run", action="store_true", help="say what would happen and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"There is no folder {folder}.")
        try:
            tenant_id = tenant_id_of(options["tenant"])
            with tenant_scope(tenant_id, slug=options["tenant"], actor=system_actor("content import")):
                report = self._import(folder.resolve(), options)
        except TenantryError as error:
            details = "".join(f"\n  {fault.pointer} {fault.message}" for fault in error.errors)
            raise CommandError(f"{error.message}{details}{self._hint(error)}") from error
        if report.faults:
            count = len(report.faults)
            raise CommandError(f"{count} file{'s have' if count > 1 else ' has'} faults (listed above).")

    def _import(self, folder: Path, options: dict[str, Any]) -> ImportReport:
        console = Console(file=cast("TextIO", self.stdout), highlight=False)
        report = ImportReport()
        started = time.perf_counter()
        with _progress_bar(console) as bar:
            total = len(source_paths(folder))
            reading = bar.add_task("Reading", total=total)
            sources = read_folder(folder, report, lambda count: bar.advance(reading, count))
            plan = plan_import(sources=sources, name=options["collection"], infer=options["infer"])
            if not options["dry_run"]:
                writing = bar.add_task("Importing", total=len(sources))
                run_import(
                    plan=plan,
                    name=options["collection"],
                    publish=options["publish"],
                    report=report,
                    progress=lambda count: bar.advance(writing, count),
                )
        self._list("", report.faults)
        self._list("Warning: ", report.warnings)
        if options["dry_run"]:
            self._say_plan(plan, options)
        else:
            self._say_report(report, total, time.perf_counter() - started)
        return report

    def _say_plan(self, plan: FolderPlan, options: dict[str, Any]) -> None:
        outcomes = [plan.outcome(source) for source in plan.sources]
        if plan.collection is None:
            fields = ", ".join((plan.schema or {})["properties"])
            self.stdout.write(f"Would make the collection {options['collection']} with the fields {fields}.")
        elif plan.schema is not None and plan.schema != plan.collection.schema:
            self.stdout.write(f"Would add to the schema of {options['collection']}.")
        self.stdout.write(
            f"Dry run: {outcomes.count('created')} to create, {outcomes.count('updated')} to update, "
            f"{outcomes.count('unchanged')} unchanged; nothing was written."
        )

    def _say_report(self, report: ImportReport, total: int, seconds: float) -> None:
        counts = report.counts
        changes = counts["created"] + counts["updated"]
        if report.schema_changed:
            self.stdout.write("The collection's schema was made from the files.")
        self.stdout.write(
            f"{total} files: {counts['created']} created, {counts['updated']} updated, "
            f"{counts['published']} published, {counts['unchanged']} unchanged, {counts['failed']} failed."
        )
        if not changes and not counts["published"]:
            self.stdout.write("0 changes.")
        self.stdout.write(f"{seconds:.1f} s, {total / max(seconds, 0.001):.0f} files per second.")

    def _list(self, before: str, faults: Sequence[Fault]) -> None:
        for fault in faults[:SHOWN_FAULTS]:
            self.stderr.write(f"{before}{fault.path}: " + "\n    ".join(fault.messages))
        if len(faults) > SHOWN_FAULTS:
            self.stderr.write(f"... and {len(faults) - SHOWN_FAULTS} more.")

    def _hint(self, error: TenantryError) -> str:
        if isinstance(error, NotFound) and error.code == "collection_not_found":
            return " Add --infer to make it from the files."
        if any(fault.pointer == "/name" for fault in error.errors):
            return f" (pattern {COLLECTION_NAME_PATTERN})"
        return ""


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        # In a log or a pipe a bar is noise.
        disable=not console.is_terminal,
    )
