"""The button that has a plugin try what is typed into its form; nothing is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.errors import TenantryError
from plugin_host.admin.health_display import STATUSES
from plugin_host.admin.places import error_in_words
from plugin_host.health.config_check import try_config
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.models.health import HealthTrouble
from plugin_host.registry import loaded_plugins

_LOOKS: Final[Mapping[str, tuple[str, str]]] = {
    HealthStatus.HEALTHY: ("It works", "is-good"),
    HealthStatus.DEGRADED: ("It works, not well", "is-warn"),
    HealthStatus.UNHEALTHY: ("It does not work", "is-bad"),
    HealthStatus.UNKNOWN: ("It could not be told", "is-warn"),
}


def is_trial(request: HttpRequest) -> bool:
    """Say whether the form was sent to be tried and not to be saved."""
    return request.method == "POST" and request.POST.get("do") == "try"


def tried(
    plugin_id: str,
    *,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Return what the templates show of a trial."""
    try:
        found = try_config(plugin_id, config=config, secrets=secrets)
    except TenantryError as refusal:
        plugin = loaded_plugins().plugins.get(plugin_id)
        lines = [refusal.message, *(error_in_words(plugin, one) for one in refusal.errors)]
        return {"trial": {"refusal": lines}}
    label, look = _LOOKS[found.status]
    details = [
        {**detail, "label": STATUSES[HealthStatus(detail["status"])][0], "look": _LOOKS[detail["status"]][1]}
        for detail in found.details
    ]
    # "Broken" says no more than "it does not work".
    says_why = found.trouble is not None and found.trouble is not HealthTrouble.BROKEN
    trouble = found.trouble.label if says_why and found.trouble is not None else ""
    return {
        "trial": {
            "label": f"{label}: {trouble.lower()}" if trouble else label,
            "look": look,
            # A message that stands among the details as well is not said twice.
            "message": "" if any(one["message"] == found.message for one in details) else found.message,
            "details": details,
            "duration_ms": round(found.duration_ms),
            "retry_after_seconds": found.retry_after_seconds,
        }
    }


def unusable(form: Form) -> dict[str, Any]:
    """Return what the templates show of a form that cannot even be read."""
    lines = [str(error) for errors in form.errors.values() for error in errors]
    return {"trial": {"refusal": lines}}


def alone(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse | None:
    """Return the result without a page around it, where a script asks for it and keeps what is typed; else None."""
    if request.headers.get("X-Requested-With") != "fetch":
        return None
    return TemplateResponse(
        request, "admin/plugins/trial.html", dict(context), headers={"Cache-Control": "no-store"}
    )
