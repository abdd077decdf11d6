"""People: made, given a password, made operators."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from core.errors import FieldError, Invalid, NotFound
from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import Credential, RefreshToken, Session, User
from tenants.throttling import limit_sign_in


def ensure_user(*, email: str, name: str = "") -> User:
    """Return the person with that address, made now if there is none; a new one cannot sign in yet.

    Raises:
        Invalid: This is no address.
    """
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        message = f"{email!r} is no e-mail address."
        errors = [FieldError(pointer="/email", message=message, code="format")]
        raise Invalid(message, errors=errors) from None
    with platform_scope(PlatformWork.PEOPLE):
        user, _ = User.objects.get_or_create(email=address, defaults={"name": name.strip()})
    return user


def has_password(user_id: UUID) -> bool:
    """Say whether a person can sign in with a password."""
    with platform_scope(PlatformWork.PEOPLE):
        return Credential.objects.filter(user_id=user_id).exists()


def password_counts_everywhere(user_id: UUID) -> bool:
    """Say whether a person has a password that opens the doors of all their tenants."""
    with platform_scope(PlatformWork.PEOPLE):
        return Credential.objects.filter(user_id=user_id, only_at=None).exists()


def set_own_password(*, user: User, password: str) -> None:
    """Give a signed-in person the password they chose; it opens the doors that the old one opened.

    Raises:
        Invalid: The password is too weak; the errors say why.
    """
    with platform_scope(PlatformWork.PEOPLE):
        only_at = Credential.objects.filter(user=user).values_list("only_at", flat=True).first()
    set_password(user=user, password=password, only_at=only_at)


def set_password(
    *, user: User, password: str, only_at: UUID | None = None, now: datetime | None = None
) -> None:
    """Give a person a password and end every sign-in that rests on the old one.

    Args:
        only_at: The one tenant whose door it opens; the doors of all the person's tenants and, for an operator, the
            platform's without.

    Raises:
        Invalid: The password is too weak; the errors say why.
    """
    try:
        validate_password(password, user)
    except ValidationError as found:
        errors = [FieldError(pointer="/password", message=message, code="weak") for message in found.messages]
        raise Invalid(" ".join(found.messages), code="weak_password", errors=errors) from None
    now = now or timezone.now()
    hashed = make_password(password)
    with platform_scope(PlatformWork.PEOPLE), transaction.atomic():
        Credential.objects.update_or_create(
            user=user, defaults={"password": hashed, "changed_at": now, "only_at_id": only_at}
        )
        Session.objects.filter(user=user).delete()
        RefreshToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)


def change_own_password(*, user: User, current_password: str, new_password: str, address: str = "") -> None:
    """Give the signed-in person a new password, which ends all their sign-ins.

    Raises:
        Invalid: The present password is wrong, or the new one too weak.
        TooManyRequests: There were too many tries.
    """
    limit_sign_in(email=user.email, address=address)
    with platform_scope(PlatformWork.PEOPLE):
        credential = Credential.objects.filter(user=user).first()
    if credential is None or not check_password(current_password, credential.password):
        message = "The present password is not right."
        errors = [FieldError(pointer="/current_password", message=message, code="password")]
        raise Invalid(message, errors=errors)
    set_own_password(user=user, password=new_password)


def make_operator(*, email: str, password: str, name: str = "") -> User:
    """Make a person an operator of the installation, who signs in on the platform's host, and return them.

    Raises:
        Invalid: The address or the password does not fit.
    """
    with platform_scope(PlatformWork.PEOPLE), transaction.atomic():
        user = ensure_user(email=email, name=name)
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
        set_password(user=user, password=password)
    return user


def unmake_operator(*, email: str) -> User:
    """Make an operator an ordinary person again, end their sign-ins at the platform, and return them.

    Raises:
        NotFound: Nobody of that address is one.
    """
    with platform_scope(PlatformWork.PEOPLE), transaction.atomic():
        user = User.objects.filter(email=email.strip().lower(), is_staff=True).first()
        if user is None:
            raise NotFound(f"{email} is no operator.", code="operator_not_found")
        user.is_staff = user.is_superuser = False
        user.save(update_fields=["is_staff", "is_superuser"])
        Session.objects.filter(user=user, tenant=None).delete()
    return user
