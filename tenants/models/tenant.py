"""Tenants and the hosts at which they answer."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from core.ids import uuid7
from core.tenancy.constraints import TenantPolicy
from core.tenancy.models import TenantOwned

SLUG_PATTERN = r"^[a-z][a-z0-9-]{1,48}[a-z0-9]$"
HOST_PATTERN = r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


class Plan(models.TextChoices):
    FREE = "free", "Free"
    PRO = "pro", "Pro"
    ENTERPRISE = "enterprise", "Enterprise"


class TenantStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"


class Tenant(models.Model):
    """A customer of the installation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(
        max_length=50,
        unique=True,
        validators=[
            RegexValidator(SLUG_PATTERN, "3 to 50 lower-case letters, digits and -, beginning with a letter.")
        ],
    )
    name = models.CharField(max_length=200)
    plan = models.CharField(max_length=12, choices=Plan, default=Plan.FREE)
    time_zone = models.CharField(max_length=64, default="UTC")
    status = models.CharField(max_length=12, choices=TenantStatus, default=TenantStatus.ACTIVE)
    tagline = models.CharField(max_length=300, blank=True)
    accent_color = models.CharField(
        max_length=7,
        blank=True,
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "Write the colour as #rrggbb.")],
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            TenantPolicy(
                name="tenants_tenant_policy",
                rows="id = @tenant@",
                privileges="SELECT, UPDATE (name, time_zone, tagline, accent_color)",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Domain(TenantOwned):
    """A host name of a tenant, without port, in lower case."""

    host = models.CharField(
        max_length=253,
        unique=True,
        validators=[
            RegexValidator(HOST_PATTERN, "Write the host name alone, in lower case: www.example.org")
        ],
    )
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_primary=True), name="tenants_domain_primary_key"
            ),
        ]

    def __str__(self) -> str:
        return self.host
