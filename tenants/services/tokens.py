"""Signing in for programs that act for a person: a short access token and a chain of refresh tokens.

Each refresh token works once and brings the next. One that is used twice was copied, so its whole chain ends.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.errors import Unauthenticated
from core.ids import uuid7
from core.scope import require_tenant
from tenants.models import RefreshToken, User
from tenants.services.sign_in import check_password, member_of_scope
from tenants.tokens import AccessClaims, hash_refresh_token, make_access_token, make_refresh_token

_logger = logging.getLogger("tenantry.sign_in")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a client keeps of a sign-in."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int
    user: User


def issue_tokens(*, email: str, password: str, address: str = "", now: datetime | None = None) -> TokenPair:
    """Sign a member of the tenant in scope in and return tokens.

    Raises:
        Unauthenticated: Address and password do not belong together, or to no member.
        TooManyRequests: There were too many tries.
    """
    user = check_password(email=email, password=password, address=address, now=now)
    if user is None:
        message = "This e-mail address and password do not belong together, or to no member of this site."
        raise Unauthenticated(message, code="bad_credentials")
    return _next_pair(user, family=uuid7(), now=now or timezone.now())


def refresh_tokens(*, refresh_token: str, now: datetime | None = None) -> TokenPair:
    """Take a refresh token in and return new tokens.

    Raises:
        Unauthenticated: It is unknown, expired or ended, or was used before (which ends its chain).
    """
    now = now or timezone.now()
    with transaction.atomic():
        stored = (
            RefreshToken.objects.select_for_update()
            .filter(token_hash=hash_refresh_token(refresh_token))
            .first()
        )
        fault = _fault(stored, now)
        if stored is not None and fault is None:
            RefreshToken.objects.filter(pk=stored.pk).update(used_at=now)
        elif stored is not None and stored.used_at is not None:
            end_family(family=stored.family, now=now)
    if stored is None or fault is not None:
        if stored is not None and fault == "refresh_reused":
            _logger.warning(
                "a refresh token was used twice, its sign-in is ended", extra={"user": stored.user_id}
            )
        raise Unauthenticated("The refresh token is not valid any more; sign in again.", code=fault)
    user = member_of_scope(stored.user_id)
    if user is None:
        raise Unauthenticated("The sign-in has ended; sign in again.", code="token_ended")
    return _next_pair(user, family=stored.family, now=now)


def end_family(*, family: UUID, now: datetime | None = None) -> None:
    """End a sign-in: its refresh tokens, and with them its access tokens."""
    RefreshToken.objects.filter(family=family, revoked_at=None).update(revoked_at=now or timezone.now())


def end_token(*, refresh_token: str, now: datetime | None = None) -> None:
    """End the sign-in that a refresh token belongs to; an unknown one is no error."""
    stored = RefreshToken.objects.filter(token_hash=hash_refresh_token(refresh_token)).first()
    if stored is not None:
        end_family(family=stored.family, now=now)


def _fault(stored: RefreshToken | None, now: datetime) -> str | None:
    if stored is None:
        return "refresh_invalid"
    if stored.used_at is not None:
        return "refresh_reused"
    if stored.revoked_at is not None or stored.expires_at <= now:
        return "refresh_expired"
    return None


def _next_pair(user: User, *, family: UUID, now: datetime) -> TokenPair:
    text = make_refresh_token()
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    RefreshToken.objects.create(
        user=user,
        family=family,
        token_hash=hash_refresh_token(text),
        created_at=now,
        expires_at=now + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
    )
    claims = AccessClaims(user_id=user.pk, tenant_id=tenant_id, family=family)
    return TokenPair(
        access_token=make_access_token(claims, now=now),
        refresh_token=text,
        expires_in_seconds=settings.ACCESS_TOKEN_SECONDS,
        user=user,
    )
