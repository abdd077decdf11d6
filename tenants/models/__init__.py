"""Tables of the tenants and of the people."""

from tenants.models.access import ApiKey, RefreshToken, Session
from tenants.models.tenant import Domain, Plan, Tenant, TenantStatus
from tenants.models.user import Credential, Membership, Role, User

__all__ = [
    "ApiKey",
    "Credential",
    "Domain",
    "Membership",
    "Plan",
    "RefreshToken",
    "Role",
    "Session",
    "Tenant",
    "TenantStatus",
    "User",
]
