"""`manage.py up`, as `manage.py help` lists it. `manage.py` itself starts it before Django reads its settings."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from cms_project import supervisor


class Command(BaseCommand):
    help = supervisor.DESCRIPTION
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        supervisor.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(supervisor.run(supervisor.Options.from_arguments(argparse.Namespace(**options))))
