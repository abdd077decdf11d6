"""Checking a password, and what a sign-in rests on afterwards."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import check_password as matches_hash
from django.contrib.auth.hashers import make_password
from django.db.models import Exists, OuterRef
from django.utils import timezone

from core.platform_work import PlatformWork
from core.scope import current_tenant_id, platform_scope
from tenants.models import Credential, Membership, RefreshToken, User
from tenants.throttling import limit_sign_in

_logger = logging.getLogger("tenantry.sign_in")


def check_password(
    *,
    email: str,
    password: str,
    address: str = "",
    tenant_id: UUID | None = None,
    now: datetime | None = None,
) -> User | None:
    """Return the person, if the password is right and the place lets them in.

    A tenant lets its members in, the platform its operators. The answer takes equally long for an address that
    nobody has.

    Args:
        address: Where the request came from; tries are limited by it.
        tenant_id: The tenant to sign in at; the one in scope otherwise.

    Raises:
        TooManyRequests: There were too many tries.
    """
    email = email.strip().lower()
    limit_sign_in(email=email, address=address)
    tenant_id = tenant_id or current_tenant_id()
    with platform_scope(PlatformWork.SIGN_IN):
        credential = Credential.objects.select_related("user").filter(user__email=email).first()
        if credential is None:
            make_password(password)  # as long as checking one takes
            return None
        if not matches_hash(password, credential.password, setter=_upgrade(credential)):
            return None
        if credential.only_at_id is not None and credential.only_at_id != tenant_id:
            return None
        user = credential.user
        role = _role_at(user, tenant_id)
        if not user.is_active or role is None:
            return None
        Credential.objects.filter(pk=credential.pk).update(last_sign_in_at=now or timezone.now())
    user.role_here = role or None
    return user


def member_of_scope(user_id: Any, *, family: UUID | None = None) -> User | None:
    """Return an active member of the tenant in scope with the role, or None.

    Args:
        family: A chain of refresh tokens that must not have been ended.
    """
    found = Membership.objects.select_related("user").filter(user_id=user_id, user__is_active=True)
    if family is not None:
        chain = RefreshToken.objects.filter(family=family, user_id=OuterRef("user_id"), revoked_at=None)
        found = found.filter(Exists(chain))
    membership = found.first()
    if membership is None:
        return None
    user: User = membership.user
    user.role_here = membership.role
    return user


def _role_at(user: User, tenant_id: UUID | None) -> str | None:
    """Return the role in the tenant; "" for an operator at the platform; None for somebody who has no place there."""
    if tenant_id is None:
        return "" if user.is_staff else None
    membership = Membership.objects.filter(user=user, tenant_id=tenant_id).first()
    return None if membership is None else str(membership.role)


def _upgrade(credential: Credential) -> Any:
    def store(password: str) -> None:
        Credential.objects.filter(pk=credential.pk).update(password=make_password(password))

    return store
