"""The plugin's page in the admin: every domain of the tenant in one table, and the last changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from plugin_host import content

from .findings import NAME
from .models import StatusChange, WatchedDomain

SHOWN_CHANGES: Final = 50
_ORDER: Final = {"unhealthy": 0, "degraded": 1, "unknown": 2, "healthy": 3}
_LOOKS: Final = {"unhealthy": "is-bad", "degraded": "is-warn", "healthy": "is-good"}


def domains_page(request: HttpRequest) -> HttpResponse:
    """List the tenant's domains, those in trouble first; the host lets in who is signed in to the admin."""
    known = {domain.host: domain for domain in WatchedDomain.objects.all()}
    now = timezone.now()
    rows = [_row(host, known.get(host), now) for host in content.domains()]
    rows.sort(key=lambda row: (_ORDER[row["status"]], row["host"]))
    context = {
        "rows": rows,
        "counts": {status: sum(row["status"] == status for row in rows) for status in _ORDER},
        "changes": StatusChange.objects.order_by("-changed_at", "-id")[:SHOWN_CHANGES],
        "user": request.user,
        "active": NAME,
    }
    return render(request, "page.html", context)


def _row(host: str, domain: WatchedDomain | None, now: datetime) -> dict[str, Any]:
    if domain is None:
        return {"host": host, "status": "unknown"}
    days = (domain.certificate_until - now).days if domain.certificate_until is not None else None
    return {
        "host": host,
        "status": domain.status,
        "look": _LOOKS.get(domain.status, ""),
        "observed": domain.observed if domain.disagreeing else "",
        "since": domain.status_since,
        "checked_at": domain.checked_at,
        "days": days,
        "response_time_ms": domain.response_time_ms,
        "message": domain.message,
    }
