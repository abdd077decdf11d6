"""Who belongs to a tenant, and as what. All of these work on the tenant in scope."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.actors import Actor, authorize
from core.errors import Conflict, FieldError, Invalid, NotFound
from core.schema_keywords import as_uuid
from core.scope import current_actor
from core.services.audit import record_audit
from tenants.models import ApiKey, Membership, RefreshToken, Role, Session
from tenants.services.people import ensure_user


def add_member(*, email: str, role: str, name: str = "") -> Membership:
    """Make a person a member and return the membership; a person who is not known yet is made.

    Raises:
        Forbidden, Invalid (address or role), Conflict (is a member already).
    """
    actor = current_actor()
    wanted = _role(role)
    _authorize_roles(actor, wanted)
    user = ensure_user(email=email, name=name)
    try:
        with transaction.atomic():
            membership: Membership = Membership.objects.create(user=user, role=wanted)
            _note("member.added", membership, user.email, role=wanted)
    except IntegrityError as error:
        message = f"{user.email} is a member already."
        errors = [FieldError(pointer="/email", message=message, code="unique")]
        raise Conflict(message, code="member_exists", errors=errors) from error
    return membership


def change_role(*, member_id: UUID | str, role: str) -> Membership:
    """Give a member another role and return the membership.

    Raises:
        Forbidden, NotFound, Invalid (role), Conflict (the last owner).
    """
    wanted = _role(role)
    with transaction.atomic():
        membership = _locked(member_id)
        _authorize_roles(current_actor(), wanted, Role(membership.role))
        if membership.role == wanted:
            return membership
        _keep_an_owner(membership)
        was, membership.role = membership.role, wanted
        membership.save(update_fields=["role"])
        _note("member.role_changed", membership, membership.user.email, role=wanted, was=was)
    return membership


def remove_member(*, member_id: UUID | str, now: datetime | None = None) -> None:
    """End a membership with its sessions, tokens and keys; what the person wrote stays.

    Raises:
        Forbidden, NotFound, Conflict (the last owner).
    """
    with transaction.atomic():
        membership = _locked(member_id)
        _authorize_roles(current_actor(), Role(membership.role))
        _keep_an_owner(membership)
        email, user_id = membership.user.email, membership.user_id
        now = now or timezone.now()
        Session.objects.filter(user_id=user_id).delete()
        RefreshToken.objects.filter(user_id=user_id, revoked_at=None).update(revoked_at=now)
        ApiKey.objects.filter(user_id=user_id, revoked_at=None).update(revoked_at=now)
        _note("member.removed", membership, email, role=membership.role)
        membership.delete()


def member_with_id(member_id: UUID | str) -> Membership:
    """Return a membership of the tenant in scope, its person loaded.

    Raises:
        NotFound: It is not there, or is another tenant's.
    """
    identity = member_id if isinstance(member_id, UUID) else as_uuid(member_id)
    found = (
        Membership.objects.select_related("user").filter(pk=identity).first()
        if identity is not None
        else None
    )
    if found is None:
        raise NotFound(f"There is no member {member_id}.", code="member_not_found")
    return found


def _locked(member_id: UUID | str) -> Membership:
    # All owners are locked, in one order, so that two owners cannot remove each other at the same moment.
    membership = member_with_id(member_id)
    list(Membership.objects.select_for_update(of=("self",)).filter(role=Role.OWNER).order_by("pk"))
    return member_with_id(membership.pk)


def _role(role: str) -> Role:
    if role not in Role.values:
        message = f"{role!r} is no role; choose one of: {', '.join(Role.values)}."
        raise Invalid(message, errors=[FieldError(pointer="/role", message=message, code="enum")])
    return Role(role)


def _authorize_roles(actor: Actor, *roles: Role) -> None:
    authorize(actor, "member.manage")
    if Role.OWNER in roles:
        authorize(actor, "owner.manage")


def _keep_an_owner(membership: Membership) -> None:
    if membership.role != Role.OWNER:
        return
    if not Membership.objects.filter(role=Role.OWNER).exclude(pk=membership.pk).exists():
        raise Conflict("A tenant needs an owner; make another member owner first.", code="last_owner")


def _note(action: str, membership: Membership, email: str, **detail: str) -> None:
    record_audit(
        action=action, target_type="member", target_id=membership.pk, summary=email, detail=dict(detail)
    )
