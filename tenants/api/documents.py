"""What the API answers about people, keys and tenants, and the schema of each answer."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from core.selectors.content_state import timestamp
from tenants.models import ApiKey, Domain, Membership, Tenant
from tenants.services.tokens import TokenPair

_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_ID: Final = {"type": "string", "format": "uuid"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_LIST: Final = {"type": "array", "items": _TEXT}
_USER: Final = answer_schema({"id": _ID, "email": _TEXT, "name": _TEXT})

TOKENS: Final = answer_schema(
    {
        "access_token": _TEXT,
        "refresh_token": _TEXT,
        "token_type": _TEXT,
        "expires_in": {"type": "integer", "description": "Seconds until the access token ends."},
    }
)
ME: Final = answer_schema(
    {
        "kind": {"type": "string", "enum": ["user", "key"]},
        "id": _ID,
        "label": _TEXT,
        "role": _TEXT_OR_NONE,
        "scopes": {"type": ["array", "null"], "items": _TEXT},
        "tenant": _TEXT_OR_NONE,
        "user": {**_USER, "type": ["object", "null"]},
        "actions": _LIST,
    }
)
KEY: Final = answer_schema(
    {
        "id": _ID,
        "name": _TEXT,
        "prefix": _TEXT,
        "user": {"type": ["string", "null"], "format": "uuid"},
        "role": _TEXT_OR_NONE,
        "scopes": _LIST,
        "created_at": _MOMENT,
        "created_by": _TEXT,
        "expires_at": _MOMENT_OR_NONE,
        "revoked_at": _MOMENT_OR_NONE,
        "last_used_at": _MOMENT_OR_NONE,
    }
)
NEW_KEY: Final = answer_schema(
    {**KEY["properties"], "key": {"type": "string", "description": "Shown this once; only a hash is kept."}}
)
MEMBER: Final = answer_schema({"id": _ID, "user": _USER, "role": _TEXT, "created_at": _MOMENT})
DOMAIN: Final = answer_schema({"host": _TEXT, "is_primary": {"type": "boolean"}, "created_at": _MOMENT})
TENANT: Final = answer_schema(
    {
        "id": _ID,
        "slug": _TEXT,
        "name": _TEXT,
        "plan": _TEXT,
        "status": _TEXT,
        "time_zone": _TEXT,
        "tagline": _TEXT,
        "accent_color": _TEXT,
        "created_at": _MOMENT,
    }
)


def tokens_document(pair: TokenPair) -> dict[str, Any]:
    """Return tokens as RFC 6749, section 5.1, names them."""
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in_seconds,
    }


def key_document(key: ApiKey) -> dict[str, Any]:
    """Return an API key as the API answers it: never what opens anything."""
    return {
        "id": str(key.pk),
        "name": key.name,
        "prefix": f"tnt_{key.prefix}",
        "user": str(key.user_id) if key.user_id else None,
        "role": None if key.user_id else key.role,
        "scopes": key.scopes,
        "created_at": timestamp(key.created_at),
        "created_by": key.created_by,
        "expires_at": timestamp(key.expires_at),
        "revoked_at": timestamp(key.revoked_at),
        "last_used_at": timestamp(key.last_used_at),
    }


def member_document(membership: Membership) -> dict[str, Any]:
    """Return a membership as the API answers it; its person must be loaded."""
    user = membership.user
    return {
        "id": str(membership.pk),
        "user": {"id": str(user.pk), "email": user.email, "name": user.name},
        "role": membership.role,
        "created_at": timestamp(membership.created_at),
    }


def domain_document(domain: Domain) -> dict[str, Any]:
    """Return a host as the API answers it."""
    return {
        "host": domain.host,
        "is_primary": domain.is_primary,
        "created_at": timestamp(domain.created_at),
    }


def tenant_document(tenant: Tenant) -> dict[str, Any]:
    """Return a tenant as the API answers it."""
    return {
        "id": str(tenant.pk),
        "slug": tenant.slug,
        "name": tenant.name,
        "plan": tenant.plan,
        "status": tenant.status,
        "time_zone": tenant.time_zone,
        "tagline": tenant.tagline,
        "accent_color": tenant.accent_color,
        "created_at": timestamp(tenant.created_at),
    }
