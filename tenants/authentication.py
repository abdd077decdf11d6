"""Who is calling: a person with a password, a session or a token, or a program with a key.

All of them end the same way: the caller's `Actor` stands in the scope. On a tenant's host the host has decided the
tenant, and credentials of another are none. On a platform host a key or a token brings its tenant along; a session
names one with `X-Tenant`, and must be a member there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from core.actors import Actor
from core.errors import Malformed, NotFound, Unauthenticated, Unavailable
from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import Scope, current_scope, enter_scope, platform_scope
from tenants.api_keys import KEY_START, hash_key, prefix_of
from tenants.models import ApiKey, Membership, Tenant, TenantStatus, User
from tenants.services.sign_in import check_password, member_of_scope
from tenants.throttling import client_address
from tenants.tokens import AccessClaims, read_access_token

TENANT_HEADER: Final = "X-Tenant"
_LAST_USED_EVERY: Final = timedelta(minutes=1)
_BAD_KEY: Final = "The API key is not valid: unknown, revoked, expired, or of another tenant."


class PasswordBackend(BaseBackend):
    """Signs in with e-mail address and password: members at a tenant's host, operators at the platform's."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **other: Any,
    ) -> User | None:
        email = username if username is not None else other.get("email")
        if not isinstance(email, str) or not isinstance(password, str):
            return None
        return check_password(email=email, password=password, address=client_address(request))

    def get_user(self, user_id: Any) -> User | None:
        """Return the person of a session, as long as the host still lets them in."""
        scope = current_scope()
        if scope is not None and scope.tenant_id is not None:
            return member_of_scope(user_id)
        with platform_scope(PlatformWork.SIGN_IN):
            return User.objects.filter(pk=user_id, is_active=True, is_staff=True).first()


class ServiceCaller:
    """`request.user` of a key that belongs to no person."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False
    pk = None
    id = None

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request was let in by; `request.auth`.

    Args:
        kind: `key`, `token` or `session`.
        family: The chain of refresh tokens behind an access token.
    """

    kind: str
    key_id: UUID | None = None
    family: UUID | None = None


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer` with an API key or an access token."""

    def authenticate(self, request: Request) -> tuple[Any, Credentials] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        text = text.strip()
        try:
            return _by_key(text, request) if text.startswith(KEY_START) else _by_token(text, request)
        except Unauthenticated as error:
            raise exceptions.AuthenticationFailed(error.message, code=error.code) from error

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """A browser's session; changes need the CSRF token in `X-CSRFToken`."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        scope = current_scope()
        if scope is not None and scope.tenant_id is not None:
            enter_scope(replace(scope, actor=person_actor(user)))
        elif slug := request.headers.get(TENANT_HEADER):
            _enter_named_tenant(request, user, slug)
        else:
            enter_scope(platform_scope_of(request, user))
        return user, Credentials(kind="session")


def person_actor(user: User) -> Actor:
    """Return a signed-in member as an actor."""
    return Actor(kind="user", id=str(user.pk), label=user.email, role=user.role_here)


def operator_actor(user: User) -> Actor:
    """Return a signed-in operator, on the platform's host, as an actor."""
    return Actor(kind="user", id=str(user.pk), label=user.email, platform_admin=user.is_staff)


def platform_scope_of(request: Any, user: User) -> Scope:
    """Return the scope in which an operator works on the platform's host."""
    return Scope(
        kind="platform",
        tenant_id=None,
        tenant_slug="",
        actor=operator_actor(user),
        correlation_id=request.correlation_id,
        causation_id=None,
        depth=0,
        work=PlatformWork.PLATFORM_ADMIN,
    )


def enter_tenant_to_sign_in(request: Any) -> None:
    """Put the tenant that `X-Tenant` names into scope, where the host has not decided.

    A name that nobody has leads to the same refusal as a wrong password: strangers learn no names here.

    Raises:
        Malformed: Neither the host nor the header names a tenant.
    """
    scope = current_scope()
    if scope is not None and scope.tenant_id is not None:
        return
    slug = request.headers.get(TENANT_HEADER)
    if not slug:
        raise Malformed("Name the tenant: send X-Tenant: its-slug.", code="tenant_needed")
    with platform_scope(PlatformWork.SIGN_IN):
        active = Tenant.objects.filter(slug=slug, status=TenantStatus.ACTIVE)
        tenant_id = active.values_list("pk", flat=True).first()
    enter_tenant(request, tenant_id=tenant_id or uuid7(), slug=slug)


def enter_tenant(request: Any, *, tenant_id: UUID, slug: str) -> Scope:
    """Put a tenant that the credentials decided into scope, for the rest of a request to a platform host."""
    scope = Scope(
        kind="tenant",
        tenant_id=tenant_id,
        tenant_slug=slug,
        actor=Actor(kind="anonymous", id="", label="anonymous"),
        correlation_id=request.correlation_id,
        causation_id=None,
        depth=0,
        work=None,
    )
    enter_scope(scope)
    return scope


def _by_key(text: str, request: Request) -> tuple[Any, Credentials]:
    prefix = prefix_of(text)
    if prefix is None:
        raise Unauthenticated(
            "This is no API key: it was not copied whole, or was changed.", code="key_malformed"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key_id, tenant_id, slug, status, name, user_id, role, scopes, last_used_at "
            "FROM resolve_key(%s, %s)",
            [prefix, hash_key(text)],
        )
        row = cursor.fetchone()
    if row is None:
        raise Unauthenticated(_BAD_KEY, code="key_invalid")
    key_id, tenant_id, slug, status, name, user_id, role, scopes, last_used_at = row
    _require_place(request, tenant_id=tenant_id, slug=slug, status=status, refusal=_BAD_KEY)
    actor = Actor(
        kind="key",
        id=str(key_id),
        label=f"{name} ({KEY_START}{prefix}_…)",
        role=role,
        scopes=frozenset(_as_list(scopes)) or None,
        user_id=str(user_id) if user_id else None,
    )
    _enter_actor(actor)
    _note_use(key_id, last_used_at)
    user = _known_by_id(user_id, role) if user_id else ServiceCaller(name)
    return user, Credentials(kind="key", key_id=key_id)


def _by_token(text: str, request: Request) -> tuple[Any, Credentials]:
    claims = read_access_token(text)
    scope = current_scope()
    if scope is not None and scope.tenant_id is not None:
        if scope.tenant_id != claims.tenant_id:
            raise Unauthenticated("The access token is of another site.", code="wrong_tenant")
    else:
        tenant = _tenant_of_token(claims)
        _require_place(
            request,
            tenant_id=claims.tenant_id,
            slug=tenant.slug,
            status=tenant.status,
            refusal="The access token is not valid.",
        )
    user = member_of_scope(claims.user_id, family=claims.family)
    if user is None:
        raise Unauthenticated("The sign-in has ended; sign in again.", code="token_ended")
    _enter_actor(person_actor(user))
    return user, Credentials(kind="token", family=claims.family)


def _tenant_of_token(claims: AccessClaims) -> Tenant:
    with platform_scope(PlatformWork.SIGN_IN):
        tenant = Tenant.objects.filter(pk=claims.tenant_id).first()
    if tenant is None:
        raise Unauthenticated("The access token is not valid.", code="token_invalid")
    return tenant


def _require_place(request: Request, *, tenant_id: UUID, slug: str, status: str, refusal: str) -> None:
    """Hold the credentials' tenant against the host's; on a platform host, put it into scope."""
    scope = current_scope()
    if scope is not None and scope.tenant_id is not None:
        if scope.tenant_id != tenant_id:
            raise Unauthenticated(refusal, code="wrong_tenant")
        return
    if status != TenantStatus.ACTIVE:
        raise Unavailable("This site is suspended.", code="tenant_suspended")
    named = request.headers.get(TENANT_HEADER)
    if named is not None and named != slug:
        raise NotFound(f"There is no tenant {named!r}.", code="tenant_not_found")
    enter_tenant(request, tenant_id=tenant_id, slug=slug)


def _enter_named_tenant(request: Request, user: User, slug: str) -> None:
    with platform_scope(PlatformWork.SIGN_IN):
        memberships = Membership.objects.filter(user=user, tenant__status=TenantStatus.ACTIVE)
        membership = memberships.select_related("tenant").filter(tenant__slug=slug).first()
    if membership is None:
        raise NotFound(f"There is no tenant {slug!r}.", code="tenant_not_found")
    user.role_here = membership.role
    scope = enter_tenant(request, tenant_id=membership.tenant.pk, slug=slug)
    enter_scope(replace(scope, actor=person_actor(user)))


def _enter_actor(actor: Actor) -> None:
    scope = current_scope()
    assert scope is not None  # the tenant is in scope by now
    enter_scope(replace(scope, actor=actor))


def _note_use(key_id: UUID, last_used_at: Any) -> None:
    """Write down when a key was used, once a minute at most: reads should not cost a write each."""
    now = timezone.now()
    if last_used_at is None or now - last_used_at > _LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key_id).update(last_used_at=now)


def _known_by_id(user_id: UUID, role: str) -> User:
    """A person of whom the id is known; the database is asked only for what else is wanted."""
    user = User.from_db("default", ["id"], [user_id])
    user.role_here = role
    return user


def _as_list(value: Any) -> list[str]:
    if isinstance(value, str):
        value = json.loads(value)
    return [str(item) for item in value or ()]
