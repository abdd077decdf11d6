"""API keys of the tenant in scope: made, ended, replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.actors import Actor, authorize
from core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from core.schema_keywords import as_uuid
from core.scope import current_actor
from core.services.audit import record_audit
from tenants.api_keys import make_key
from tenants.models import ApiKey, Role
from tenants.permissions import is_at_least, scope_faults

DEFAULT_LIFE: Final = timedelta(days=90)
LONGEST_LIFE: Final = timedelta(days=730)
# A key that nobody described reads what is published, nothing else.
DEFAULT_SCOPES: Final = ("record.read:*",)
_MAX_SCOPES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key and its text, which is shown once."""

    key: ApiKey
    text: str


def create_api_key(
    *,
    name: str,
    for_service: bool = False,
    role: str | None = None,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    expires_at: datetime | None = None,
    never_expires: bool = False,
    now: datetime | None = None,
) -> IssuedKey:
    """Make a key and return it with its text.

    Args:
        for_service: The key belongs to no person and has a role of its own, at most its maker's.
        role: Of a service's key; viewer unless given.
        scopes: `action:collection` patterns; an empty list adds no limit to the role's.
        expires_at: 90 days from now unless given.

    Raises:
        Forbidden, Invalid.
    """
    actor, now = current_actor(), now or timezone.now()
    authorize(actor, "key.manage" if for_service else "key.own")
    wanted = role or Role.VIEWER
    errors = [*_name_errors(name), *_role_errors(role, for_service=for_service), *_scope_errors(scopes)]
    if expires_at is None and not never_expires:
        expires_at = now + DEFAULT_LIFE
    errors += _expiry_errors(expires_at, now)
    if errors:
        raise Invalid(" ".join(error.message for error in errors), errors=errors)
    if for_service and actor.role is not None and not is_at_least(actor.role, wanted):
        raise Forbidden(f"A key may not have a higher role ({wanted}) than its maker ({actor.role}).")
    if not for_service and actor.kind != "user":
        raise Forbidden("Only a person can have a key of their own; make one for a service.")
    with transaction.atomic():
        return _insert(
            actor,
            name=name.strip(),
            user_id=None if for_service else as_uuid(actor.id),
            role=wanted,
            scopes=list(scopes),
            expires_at=expires_at,
            now=now,
        )


def revoke_api_key(*, key_id: UUID | str, now: datetime | None = None) -> ApiKey:
    """End a key at once and return it; ending an ended one changes nothing.

    Raises:
        Forbidden, NotFound.
    """
    with transaction.atomic():
        key = _key_to_change(key_id)
        if key.revoked_at is None:
            key.revoked_at = now or timezone.now()
            key.save(update_fields=["revoked_at"])
            _note("key.revoked", key)
    return key


def rotate_api_key(
    *, key_id: UUID | str, overlap: timedelta = timedelta(0), now: datetime | None = None
) -> IssuedKey:
    """Replace a key by a new one with the same rights and life, and return that one.

    A person's key acts as that person, so only they may have its successor; administrators may end it.

    Args:
        overlap: For how long the old key still works.

    Raises:
        Forbidden, NotFound, Conflict (the old one is ended already).
    """
    now = now or timezone.now()
    with transaction.atomic():
        old = _key_to_change(key_id)
        if old.user_id is not None and str(old.user_id) != current_actor().id:
            raise Forbidden("A person's key can be replaced by that person only; end it instead.")
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise Conflict("The key has ended already; make a new one.", code="key_ended")
        life = old.expires_at - old.created_at if old.expires_at else None
        issued = _insert(
            current_actor(),
            name=old.name,
            user_id=old.user_id,
            role=old.role,
            scopes=old.scopes,
            expires_at=now + life if life else None,
            now=now,
        )
        if overlap:
            ends_at = now + overlap
            if old.expires_at is None or old.expires_at > ends_at:
                old.expires_at = ends_at
                old.save(update_fields=["expires_at"])
        else:
            old.revoked_at = now
            old.save(update_fields=["revoked_at"])
        _note("key.rotated", old, successor=str(issued.key.pk))
    return issued


def _insert(
    actor: Actor,
    *,
    name: str,
    user_id: UUID | None,
    role: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    now: datetime,
) -> IssuedKey:
    made = make_key()
    key: ApiKey = ApiKey.objects.create(
        name=name,
        prefix=made.prefix,
        secret_hash=made.secret_hash,
        user_id=user_id,
        role=role,
        scopes=list(scopes),
        created_at=now,
        created_by=actor.reference[:120],
        expires_at=expires_at,
    )
    _note("key.created", key, scopes=list(scopes))
    return IssuedKey(key=key, text=made.text)


def _key_to_change(key_id: UUID | str) -> ApiKey:
    actor = current_actor()
    identity = key_id if isinstance(key_id, UUID) else as_uuid(key_id)
    key = ApiKey.objects.select_for_update().filter(pk=identity).first() if identity is not None else None
    if key is None:
        raise NotFound(f"There is no key {key_id}.", code="key_not_found")
    is_own = actor.kind == "user" and str(key.user_id) == actor.id
    authorize(actor, "key.own" if is_own else "key.manage")
    found: ApiKey = key
    return found


def _name_errors(name: str) -> list[FieldError]:
    if not name.strip() or len(name) > 100:
        return [
            FieldError(pointer="/name", message="A key needs a name of 1 to 100 characters.", code="name")
        ]
    return []


def _role_errors(role: str | None, *, for_service: bool) -> list[FieldError]:
    if role is None:
        return []
    if not for_service:
        message = "A person's key has the person's role; leave it out, or make the key for a service."
        return [FieldError(pointer="/role", message=message, code="role")]
    if role not in Role.values or role == Role.OWNER:
        choices = ", ".join(value for value in Role.values if value != Role.OWNER)
        return [FieldError(pointer="/role", message=f"Choose one of: {choices}.", code="enum")]
    return []


def _scope_errors(scopes: Sequence[str]) -> list[FieldError]:
    if len(scopes) > _MAX_SCOPES:
        return [FieldError(pointer="/scopes", message=f"At most {_MAX_SCOPES} scopes.", code="maxItems")]
    return [FieldError(pointer="/scopes", message=fault, code="scope") for fault in scope_faults(scopes)]


def _expiry_errors(expires_at: datetime | None, now: datetime) -> list[FieldError]:
    if expires_at is None or now < expires_at <= now + LONGEST_LIFE:
        return []
    message = f"A key ends in the future, at most {LONGEST_LIFE.days} days from now."
    return [FieldError(pointer="/expires_at", message=message, code="expiry")]


def _note(action: str, key: ApiKey, **detail: object) -> None:
    record_audit(
        action=action,
        target_type="key",
        target_id=key.pk,
        summary=f"{key.name} (tnt_{key.prefix}_…)",
        detail=detail,
    )
