"""Tenants and their hosts: made, suspended, resumed; hosts added and taken away."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from core.actors import authorize
from core.errors import Conflict, FieldError, Invalid, NotFound
from core.models import PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import current_actor, current_scope, platform_scope, require_tenant
from core.services.audit import record_audit
from core.signals import tenant_changed
from tenants.models import Domain, Plan, Tenant, TenantStatus
from tenants.selectors.hosts import announce_host, announce_hosts_of, is_platform_host
from tenants.site_directory import announce_site_change


def create_tenant(
    *, slug: str, name: str = "", plan: str = Plan.FREE, time_zone: str = "UTC", hosts: Sequence[str] = ()
) -> Tenant:
    """Make a tenant with its hosts, the first of which is the primary one, and return it.

    Raises:
        Forbidden: The actor in scope is no operator.
        Invalid: A value does not fit.
        Conflict: The slug or a host is taken.
    """
    authorize(current_actor(), "installation.manage")
    slug = slug.strip()
    tenant = Tenant(slug=slug, name=name or slug.replace("-", " ").title(), plan=plan, time_zone=time_zone)
    domains = [
        Domain(tenant=tenant, host=host.strip().lower(), is_primary=number == 0)
        for number, host in enumerate(dict.fromkeys(hosts))
    ]
    _check([tenant, *domains])
    with platform_scope(PlatformWork.TENANT_DIRECTORY), transaction.atomic():
        if Tenant.objects.filter(slug=slug).exists():
            message = f"There is a tenant {slug!r} already."
            raise Conflict(
                message,
                code="tenant_exists",
                errors=[FieldError(pointer="/slug", message=message, code="unique")],
            )
        tenant.save(force_insert=True)
        for domain in domains:
            _insert_domain(domain)
        _note("tenant.created", tenant)
    return tenant


def suspend_tenant(*, slug: str) -> Tenant:
    """Close a tenant's hosts and credentials at once, keep everything, and return the tenant.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is none of that slug.
    """
    return _set_status(slug, TenantStatus.SUSPENDED, "tenant.suspended")


def resume_tenant(*, slug: str) -> Tenant:
    """Open a suspended tenant again and return it.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is none of that slug.
    """
    return _set_status(slug, TenantStatus.ACTIVE, "tenant.resumed")


def update_tenant(*, changes: dict[str, str]) -> Tenant:
    """Change name, time zone, tagline or accent colour of the tenant in scope and return it.

    Raises:
        Forbidden, Invalid.
    """
    authorize(current_actor(), "tenant.manage")
    tenant = Tenant.objects.get(pk=_tenant_in_scope())
    for field, value in changes.items():
        setattr(tenant, field, value)
    _check([tenant])
    with transaction.atomic():
        tenant.save(update_fields=[*changes])
        announce_hosts_of(tenant.pk)
        announce_site_change(tenant.pk)
        record_audit(
            action="tenant.updated",
            target_type="tenant",
            target_id=tenant.pk,
            summary=tenant.name,
            detail={"changed": sorted(changes)},
        )
        if "time_zone" in changes:
            tenant_changed.send(sender=Tenant, tenant_id=tenant.pk)
    return tenant


def add_domain(*, host: str, is_primary: bool = False) -> Domain:
    """Let the tenant in scope answer at a host and return it.

    Raises:
        Forbidden, Invalid, Conflict (the host is taken).
    """
    authorize(current_actor(), "domain.manage")
    domain = Domain(tenant_id=_tenant_in_scope(), host=host.strip().lower(), is_primary=is_primary)
    _check([domain])
    with transaction.atomic():
        if is_primary:
            Domain.objects.filter(is_primary=True).update(is_primary=False)
        _insert_domain(domain)
        _announce_domains(domain.host)
        record_audit(action="domain.added", target_type="domain", target_id=domain.pk, summary=domain.host)
        tenant_changed.send(sender=Tenant, tenant_id=_tenant_in_scope())
    return domain


def remove_domain(*, host: str) -> None:
    """Stop the tenant in scope from answering at a host.

    Raises:
        Forbidden, NotFound, Conflict (it is the only one).
    """
    authorize(current_actor(), "domain.manage")
    with transaction.atomic():
        domain = Domain.objects.select_for_update().filter(host=host.strip().lower()).first()
        if domain is None:
            raise NotFound(f"There is no host {host!r}.", code="domain_not_found")
        if not Domain.objects.exclude(pk=domain.pk).exists():
            raise Conflict("This is the only host; add another one first.", code="last_domain")
        _announce_domains(domain.host)
        domain.delete()
        if domain.is_primary:
            oldest = Domain.objects.order_by("created_at").first()
            assert oldest is not None  # it was not the only one
            Domain.objects.filter(pk=oldest.pk).update(is_primary=True)
        record_audit(action="domain.removed", target_type="domain", summary=domain.host)
        tenant_changed.send(sender=Tenant, tenant_id=_tenant_in_scope())


def _announce_domains(host: str) -> None:
    """Every host answers with the primary one's name, so all of them change."""
    announce_host(host)
    announce_hosts_of(_tenant_in_scope())
    announce_site_change(_tenant_in_scope())


def _tenant_in_scope() -> UUID:
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    return tenant_id


def _insert_domain(domain: Domain) -> None:
    try:
        with transaction.atomic():
            domain.save(force_insert=True)
    except IntegrityError as error:
        message = f"The host {domain.host!r} is taken."
        raise Conflict(
            message,
            code="host_taken",
            errors=[FieldError(pointer="/host", message=message, code="unique")],
        ) from error
    announce_host(domain.host)


def _set_status(slug: str, status: TenantStatus, action: str) -> Tenant:
    authorize(current_actor(), "installation.manage")
    with platform_scope(PlatformWork.TENANT_DIRECTORY), transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(slug=slug).first()
        if tenant is None:
            raise unknown_tenant(slug)
        if tenant.status != status:
            tenant.status = status
            tenant.save(update_fields=["status"])
            announce_hosts_of(tenant.pk)
            _note(action, tenant)
    return tenant


def unknown_tenant(slug: str) -> NotFound:
    """Return the error for a slug that no tenant has, with the nearest one; call it in platform scope."""
    near = get_close_matches(slug, list(Tenant.objects.values_list("slug", flat=True)), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return NotFound(f"There is no tenant {slug!r}.{hint}", code="tenant_not_found")


def _check(rows: Sequence[Any]) -> None:
    """Refuse values that do not fit, all faults at once."""
    errors: list[FieldError] = []
    for row in rows:
        try:
            row.clean_fields(exclude={"tenant"})
        except ValidationError as found:
            errors += [
                FieldError(pointer=f"/{name}", message=message)
                for name, messages in found.message_dict.items()
                for message in messages
            ]
        if isinstance(row, Domain) and is_platform_host(row.host):
            message = f"{row.host!r} is a host of the platform itself."
            errors.append(FieldError(pointer="/host", message=message, code="reserved"))
        if isinstance(row, Tenant) and row.time_zone not in zoneinfo.available_timezones():
            near = get_close_matches(row.time_zone, zoneinfo.available_timezones(), n=1)
            hint = f" Did you mean {near[0]}?" if near else " Write one such as Europe/Berlin."
            message = f"{row.time_zone!r} is no time zone.{hint}"
            errors.append(FieldError(pointer="/time_zone", message=message, code="time_zone"))
    if errors:
        raise Invalid(" ".join(error.message for error in errors), errors=errors)


def _note(action: str, tenant: Tenant) -> None:
    actor, scope = current_actor(), current_scope()
    PlatformAuditEntry.objects.create(
        actor=actor.reference[:120],
        actor_label=actor.label[:254],
        action=action,
        target_type="tenant",
        target_id=str(tenant.pk),
        summary=tenant.name,
        correlation_id=scope.correlation_id if scope else None,
    )
