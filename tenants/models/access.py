"""What a client shows to be let in: sessions, refresh tokens, API keys. Only hashes are kept of the last two."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.utils import timezone

from core.tenancy.constraints import TenantPolicy
from core.tenancy.models import TenantOwned
from tenants.models.tenant import Tenant
from tenants.models.user import Role, User


class Session(AbstractBaseSession):
    """A browser's sign-in at one host: a tenant's, or the platform's where `tenant` is empty."""

    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")

    objects: ClassVar = BaseSessionManager()

    class Meta:
        constraints = [TenantPolicy(name="tenants_session_policy")]
        indexes = [models.Index(fields=["tenant", "user"], name="tenants_session_user_idx")]

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from tenants.sessions import SessionStore  # the store imports this model

        return SessionStore


class RefreshToken(TenantOwned):
    """One link of a chain of refresh tokens; using a link twice ends the whole chain (`family`)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    family = models.UUIDField()
    token_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "token_hash"], name="tenants_refresh_token_hash_key"),
        ]
        indexes = [models.Index(fields=["tenant", "family"], name="tenants_refresh_family_idx")]

    def __str__(self) -> str:
        return f"refresh token of {self.user_id}"


class ApiKey(TenantOwned):
    """A key for programs: `tnt_<prefix>_<secret><checksum>`, of which only prefix and hash are kept.

    `user` makes it a person's key, which never may more than that person; without one it is a service's key and
    `role` says what it may.
    """

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True)
    secret_hash = models.BinaryField(max_length=32, help_text="SHA-256; the secret has 256 random bits.")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=12, choices=Role, default=Role.VIEWER)
    scopes = models.JSONField(
        default=list, help_text='["record.read_draft:posts", "record.*:*"]; [] adds no limit'
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=120, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} (tnt_{self.prefix}_…)"
