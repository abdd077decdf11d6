"""What the actions of `manage.py plugin` have in common."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Final

from django.core.management.base import CommandError, OutputWrapper

from core.actors import system_actor
from core.errors import TenantryError
from core.scope import Scope, tenant_scope
from plugin_host.management.tenants import NamedTenant, chosen_tenants

ACTOR: Final = system_actor("manage.py plugin")

Options = dict[str, Any]


class PluginAction:
    """One action: `manage.py plugin NAME ...`.

    `below` stands in the options of an action that has actions of its own, as `config` has `get`, `set` and `unset`.
    """

    name: ClassVar[str]
    help: ClassVar[str]

    def __init__(self, stdout: OutputWrapper, stderr: OutputWrapper) -> None:
        self.stdout = stdout
        self.stderr = stderr

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what the action takes."""

    def run(self, options: Options) -> None:
        """Do it.

        Raises:
            TenantryError: It cannot be done; nothing was changed. The command ends with exit code 1.
            CommandError: The same.
        """
        raise NotImplementedError

    def inside(self, tenant: NamedTenant) -> AbstractContextManager[Scope]:
        """Return the scope of a tenant, with this command as the actor."""
        return tenant_scope(tenant.id, slug=tenant.slug, actor=ACTOR)

    def inside_chosen(self, options: Options) -> AbstractContextManager[Scope]:
        """Return the scope of the one tenant that was named."""
        return self.inside(chosen_tenants(options, actor=ACTOR)[0])

    def for_each(self, options: Options, do: Callable[[str], object], done: str) -> None:
        """Do something for each chosen tenant; one that refuses does not keep the others from it."""
        plugin_id = options["plugin"]
        tenants = chosen_tenants(options, actor=ACTOR)
        failed = []
        for tenant in tenants:
            try:
                with self.inside(tenant):
                    do(plugin_id)
            except TenantryError as error:
                if not options["all_tenants"]:
                    raise
                failed.append(tenant.slug)
                self.stderr.write(f"{tenant.slug}: {in_words(error)}")
            else:
                self.stdout.write(f"{plugin_id} {done} for {tenant.slug}.")
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(tenants)} tenants: nothing was changed for {', '.join(failed)}."
            )

    def say_json(self, document: Any) -> None:
        """Print a document for machines."""
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))


def in_words(error: TenantryError) -> str:
    """Return an error with all its faults, one a line."""
    return error.message + "".join(f"\n  {fault.pointer} {fault.message}" for fault in error.errors)


def value_text(value: Any) -> str:
    """Return a value as people read it: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
