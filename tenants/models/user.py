"""People, and what they are in a tenant."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from core.ids import uuid7
from core.tenancy.constraints import TenantPolicy
from core.tenancy.models import TenantOwned


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    EDITOR = "editor", "Editor"
    AUTHOR = "author", "Author"
    VIEWER = "viewer", "Viewer"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person, who signs in with an e-mail address and may be a member of several tenants.

    A tenant sees its own members only. The password hash stands in `Credential`, which a tenant never sees;
    `is_staff` and `is_superuser` count on the platform host only.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May sign in on the platform host.")
    is_superuser = models.BooleanField(default=False, help_text="May do everything on the platform host.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Role in the tenant in scope, known where a session or a token was read; not a column.
    role_here: str | None = None

    # Not columns of this table: see Credential.
    password = None  # type: ignore[assignment]  # the base class's column is taken away on purpose
    last_login = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            TenantPolicy(
                name="tenants_user_policy",
                rows="id IN (SELECT m.user_id FROM tenants_membership m)",
                privileges="SELECT",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """The name that the admin shows."""
        return self.name

    def get_session_auth_hash(self) -> str:
        """Sessions are ended by deleting their rows when the password changes, so none needs to be compared."""
        return str(self.pk)

    def get_session_auth_fallback_hash(self) -> Any:
        return iter(())

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Operators may do everything on the platform host; tenants ask `core.actors` instead."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: Any, obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser


class Credential(models.Model):
    """A person's password, hashed; only the platform role may read it.

    A password that a tenant's administrator gave opens that tenant's door alone, also after the person has changed it
    there: nobody has shown that the address is theirs, and another tenant may make the same address a member.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="credential")
    password = models.CharField(max_length=256)
    changed_at = models.DateTimeField(default=timezone.now)
    last_sign_in_at = models.DateTimeField(null=True)
    only_at = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, null=True, related_name="+")

    def __str__(self) -> str:
        return f"credential of {self.user_id}"


class Membership(TenantOwned):
    """What a person is in a tenant."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_user_key"),
        ]

    def __str__(self) -> str:
        # A name for people where the person was read as well; it is worth no query of its own.
        known = self._state.fields_cache.get("user")
        return f"{known.email if known is not None else self.user_id} as {self.role}"
