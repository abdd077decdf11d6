"""People and programs that use a tenant in tests."""

from __future__ import annotations

import secrets

from django.test import Client, override_settings

from core.actors import Actor, system_actor
from core.scope import tenant_scope
from tenants.models import Tenant
from tenants.services.keys import create_api_key
from tenants.services.members import add_member
from tenants.services.people import set_password

_ACTOR = system_actor("tests")
_PASSWORD = "correct horse battery staple"


def headers_of_new_member(tenant: Tenant, *, role: str) -> dict[str, str]:
    """Make a member and return the headers of a key of theirs."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=_ACTOR):
        user = add_member(email=f"{secrets.token_hex(6)}@example.org", role=role).user
    actor = Actor(kind="user", id=str(user.pk), label=user.email, role=role)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=actor):
        key = create_api_key(name="tests", scopes=[])
    return {"Authorization": f"Bearer {key.text}"}


def client_for(tenant: Tenant, *, role: str | None = None) -> Client:
    """Return a client at the tenant's host, with the key of a new member where a role is given."""
    headers = headers_of_new_member(tenant, role=role) if role is not None else {}
    return Client(headers={"host": f"{tenant.slug}.test", **headers})


def signed_in_client(tenant: Tenant, *, role: str) -> Client:
    """Return the browser of a new member who has signed in to the admin."""
    email = f"{secrets.token_hex(6)}@example.org"
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=_ACTOR):
        user = add_member(email=email, role=role).user
    client = client_for(tenant)
    # A real hash is slow on purpose, and nobody here has to be kept out.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        set_password(user=user, password=_PASSWORD)
        answer = client.post("/admin/login/", {"username": email, "password": _PASSWORD})
    assert answer.status_code == 302, answer.text
    return client
