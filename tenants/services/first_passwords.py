"""The first password of a person whom a tenant's administrator has just added."""

from __future__ import annotations

from core.actors import authorize
from core.errors import Conflict, FieldError
from core.platform_work import PlatformWork
from core.scope import current_actor, current_tenant_id, platform_scope
from tenants.models import Membership
from tenants.services.people import has_password, set_password


def give_first_password(*, membership: Membership, password: str) -> None:
    """Let a new member sign in with this password.

    A person belongs to no single tenant, so an administrator may do this only for somebody who has no password
    and is a member nowhere else, and the password opens this tenant's door alone, whoever makes the person a member
    later: otherwise an administrator could keep the key to another tenant.

    Raises:
        Forbidden, Invalid (too weak), Conflict (the person has a password or another tenant).
    """
    authorize(current_actor(), "member.manage")
    user = membership.user
    with platform_scope(PlatformWork.PEOPLE):
        is_known_elsewhere = Membership.objects.filter(user=user).exclude(tenant=membership.tenant).exists()
    if membership.tenant_id != current_tenant_id() or is_known_elsewhere or has_password(user.pk):
        message = (
            f"{user.email} has a password already and keeps it. If it was given at another site it does not count "
            "here; then an operator of the installation can give a new one."
        )
        raise Conflict(
            message,
            code="password_exists",
            errors=[FieldError(pointer="/password", message=message, code="exists")],
        )
    set_password(user=user, password=password, only_at=membership.tenant_id)
