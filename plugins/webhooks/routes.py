"""The plugin's part of the API: `/api/v1/plugins/webhooks/endpoints/…`, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import async_to_sync
from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from plugin_host.auth import require_admin
from plugin_host.errors import NotFound

from . import queue
from .answers import shown
from .config import EVENTS, Endpoint, WebhooksConfig
from .models import Attempt, EndpointState, Sending, SendingStatus
from .sending import send_soon, send_test

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 200


def urlpatterns(ctx: PluginContext) -> list[URLPattern]:
    """Return the routes. The views keep `ctx`, because settings are read when a request comes."""
    return [
        path("endpoints", EndpointsView.as_view(plugin=ctx), name="endpoints"),
        path("endpoints/<str:name>", EndpointView.as_view(plugin=ctx), name="endpoint"),
        path("endpoints/<str:name>/pause", PauseView.as_view(plugin=ctx), name="pause"),
        path("endpoints/<str:name>/resume", ResumeView.as_view(plugin=ctx), name="resume"),
        path("endpoints/<str:name>/test", TestView.as_view(plugin=ctx), name="test"),
        path("endpoints/<str:name>/redeliver", RedeliverView.as_view(plugin=ctx), name="redeliver"),
        path("endpoints/<str:name>/messages", MessagesView.as_view(plugin=ctx), name="messages"),
        path("endpoints/<str:name>/attempts", AttemptsView.as_view(plugin=ctx), name="attempts"),
    ]


def config_of(plugin: PluginContext) -> WebhooksConfig:
    """Return the configuration of the tenant that asks."""
    return WebhooksConfig.from_dict({"endpoints": plugin.get_setting("endpoints", default=[])})


class PausedSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    by = serializers.CharField(help_text="Empty where it was paused by itself.")
    reason = serializers.CharField()


class EndpointSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    url = serializers.CharField(help_text="Without query, which may carry keys.")
    events = serializers.ListField(child=serializers.CharField())
    collections = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(["active", "failing", "paused"])
    paused = PausedSerializer(allow_null=True)
    waiting = serializers.IntegerField()
    failures = serializers.IntegerField(help_text="Tries in a row that failed.")
    failing_since = serializers.DateTimeField(allow_null=True)
    last_problem = serializers.CharField()
    last_success_at = serializers.DateTimeField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True)
    previous_secret_until = serializers.DateTimeField(allow_null=True)


class AttemptSerializer(serializers.Serializer[Any]):
    request_id = serializers.UUIDField(help_text="Sent as x-request-id.")
    message_id = serializers.UUIDField(allow_null=True, help_text="The event; null for a test.")
    type = serializers.CharField()
    number = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    delivered = serializers.BooleanField()
    reason = serializers.CharField()
    duration_ms = serializers.FloatField()
    excerpt = serializers.CharField(help_text="The beginning of what was answered.")
    at = serializers.DateTimeField()


class MessageSerializer(serializers.Serializer[Any]):
    message_id = serializers.UUIDField(help_text="The event; sent as webhook-id.")
    type = serializers.CharField()
    collection = serializers.CharField()
    record_id = serializers.UUIDField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(SendingStatus.choices)
    tries = serializers.IntegerField()
    reason = serializers.CharField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class PauseSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, default="", max_length=300, allow_blank=True)


class RedeliverSerializer(serializers.Serializer[Any]):
    """Either `events`, or `since` and `until`."""

    events = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=queue.MAX_AGAIN
    )
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("events" in attrs) == ("since" in attrs or "until" in attrs):
            raise serializers.ValidationError("Give either events, or since (and until).")
        if "events" not in attrs and "since" not in attrs:
            raise serializers.ValidationError({"since": "Say from when on."})
        return attrs


def _page_of(item: type[serializers.Serializer[Any]], name: str) -> Any:
    fields = {"data": item(many=True), "next": serializers.CharField(allow_null=True)}
    return type(name, (serializers.Serializer,), fields)


_PAGE: Final = [
    OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
    OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MAX_LIMIT}, {DEFAULT_LIMIT} by default."),
]
_STATUS: Final = OpenApiParameter("status", OpenApiTypes.STR, enum=SendingStatus.values)
_Due: Final = type("DueSerializer", (serializers.Serializer,), {"due": serializers.IntegerField()})
_Endpoints: Final = type(
    "EndpointsSerializer", (serializers.Serializer,), {"data": EndpointSerializer(many=True)}
)


class _EndpointView(APIView):
    """A view of one endpoint, or of all, for administrators."""

    permission_classes = [require_admin]
    plugin: PluginContext = None  # type: ignore[assignment]  # `as_view` brings it

    def check_permissions(self, request: Request) -> None:
        """Refuse whoever is no administrator; what is not there is not there for anybody."""
        if request.user.is_authenticated and "name" in self.kwargs:
            self.endpoint(self.kwargs["name"])
        super().check_permissions(request)

    def endpoint(self, name: str) -> Endpoint:
        """Return a configured endpoint.

        Raises:
            NotFound: There is none of that name.
        """
        found = config_of(self.plugin).endpoint(name)
        if found is None:
            raise NotFound(f"There is no endpoint {name!r}.", code="endpoint_not_found")
        return found

    def answer(self, endpoint: Endpoint) -> Response:
        """Answer how an endpoint fares."""
        state, waiting = queue.states().get(endpoint.name), queue.waiting_counts().get(endpoint.name, 0)
        return Response(endpoint_document(endpoint, state, waiting))


class EndpointsView(_EndpointView):
    """All endpoints."""

    @extend_schema(summary="List the endpoints and how they fare", responses=_Endpoints)
    def get(self, request: Request) -> Response:
        states, waiting = queue.states(), queue.waiting_counts()
        found = [
            endpoint_document(one, states.get(one.name), waiting.get(one.name, 0))
            for one in config_of(self.plugin).endpoints
        ]
        return Response({"data": found})


class EndpointView(_EndpointView):
    """One endpoint."""

    @extend_schema(summary="Show how an endpoint fares", responses=EndpointSerializer)
    def get(self, request: Request, name: str) -> Response:
        return self.answer(self.endpoint(name))


class PauseView(_EndpointView):
    """Let messages wait."""

    @extend_schema(
        summary="Pause an endpoint: its messages wait", request=PauseSerializer, responses=EndpointSerializer
    )
    def post(self, request: Request, name: str) -> Response:
        endpoint = self.endpoint(name)
        given = _read(PauseSerializer, request)
        queue.pause(name, reason=given["reason"], by=str(request.user) or "somebody", now=timezone.now())
        return self.answer(endpoint)


class ResumeView(_EndpointView):
    """Send what waits."""

    @extend_schema(
        summary="Resume an endpoint: what waits is due", request=None, responses=EndpointSerializer
    )
    def post(self, request: Request, name: str) -> Response:
        endpoint = self.endpoint(name)
        queue.resume(name, now=timezone.now())
        send_soon()
        return self.answer(endpoint)


class TestView(_EndpointView):
    """Send a test event."""

    @extend_schema(summary="Send a signed ping, paused or not", request=None, responses=AttemptSerializer)
    def post(self, request: Request, name: str) -> Response:
        attempt = async_to_sync(send_test)(self.endpoint(name), self.plugin.get_secrets())
        return Response(attempt_document(attempt))


class RedeliverView(_EndpointView):
    """Send messages once more."""

    @extend_schema(
        summary="Make messages due once more: events, or a time", request=RedeliverSerializer, responses=_Due
    )
    def post(self, request: Request, name: str) -> Response:
        endpoint = self.endpoint(name)
        given = _read(RedeliverSerializer, request)
        if "events" in given:
            due = queue.redeliver_events(name, given["events"])
        else:
            due = redeliver_time(endpoint, given["since"], given.get("until"))
        send_soon()
        return Response({"due": due})


class MessagesView(_EndpointView):
    """What an endpoint was sent, or is to be sent."""

    @extend_schema(
        summary="List an endpoint's messages, newest first",
        parameters=[_STATUS, *_PAGE],
        responses=_page_of(MessageSerializer, "MessagePageSerializer"),
    )
    def get(self, request: Request, name: str) -> Response:
        rows = Sending.objects.filter(endpoint=self.endpoint(name).name).select_related("message")
        if status := request.query_params.get("status"):
            if status not in SendingStatus.values:
                raise serializers.ValidationError({"status": f"One of: {', '.join(SendingStatus.values)}."})
            rows = rows.filter(status=status)
        return Response(_page(rows, request, message_document))


class AttemptsView(_EndpointView):
    """Every request to an endpoint."""

    @extend_schema(
        summary="List the tries at an endpoint, newest first",
        parameters=_PAGE,
        responses=_page_of(AttemptSerializer, "AttemptPageSerializer"),
    )
    def get(self, request: Request, name: str) -> Response:
        rows = Attempt.objects.filter(endpoint=self.endpoint(name).name)
        return Response(_page(rows, request, attempt_document))


def redeliver_time(endpoint: Endpoint, since: datetime, until: datetime | None) -> int:
    """Make the messages of a time due once more for an endpoint, those that it wants."""
    types = [name for name in EVENTS if name in endpoint.events]
    return queue.redeliver_range(
        endpoint.name,
        since=since,
        until=until or timezone.now(),
        types=types,
        collections=endpoint.collections,
    )


def endpoint_document(endpoint: Endpoint, state: EndpointState | None, waiting: int) -> dict[str, Any]:
    """Return an endpoint as the API answers it."""
    paused = None
    if state is not None and state.paused_at is not None:
        paused = {"at": state.paused_at, "by": state.paused_by, "reason": state.paused_reason}
    failing = state is not None and state.failures > 0
    return {
        "name": endpoint.name,
        "url": shown(endpoint.url),
        "events": [name for name in EVENTS if name in endpoint.events],
        "collections": sorted(endpoint.collections),
        "state": "paused" if paused else "failing" if failing else "active",
        "paused": paused,
        "waiting": waiting,
        "failures": state.failures if state else 0,
        "failing_since": state.failing_since if state else None,
        "last_problem": state.last_problem if state else "",
        "last_success_at": state.last_success_at if state else None,
        "not_before": state.not_before if state else None,
        "previous_secret_until": endpoint.previous_until if endpoint.previous_secret else None,
    }


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """Return a try as the API answers it."""
    return {
        "request_id": attempt.pk,
        "message_id": attempt.message_id,
        "type": attempt.type,
        "number": attempt.number,
        "status": attempt.status,
        "delivered": attempt.is_delivered,
        "reason": attempt.reason,
        "duration_ms": round(attempt.duration_ms, 1),
        "excerpt": attempt.excerpt,
        "at": attempt.at,
    }


def message_document(sending: Sending) -> dict[str, Any]:
    """Return what became of a message at an endpoint."""
    message = sending.message
    return {
        "message_id": sending.message_id,
        "type": message.type,
        "collection": message.collection,
        "record_id": message.record_id,
        "version": message.record_version,
        "status": sending.status,
        "tries": sending.tries,
        "reason": sending.reason,
        "next_try_at": sending.next_try_at if sending.status == SendingStatus.WAITING else None,
        "finished_at": sending.finished_at,
    }


def _page(rows: Any, request: Request, present: Any) -> dict[str, Any]:
    given = _PageParameters(data=request.query_params)
    given.is_valid(raise_exception=True)
    limit = given.validated_data["limit"]
    if cursor := given.validated_data.get("cursor"):
        rows = rows.filter(pk__lt=cursor)
    found = list(rows.order_by("-id")[: limit + 1])
    return {
        "data": [present(row) for row in found[:limit]],
        "next": str(found[limit - 1].pk) if len(found) > limit else None,
    }


class _PageParameters(serializers.Serializer[Any]):
    cursor = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(required=False, default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT)


def _read(kind: type[serializers.Serializer[Any]], request: Request) -> Mapping[str, Any]:
    given = kind(data=request.data)
    given.is_valid(raise_exception=True)
    found: Mapping[str, Any] = given.validated_data
    return found
