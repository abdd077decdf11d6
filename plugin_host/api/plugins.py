"""`admin/plugins`: a tenant's plugins, their state, settings, secrets and deliveries."""

from __future__ import annotations

from typing import Any, Final, cast, get_args
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.bodies import FLAG, MOMENT, TEXT, Body, moment, object_schema
from core.api.documents import page_schema
from core.api.views import ApiView, bad_parameter, etag_of, expected_version
from core.scope import current_actor
from plugin_host.api.documents import (
    DELIVERY,
    DELIVERY_DETAILS,
    PLUGIN_DETAILS,
    PLUGINS,
    SECRET,
    SECRETS,
    SETTINGS,
    delivery_details,
    delivery_document,
)
from plugin_host.api.parameters import asks_for_platform, page_size, page_start
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.deliveries.selectors import (
    MAX_PAGE,
    DeliveryState,
    deliveries,
    delivery_with_attempts,
)
from plugin_host.selectors.plugins import (
    platform_settings_document,
    plugin_details,
    plugin_documents,
    plugin_named,
    secret_documents,
    settings_document,
)
from plugin_host.services import (
    delete_secret,
    disable_plugin,
    disable_with_dependants,
    enable_plugin,
    enable_with_required,
    pause_plugin,
    resume_plugin,
    save_config,
    save_platform_config,
    set_fail_open,
    set_secret,
)

PAUSE: Final = Body(object_schema({"reason": {**TEXT, "maxLength": 500}, "until": MOMENT}))
NOTHING: Final = Body(object_schema({}))
ENABLE: Final = Body(object_schema({"with_required": FLAG}))
DISABLE: Final = Body(object_schema({"with_dependants": FLAG}))
PLUGIN_CHANGE: Final = Body(object_schema({"fail_open": FLAG}, required=("fail_open",)))
SETTINGS_CHANGE: Final = Body({"type": "object"})
SECRET_VALUE: Final = Body(object_schema({"value": TEXT}, required=("value",)))
_TAGS: Final = ["plugins"]
_DEFAULT_PAGE: Final = 20
_STATES: Final = get_args(DeliveryState)


class PluginListView(ApiView):
    """All plugins."""

    @extend_schema(tags=_TAGS, summary="List the plugins", responses={200: PLUGINS})
    def get(self, request: Request) -> Response:
        authorize(current_actor(), "plugin.read")
        return Response({"data": plugin_documents()})


class PluginView(ApiView):
    """One plugin."""

    @extend_schema(tags=_TAGS, summary="Show a plugin", responses={200: PLUGIN_DETAILS})
    def get(self, request: Request, plugin_id: str) -> Response:
        authorize(current_actor(), "plugin.read")
        return Response(plugin_details(plugin_id))

    @extend_schema(
        tags=_TAGS,
        summary="Say whether the plugin's gates let an operation through when they fail",
        request=PLUGIN_CHANGE.openapi,
        responses={200: PLUGIN_DETAILS},
    )
    def patch(self, request: Request, plugin_id: str) -> Response:
        set_fail_open(plugin_id, PLUGIN_CHANGE.read(request)["fail_open"])
        return Response(plugin_details(plugin_id))


class EnableView(ApiView):
    """Switching a plugin on."""

    @extend_schema(
        tags=_TAGS,
        summary="Switch a plugin on; with_required: together with what it needs, all or nothing",
        request=ENABLE.openapi,
        responses={200: PLUGIN_DETAILS},
    )
    def post(self, request: Request, plugin_id: str) -> Response:
        if ENABLE.read(request).get("with_required", False):
            enable_with_required(plugin_id)
        else:
            enable_plugin(plugin_id)
        return Response(plugin_details(plugin_id))


class DisableView(ApiView):
    """Switching a plugin off."""

    @extend_schema(
        tags=_TAGS,
        summary="Switch a plugin off; configuration and secrets are kept; with_dependants: with what needs it",
        request=DISABLE.openapi,
        responses={200: PLUGIN_DETAILS},
    )
    def post(self, request: Request, plugin_id: str) -> Response:
        if DISABLE.read(request).get("with_dependants", False):
            disable_with_dependants(plugin_id)
        else:
            disable_plugin(plugin_id)
        return Response(plugin_details(plugin_id))


class PauseView(ApiView):
    """Pausing a plugin."""

    @extend_schema(
        tags=_TAGS,
        summary="Pause a plugin; what it is owed waits",
        request=PAUSE.openapi,
        responses={200: PLUGIN_DETAILS},
    )
    def post(self, request: Request, plugin_id: str) -> Response:
        wanted = PAUSE.read(request)
        pause_plugin(plugin_id, reason=wanted.get("reason", ""), until=moment(wanted, "until"))
        return Response(plugin_details(plugin_id))


class ResumeView(ApiView):
    """Ending a pause."""

    @extend_schema(
        tags=_TAGS, summary="End a plugin's pause", request=NOTHING.openapi, responses={200: PLUGIN_DETAILS}
    )
    def post(self, request: Request, plugin_id: str) -> Response:
        NOTHING.read(request)
        resume_plugin(plugin_id)
        return Response(plugin_details(plugin_id))


class SettingsView(ApiView):
    """A plugin's configuration: the tenant's or, for operators on the platform's host, the platform's."""

    needs_tenant = False

    @extend_schema(tags=_TAGS, summary="Show a plugin's settings", responses={200: SETTINGS})
    def get(self, request: Request, plugin_id: str) -> Response:
        if asks_for_platform():
            authorize(current_actor(), "installation.manage")
            return _settings(platform_settings_document(plugin_id))
        authorize(current_actor(), "plugin.read")
        return _settings(settings_document(plugin_id))

    @extend_schema(
        tags=_TAGS,
        summary="Change some of a plugin's settings; null takes one back to what lies below",
        request=SETTINGS_CHANGE.openapi,
        responses={200: SETTINGS},
    )
    def patch(self, request: Request, plugin_id: str) -> Response:
        change = SETTINGS_CHANGE.read(request)
        if asks_for_platform():
            authorize(current_actor(), "installation.manage")
            before = platform_settings_document(plugin_id)
            expected = expected_version(request, before["revision"], is_required=False)
            save_platform_config(plugin_id, change, merge=True, expected_revision=expected)
            return _settings(platform_settings_document(plugin_id))
        authorize(current_actor(), "plugin.manage")
        expected = expected_version(request, settings_document(plugin_id)["revision"], is_required=False)
        save_config(plugin_id, change, merge=True, expected_revision=expected)
        return _settings(settings_document(plugin_id))


class SecretListView(ApiView):
    """Which secrets are set."""

    @extend_schema(
        tags=_TAGS, summary="List a plugin's secrets, never their values", responses={200: SECRETS}
    )
    def get(self, request: Request, plugin_id: str) -> Response:
        authorize(current_actor(), "plugin.read")
        return Response({"data": secret_documents(plugin_id)}, headers=_NO_STORE)


class SecretView(ApiView):
    """One secret; there is no way to read its value."""

    @extend_schema(tags=_TAGS, summary="Set a secret", request=SECRET_VALUE.openapi, responses={200: SECRET})
    def put(self, request: Request, plugin_id: str, key: str) -> Response:
        # Asked first, so that nobody without the right learns what would fit.
        authorize(current_actor(), "plugin.manage")
        set_secret(plugin_id, key, SECRET_VALUE.read(request)["value"])
        (found,) = (one for one in secret_documents(plugin_id) if one["key"] == key)
        return Response(found, headers=_NO_STORE)

    @extend_schema(tags=_TAGS, summary="Take a secret away", responses={204: None})
    def delete(self, request: Request, plugin_id: str, key: str) -> Response:
        delete_secret(plugin_id, key)
        return Response(status=204)


class DeliveryListView(ApiView):
    """What a plugin was, and is, owed."""

    query_parameters = {"GET": ("limit", "cursor", "state")}

    @extend_schema(
        tags=_TAGS,
        summary="List a plugin's deliveries, newest first",
        parameters=[
            OpenApiParameter("limit", int, description=f"1 to {MAX_PAGE}"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
            OpenApiParameter("state", str, enum=[*_STATES], description="several are separated by commas"),
        ],
        responses={200: page_schema(DELIVERY)},
    )
    def get(self, request: Request, plugin_id: str) -> Response:
        authorize(current_actor(), "plugin.read")
        plugin_named(plugin_id)
        limit = page_size(request.query_params.get("limit", str(_DEFAULT_PAGE)), most=MAX_PAGE)
        found = deliveries(
            plugin=plugin_id,
            states=_states(request.query_params.get("state")),
            before=page_start(request.query_params.get("cursor")),
            limit=limit,
        )
        following = str(found[-1].id) if len(found) == limit else None
        data = [delivery_document(view) for view in found]
        return Response({"data": data, "next": following, "previous": None, "total": None})


class DeliveryView(ApiView):
    """One delivery."""

    @extend_schema(tags=_TAGS, summary="Show a delivery with its attempts", responses={200: DELIVERY_DETAILS})
    def get(self, request: Request, plugin_id: str, delivery_id: UUID) -> Response:
        # Looked up first: what another tenant has is not there, whoever asks.
        found = delivery_with_attempts(delivery_id, plugin=plugin_id)
        authorize(current_actor(), "plugin.read")
        return Response(delivery_details(found))


class ReplayView(ApiView):
    """Making a delivery again."""

    @extend_schema(
        tags=_TAGS,
        summary="Make a delivery that has ended once more",
        request=NOTHING.openapi,
        responses={202: DELIVERY_DETAILS},
    )
    def post(self, request: Request, delivery_id: UUID, plugin_id: str | None = None) -> Response:
        delivery_with_attempts(delivery_id, plugin=plugin_id)
        NOTHING.read(request)
        made = replay_delivery(delivery_id=delivery_id, plugin=plugin_id)
        return Response(delivery_details(delivery_with_attempts(made.pk)), status=202)


_NO_STORE: Final = {"Cache-Control": "no-store"}


def _settings(document: dict[str, Any]) -> Response:
    return Response(document, headers={"ETag": etag_of(document["revision"]), **_NO_STORE})


def _states(text: str | None) -> list[DeliveryState]:
    if text is None:
        return []
    wanted = text.split(",")
    for state in wanted:
        if state not in _STATES:
            raise bad_parameter("state", f"There is no state {state!r}; there are: {', '.join(_STATES)}.")
    return [cast("DeliveryState", state) for state in wanted]
