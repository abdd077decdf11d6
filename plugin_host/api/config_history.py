"""`admin/plugins/{id}/settings/revisions`: earlier configurations, compared and restored.

The tenant's or, for operators on the platform's host, the platform's.
"""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import Body, object_schema
from core.api.documents import answer_schema, page_schema
from core.api.views import ApiView, bad_parameter, etag_of, expected_version
from core.scope import current_actor
from core.selectors.content_state import timestamp
from plugin_host.api.documents import SETTINGS
from plugin_host.api.parameters import asks_for_platform
from plugin_host.config_changes import ChangeKind, ConfigChange
from plugin_host.selectors.config_history import (
    ConfigRevision,
    compare_configs,
    config_history,
)
from plugin_host.selectors.plugins import platform_settings_document, settings_document
from plugin_host.services import restore_config, restore_platform_config

_TAGS: Final = ["plugins"]
_NOTHING: Final = Body(object_schema({}))
_NO_STORE: Final = {"Cache-Control": "no-store"}
_DEFAULT_PAGE: Final = 20
_MAX_PAGE: Final = 200
_MAX_NUMBER: Final = 2**31 - 1
_ANYTHING: Final[dict[str, Any]] = {}
_CHANGE: Final = {
    "type": "object",
    "properties": {
        "pointer": {"type": "string"},
        "kind": {"type": "string", "enum": [str(kind) for kind in ChangeKind]},
        "before": _ANYTHING,
        "after": _ANYTHING,
    },
    # A key that was added has no value before, one that was removed none after.
    "required": ["pointer", "kind"],
}
_REVISION: Final = {
    "number": {"type": "integer"},
    "config": {"type": "object", "additionalProperties": True},
    "config_version": {"type": "integer"},
    "changed_by": {"type": "string"},
    "changed_at": {"type": "string", "format": "date-time"},
    "changes": {"type": "array", "items": _CHANGE},
}
REVISION: Final = answer_schema(_REVISION)
COMPARED_REVISION: Final = answer_schema(
    {**_REVISION, "against": {"type": ["integer", "null"], "description": "null: with having none"}}
)


class RevisionListView(ApiView):
    """The configurations that were saved."""

    needs_tenant = False
    query_parameters = {"GET": ("limit", "cursor")}

    @extend_schema(
        tags=_TAGS,
        summary="List a plugin's earlier settings, newest first, each with what it changed",
        parameters=[
            OpenApiParameter("limit", int, description=f"1 to {_MAX_PAGE}"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
        ],
        responses={200: page_schema(REVISION)},
    )
    def get(self, request: Request, plugin_id: str) -> Response:
        of_platform = asks_for_platform()
        authorize(current_actor(), "installation.manage" if of_platform else "plugin.read")
        limit = _number(request, "limit", most=_MAX_PAGE) or _DEFAULT_PAGE
        before = _number(request, "cursor", most=_MAX_NUMBER)
        found = config_history(plugin_id, before=before, limit=limit + 1, of_platform=of_platform)
        page = found[:limit]
        following = str(page[-1].number) if len(found) > limit else None
        data = [revision_document(one) for one in page]
        document = {"data": data, "next": following, "previous": None, "total": None}
        return Response(document, headers=_NO_STORE)


class RevisionView(ApiView):
    """One of them."""

    needs_tenant = False
    query_parameters = {"GET": ("against",)}

    @extend_schema(
        tags=_TAGS,
        summary="Show earlier settings of a plugin and what differs from others",
        parameters=[
            OpenApiParameter(
                "against", int, description="the revision to compare with; 0: with none; else the one before"
            )
        ],
        responses={200: COMPARED_REVISION},
    )
    def get(self, request: Request, plugin_id: str, number: int) -> Response:
        of_platform = asks_for_platform()
        authorize(current_actor(), "installation.manage" if of_platform else "plugin.read")
        against = _number(request, "against", least=0, most=_MAX_NUMBER)
        found = compare_configs(plugin_id, against, number, of_platform=of_platform)
        document = revision_document(found.new) | {
            "changes": [change_document(change) for change in found.changes],
            "against": found.old.number if found.old is not None else None,
        }
        return Response(document, headers=_NO_STORE)


class RestoreView(ApiView):
    """Making one the present one."""

    needs_tenant = False

    @extend_schema(
        tags=_TAGS,
        summary="Put earlier settings of a plugin in force again",
        request=_NOTHING.openapi,
        responses={200: SETTINGS},
    )
    def post(self, request: Request, plugin_id: str, number: int) -> Response:
        _NOTHING.read(request)
        of_platform = asks_for_platform()
        authorize(current_actor(), "installation.manage" if of_platform else "plugin.manage")
        present = platform_settings_document if of_platform else settings_document
        restore = restore_platform_config if of_platform else restore_config
        expected = expected_version(request, present(plugin_id)["revision"], is_required=False)
        restore(plugin_id, number, expected_revision=expected)
        document = present(plugin_id)
        return Response(document, headers={"ETag": etag_of(document["revision"]), **_NO_STORE})


def revision_document(one: ConfigRevision) -> dict[str, Any]:
    """Return an earlier configuration as a document."""
    return {
        "number": one.number,
        "config": dict(one.config),
        "config_version": one.config_version,
        "changed_by": one.changed_by,
        "changed_at": timestamp(one.changed_at),
        "changes": [change_document(change) for change in one.changes],
    }


def change_document(change: ConfigChange) -> dict[str, Any]:
    """Return one difference as a document; a value that was not there is left out."""
    document: dict[str, Any] = {"pointer": change.pointer, "kind": str(change.kind)}
    if change.kind is not ChangeKind.ADDED:
        document["before"] = change.before
    if change.kind is not ChangeKind.REMOVED:
        document["after"] = change.after
    return document


def _number(request: Request, name: str, *, least: int = 1, most: int) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise bad_parameter(name, f"{name} is a whole number from {least} to {most}, not {text!r}.")
    return int(text)
