"""People who sign in to the admin in tests."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import cache

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import Credential, Membership, Tenant, User

PASSWORD = "correct horse battery staple"
PLATFORM_HOST = "platform.test"

SignIn = Callable[..., Client]


@cache
def hashed_password() -> str:
    """`PASSWORD` as it is stored; hashing is slow on purpose, so it is done once."""
    return make_password(PASSWORD)


def make_person(*, tenant: Tenant | None = None, role: str = "owner", **fields: object) -> User:
    """Make a person with `PASSWORD`, a member of the tenant where one is given."""
    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
        user = User.objects.create(email=f"{secrets.token_hex(6)}@people.test", **fields)
        Credential.objects.create(user=user, password=hashed_password())
        if tenant is not None:
            Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


def client_at(host: str) -> Client:
    """Return a browser that asks this host and refuses forged forms like the real one."""
    return Client(headers={"host": host})


def signed_in_client(user: User, host: str) -> Client:
    """Sign in through the form, as a person does."""
    client = client_at(host)
    response = client.post(
        "/admin/login/?next=/admin/", {"username": user.email, "password": PASSWORD, "next": "/admin/"}
    )
    assert response.status_code == 302, response.content.decode()
    return client


@pytest.fixture
def member_of() -> SignIn:
    """Make a member of a tenant and return the member's browser."""

    def sign_in(tenant: Tenant, role: str = "owner") -> Client:
        return signed_in_client(make_person(tenant=tenant, role=role), f"{tenant.slug}.test")

    return sign_in


@pytest.fixture
def operator() -> Client:
    """The browser of an operator on the platform's host."""
    return signed_in_client(make_person(is_staff=True, is_superuser=True), PLATFORM_HOST)
