"""Taking away what has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import RefreshToken, Session

# A refresh token that is used again after its end still tells that it was copied.
_KEPT_AFTER_END: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """How much was taken away."""

    sessions: int
    refresh_tokens: int


def delete_ended_sign_ins(*, now: datetime | None = None) -> CleanUp:
    """Delete sessions and refresh tokens of all tenants whose time is over; safe to repeat and to run twice at once."""
    now = now or timezone.now()
    with platform_scope(PlatformWork.CLEAN_UP):
        sessions, _ = Session.objects.filter(expire_date__lt=now).delete()
        tokens, _ = RefreshToken.objects.filter(expires_at__lt=now - _KEPT_AFTER_END).delete()
    return CleanUp(sessions=sessions, refresh_tokens=tokens)
