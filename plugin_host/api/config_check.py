"""`admin/plugins/{id}/check`: trying settings and secrets before they are saved."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import Body, object_schema
from core.api.documents import answer_schema
from core.api.views import ApiView
from core.scope import current_actor
from plugin_host.api.health_documents import DETAIL
from plugin_host.health.config_check import try_config
from plugin_host.health.findings import Finding
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.models.health import HealthTrouble

# What stands inside is checked by the plugin's schemas, whose messages never show a secret.
TRIAL: Final = Body(object_schema({"config": {"type": "object"}, "secrets": {"type": "object"}}))
_NUMBER_OR_NONE: Final = {"type": ["number", "null"]}
FINDING: Final = answer_schema(
    {
        "status": {"type": "string", "enum": [one.value for one in HealthStatus]},
        "trouble": {"type": ["string", "null"], "enum": [*HealthTrouble.values, None]},
        "message": {"type": "string"},
        "details": {"type": "array", "items": DETAIL},
        "response_time_ms": _NUMBER_OR_NONE,
        "duration_ms": {"type": "number"},
        "retry_after_seconds": _NUMBER_OR_NONE,
    }
)


class ConfigCheckView(ApiView):
    """A plugin's own trial of what is, or would be, its configuration."""

    @extend_schema(
        tags=["plugins"],
        summary="Try a plugin's settings and secrets, those in the body above those stored; nothing is saved",
        request=TRIAL.openapi,
        responses={200: FINDING},
    )
    def post(self, request: Request, plugin_id: str) -> Response:
        # Asked first, so that nobody without the right learns what would fit.
        authorize(current_actor(), "plugin.manage")
        given = TRIAL.read(request)
        found = try_config(plugin_id, config=given.get("config"), merge=True, secrets=given.get("secrets"))
        return Response(finding_document(found), headers={"Cache-Control": "no-store"})


def finding_document(found: Finding) -> dict[str, Any]:
    """Return what a trial found."""
    return {
        "status": found.status.value,
        "trouble": found.trouble.value if found.trouble is not None else None,
        "message": found.message,
        "details": [dict(detail) for detail in found.details],
        "response_time_ms": found.response_time_ms,
        "duration_ms": found.duration_ms,
        "retry_after_seconds": found.retry_after_seconds,
    }
