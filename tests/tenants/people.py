"""People for tests, with the ways in which they sign in."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.test import Client

from core.actors import Actor, system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from tenants.models import Membership, Role, Tenant, User
from tenants.services.keys import create_api_key
from tenants.services.members import add_member
from tenants.services.people import ensure_user, make_operator, set_password

PASSWORD = "correct horse battery staple"
PLATFORM_HOST = "platform.test"


def make_member(tenant: Tenant, role: str = Role.EDITOR, *, email: str | None = None) -> User:
    """Make a member with the password `PASSWORD`."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        membership = add_member(email=email or f"{secrets.token_hex(6)}@example.org", role=role)
        user: User = membership.user
        user.role_here = role
    if email is None:
        set_password(user=user, password=PASSWORD)
    return user


def make_operator_account() -> User:
    """Make an operator with the password `PASSWORD`."""
    return make_operator(email=f"{secrets.token_hex(6)}@example.org", password=PASSWORD)


def make_stranger() -> User:
    """Make a person who belongs nowhere, with the password `PASSWORD`."""
    user = ensure_user(email=f"{secrets.token_hex(6)}@example.org")
    set_password(user=user, password=PASSWORD)
    return user


def membership_of(tenant: Tenant, user: User) -> Membership:
    """Return a person's membership."""
    with platform_scope(PlatformWork.TENANT_DIRECTORY):
        found: Membership = Membership.objects.get(tenant=tenant, user=user)
        return found


def actor_of(user: User) -> Actor:
    """Return a member as an actor."""
    return Actor(kind="user", id=str(user.pk), label=user.email, role=user.role_here)


def make_key_text(tenant: Tenant, user: User | None = None, **fields: Any) -> str:
    """Make a key, a service's with all scopes unless told, and return its text."""
    actor = actor_of(user) if user else system_actor("tests")
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=actor):
        wanted = {"name": "tests", "scopes": [], **fields}
        if user is None:
            wanted.setdefault("role", Role.ADMIN)
        return create_api_key(for_service=user is None, **wanted).text


def host_of(tenant: Tenant) -> str:
    """Return the host that the factory gave a tenant."""
    return f"{tenant.slug}.test"


def browser(host: str, user: User | None = None, *, checks_csrf: bool = False) -> Client:
    """Return a client of a host, signed in where a person is given."""
    client = Client(headers={"host": host})
    if user is not None:
        sign_in(client, user)
    client.handler.enforce_csrf_checks = checks_csrf
    return client


def sign_in(client: Client, user: User, password: str = PASSWORD) -> bool:
    """Sign a person in through the form of the administration and say whether it worked."""
    client.post("/admin/login/", {"username": user.email, "password": password})
    return settings.SESSION_COOKIE_NAME in client.cookies and bool(
        client.cookies[settings.SESSION_COOKIE_NAME].value
    )


def program(host: str, key: str, **headers: str) -> Client:
    """Return a client of a host that sends a key or an access token."""
    return Client(headers={"host": host, "authorization": f"Bearer {key}", **headers})
