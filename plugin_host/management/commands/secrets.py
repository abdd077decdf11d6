"""manage.py secrets: which master keys are in use, and changing to the newest."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from core.actors import system_actor
from core.errors import TenantryError
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.models.secret import TenantDataKey
from plugin_host.secret_keys import master_keys
from plugin_host.services.keys import rotate_master_key

_ACTOR: Final = system_actor("manage.py secrets")


class Command(BaseCommand):
    help = "Master keys of the plugins' secrets: which are in use, and changing to the newest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("status", help="how many data keys stand under which master key")
        actions.add_parser(
            "rotate",
            help="wrap all data keys under the first entry of MASTER_KEYS; the site may run meanwhile",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with platform_scope(PlatformWork.SECRET_ROTATION, actor=_ACTOR):
                getattr(self, f"_{options['action']}")()
        except TenantryError as error:
            raise CommandError(error.message) from error

    def _status(self) -> None:
        ring = master_keys()
        counts = dict(
            TenantDataKey.objects.values_list("master_key_id").annotate(number=Count("pk")).order_by()
        )
        for key_id in dict.fromkeys((*ring.key_ids, *sorted(counts))):
            role = (
                "first"
                if key_id == ring.primary_id
                else "older"
                if key_id in ring.key_ids
                else "NOT CONFIGURED"
            )
            self.stdout.write(f"{key_id:<24} {counts.get(key_id, 0):>6} data keys  {role}")

    def _rotate(self) -> None:
        done = rotate_master_key()
        self.stdout.write(f"{done.rewrapped} data keys were wrapped under {done.primary_id}.")
        for key_id, why in done.failed:
            self.stderr.write(f"{key_id}: {why}")
        if done.failed:
            raise CommandError(f"{len(done.failed)} data keys could not be opened; keep the old master keys.")
