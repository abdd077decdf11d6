"""manage.py tenant: make, list, suspend and resume tenants; add and remove their members and hosts."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.actors import system_actor
from core.errors import NotFound, TenantryError
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from core.site import tenant_id_of
from tenants.management.passwords import add_password_arguments, give_password
from tenants.models import Membership, Plan, Role
from tenants.selectors.directory import TenantSummary, tenant_summaries
from tenants.services.directory import (
    add_domain,
    create_tenant,
    remove_domain,
    resume_tenant,
    suspend_tenant,
)
from tenants.services.members import add_member, remove_member
from tenants.services.people import ensure_user

_ACTOR = system_actor("manage.py tenant")


class Command(BaseCommand):
    help = "Makes, lists, suspends and resumes tenants; adds and removes their members and hosts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="make a tenant")
        create.add_argument("slug", metavar="SLUG", help="3 to 50 lower-case letters, digits and -")
        create.add_argument("--name", default="", help="as people read it; made from the slug otherwise")
        create.add_argument("--plan", default=Plan.FREE, choices=Plan.values)
        create.add_argument("--time-zone", default="UTC", metavar="ZONE", help="such as Europe/Berlin")
        create.add_argument(
            "--host", action="append", default=[], metavar="HOST", help="where it answers; may be repeated"
        )
        create.add_argument("--owner", metavar="EMAIL", help="a person to make its owner")
        add_password_arguments(create)
        shown = actions.add_parser("list", help="show all tenants")
        shown.add_argument("--json", action="store_true", help="for machines")
        for name, what in (("suspend", "close a tenant for everybody"), ("resume", "open it again")):
            actions.add_parser(name, help=what).add_argument("slug", metavar="SLUG")
        _add_member_arguments(actions.add_parser("member", help="members of a tenant"))
        _add_host_arguments(actions.add_parser("host", help="hosts of a tenant"))

    def handle(self, *args: Any, **options: Any) -> None:
        action = " ".join(filter(None, (options["action"], options.get("below"))))
        try:
            getattr(self, f"_{action.replace(' ', '_')}")(options)
        except TenantryError as error:
            raise CommandError(_message(error)) from error

    def _create(self, options: dict[str, Any]) -> None:
        # The owner's address is checked before anything is made.
        owner = ensure_user(email=options["owner"]) if options["owner"] else None
        with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=_ACTOR):
            tenant = create_tenant(
                slug=options["slug"],
                name=options["name"],
                plan=options["plan"],
                time_zone=options["time_zone"],
                hosts=options["host"],
            )
        self.stdout.write(f"Made {tenant.slug} ({tenant.name}).")
        if owner is not None:
            self._add_member(tenant.slug, owner.email, Role.OWNER, from_stdin=options["password_stdin"])
        if not options["host"]:
            self.stdout.write(
                f"It answers nowhere yet: manage.py tenant host add --tenant {tenant.slug} HOST"
            )

    def _list(self, options: dict[str, Any]) -> None:
        with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=_ACTOR):
            tenants = tenant_summaries()
        if options["json"]:
            self.stdout.write(json.dumps([tenant.document() for tenant in tenants], indent=2))
            return
        for line in _table(tenants):
            self.stdout.write(line)

    def _suspend(self, options: dict[str, Any]) -> None:
        with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=_ACTOR):
            suspend_tenant(slug=options["slug"])
        self.stdout.write(f"{options['slug']} is suspended: its hosts answer 503, its keys nothing.")

    def _resume(self, options: dict[str, Any]) -> None:
        with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=_ACTOR):
            resume_tenant(slug=options["slug"])
        self.stdout.write(f"{options['slug']} is open again.")

    def _member_add(self, options: dict[str, Any]) -> None:
        self._add_member(
            options["tenant"], options["email"], options["role"], from_stdin=options["password_stdin"]
        )

    def _member_list(self, options: dict[str, Any]) -> None:
        with tenant_scope(tenant_id_of(options["tenant"]), slug=options["tenant"], actor=_ACTOR):
            members = Membership.objects.select_related("user").order_by("created_at")
            found = [(member.user.email, member.role) for member in members]
        if options["json"]:
            self.stdout.write(json.dumps([{"email": email, "role": role} for email, role in found], indent=2))
            return
        for email, role in found:
            self.stdout.write(f"{role:<8} {email}")

    def _member_remove(self, options: dict[str, Any]) -> None:
        with tenant_scope(tenant_id_of(options["tenant"]), slug=options["tenant"], actor=_ACTOR):
            email = options["email"].strip().lower()
            membership = Membership.objects.filter(user__email=email).first()
            if membership is None:
                raise NotFound(f"{email} is no member of {options['tenant']}.", code="member_not_found")
            remove_member(member_id=membership.pk)
        self.stdout.write(f"{email} is no member of {options['tenant']} any more.")

    def _host_add(self, options: dict[str, Any]) -> None:
        with tenant_scope(tenant_id_of(options["tenant"]), slug=options["tenant"], actor=_ACTOR):
            domain = add_domain(host=options["host"], is_primary=options["primary"])
        self.stdout.write(f"{options['tenant']} answers at {domain.host}.")

    def _host_remove(self, options: dict[str, Any]) -> None:
        with tenant_scope(tenant_id_of(options["tenant"]), slug=options["tenant"], actor=_ACTOR):
            remove_domain(host=options["host"])
        self.stdout.write(f"{options['tenant']} answers at {options['host']} no more.")

    def _add_member(self, slug: str, email: str, role: str, *, from_stdin: bool) -> None:
        with tenant_scope(tenant_id_of(slug), slug=slug, actor=_ACTOR):
            membership = add_member(email=email, role=role)
        self.stdout.write(f"{membership.user.email} is {membership.role} of {slug}.")
        give_password(membership.user, from_stdin=from_stdin, say=self.stdout.write)


def _add_member_arguments(parser: ArgumentParser) -> None:
    below = parser.add_subparsers(dest="below", required=True, metavar="ACTION")
    add = below.add_parser("add", help="make a person a member")
    add.add_argument("--tenant", required=True, metavar="SLUG")
    add.add_argument("--email", required=True)
    add.add_argument("--role", required=True, choices=Role.values)
    add_password_arguments(add)
    shown = below.add_parser("list", help="show the members")
    shown.add_argument("--tenant", required=True, metavar="SLUG")
    shown.add_argument("--json", action="store_true", help="for machines")
    remove = below.add_parser("remove", help="end a membership with its sessions, tokens and keys")
    remove.add_argument("--tenant", required=True, metavar="SLUG")
    remove.add_argument("--email", required=True)


def _add_host_arguments(parser: ArgumentParser) -> None:
    below = parser.add_subparsers(dest="below", required=True, metavar="ACTION")
    add = below.add_parser("add", help="let a tenant answer at a host")
    add.add_argument("host", metavar="HOST")
    add.add_argument("--tenant", required=True, metavar="SLUG")
    add.add_argument("--primary", action="store_true", help="links lead to this one from now on")
    remove = below.add_parser("remove", help="stop it from answering there")
    remove.add_argument("host", metavar="HOST")
    remove.add_argument("--tenant", required=True, metavar="SLUG")


def _table(tenants: list[TenantSummary]) -> list[str]:
    if not tenants:
        return ["There are no tenants. Make one: manage.py tenant create SLUG --host HOST --owner EMAIL"]
    head = ("slug", "name", "plan", "status", "members", "hosts")
    rows = [
        (one.slug, one.name, one.plan, one.status, str(one.members), ", ".join(one.hosts)) for one in tenants
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def _message(error: TenantryError) -> str:
    known = [fault for fault in error.errors if fault.message not in error.message]
    return error.message + "".join(f"\n  {fault.pointer} {fault.message}" for fault in known)
