"""Access tokens (JWT) and refresh tokens as text; what is stored of them is `tenants.services.tokens`' concern."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
from django.conf import settings

from core.errors import Unauthenticated
from core.ids import uuid7

ALGORITHM: Final = "HS256"
ISSUER: Final = "tenantry"
AUDIENCE: Final = "tenantry-api"
ACCESS: Final = "access"
REFRESH_START: Final = "tnr_"
_LEEWAY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """What a valid access token says.

    Args:
        family: The chain of refresh tokens that it came with; signing out ends both.
    """

    user_id: UUID
    tenant_id: UUID
    family: UUID


def make_access_token(claims: AccessClaims, *, now: datetime) -> str:
    """Return a signed access token, valid for `ACCESS_TOKEN_SECONDS`."""
    return jwt.encode(
        {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": ACCESS,
            "sub": str(claims.user_id),
            "tenant": str(claims.tenant_id),
            "family": str(claims.family),
            "jti": str(uuid7()),
            "iat": now,
            "exp": now + timedelta(seconds=settings.ACCESS_TOKEN_SECONDS),
        },
        _key(),
        algorithm=ALGORITHM,
    )


def read_access_token(text: str) -> AccessClaims:
    """Return what an access token says.

    Raises:
        Unauthenticated: It is expired, of another kind, or not ours.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            _key(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "tenant", "family", "typ"]},
        )
        if claims["typ"] != ACCESS:
            raise jwt.InvalidTokenError("not an access token")
        return AccessClaims(
            user_id=UUID(claims["sub"]), tenant_id=UUID(claims["tenant"]), family=UUID(claims["family"])
        )
    except jwt.ExpiredSignatureError as error:
        message = "The access token has expired; get a new one from auth/refresh."
        raise Unauthenticated(message, code="token_expired") from error
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("The access token is not valid.", code="token_invalid") from error


def make_refresh_token() -> str:
    """Return a new random refresh token."""
    return REFRESH_START + secrets.token_urlsafe(32)


def hash_refresh_token(text: str) -> bytes:
    """Return what is kept of a refresh token; its 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).digest()


def _key() -> bytes:
    """A key of its own, so that nothing else that SECRET_KEY signs can pass for a token."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"tenantry.access-token", "sha256")
