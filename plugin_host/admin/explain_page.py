"""The page that says why plugins ran, or did not, for an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.timezone import localtime

from core.actors import is_allowed
from core.admin.frame import FrameAdminSite
from core.errors import NotFound
from core.models import Event
from core.schema_keywords import as_uuid
from core.scope import current_actor
from plugin_host.admin.cards import status_label
from plugin_host.admin.delivery_display import shown_attempts, shown_delivery
from plugin_host.selectors.explain import (
    Answer,
    HandlerAnswer,
    PluginAnswer,
    event_to_explain,
    events_of_record,
    explain_event,
)
from tenants.admin_site import tenant_site

SHOWN_EVENTS: Final = 50

_LOOKS: Final[Mapping[Answer, tuple[str, str]]] = {
    Answer.DONE: ("Ran", "is-good"),
    Answer.DONE_WITH_ERRORS: ("Ran with errors", "is-warn"),
    Answer.RUNNING: ("Running", "is-info"),
    Answer.LOST: ("Lost its process", "is-warn"),
    Answer.DUE: ("Due", "is-info"),
    Answer.DEAD: ("Given up", "is-bad"),
    Answer.WAITS_PAUSED: ("Waits: paused", "is-warn"),
    Answer.WAITS_UNABLE: ("Waits: cannot run", "is-bad"),
    Answer.WAITS_TENANT: ("Waits: tenant suspended", "is-warn"),
    Answer.WAITS_ORDER: ("Waits for its turn", "is-info"),
    Answer.WAITS_RETRY: ("Waits for the next try", "is-warn"),
    Answer.WAITS_LATER: ("Put off", "is-info"),
    Answer.WAITS_OFF: ("Will be skipped", ""),
    Answer.SKIPPED: ("Skipped", ""),
    Answer.SKIPPED_OFF: ("Skipped: off", ""),
    Answer.SKIPPED_LOOP: ("Skipped: loop", "is-bad"),
    Answer.NOT_RECORDED: ("No delivery", "is-warn"),
    Answer.OFF_THEN: ("Was off", ""),
    Answer.NOT_LOADED: ("Not loaded", "is-bad"),
    Answer.OTHER_COLLECTION: ("Other collection", ""),
    Answer.NOT_HANDLED: ("Not handled", ""),
    Answer.NOT_ITS_OWN: ("Not its own", ""),
}


def plugin_explain(request: HttpRequest) -> HttpResponse:
    """An event and every plugin; without one, the latest events to choose from."""
    if not is_allowed(current_actor(), "plugin.read"):
        raise PermissionDenied
    wanted = request.GET.get("of", "").strip()
    identity = _id_or_404(request.GET.get("event", ""))
    refusal = ""
    event: Event | None = None
    record_id = _id_or_404(request.GET.get("record", ""))
    if identity is not None:
        try:
            event = event_to_explain(identity)
        except NotFound as missing:
            raise Http404(missing.message) from missing
    elif wanted:
        event, record_id, refusal = _meant(wanted)
    if event is not None:
        return _explained(request, event)
    context = {
        **tenant_site.each_context(request),
        "title": "Why did it not run?",
        "wanted": wanted,
        "refusal": refusal,
        "record_id": record_id,
        "events": [_shown_event(one) for one in events_of_record(record_id, limit=SHOWN_EVENTS)],
    }
    return TemplateResponse(request, "admin/plugins/explain.html", context)


def explain_url(**query: object) -> str:
    """Return the address that explains an event (`event=`) or lists those of a record (`record=`)."""
    return f"{reverse('admin:plugin_explain')}?{urlencode(query)}"


def routes(site: FrameAdminSite) -> list[URLPattern]:
    """The page's address below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    return [path("settings/plugins/explain/", wrap(plugin_explain), name="plugin_explain")]


def _explained(request: HttpRequest, event: Event) -> HttpResponse:
    found = explain_event(event)
    may_replay = is_allowed(current_actor(), "plugin.manage")
    others = events_of_record(event.record_id, limit=SHOWN_EVENTS) if event.record_id else []
    context = {
        **tenant_site.each_context(request),
        "title": f"Why did it not run? {event.type}",
        "event": _shown_event(event),
        "is_kept": found.is_kept,
        "facts": _facts(event),
        "concerned": [_plugin(one, may_replay=may_replay) for one in found.plugins if one.answer.is_concern],
        "others": [_plugin(one, may_replay=False) for one in found.plugins if not one.answer.is_concern],
        "events": [_shown_event(one) for one in others],
    }
    return TemplateResponse(request, "admin/plugins/explained.html", context)


def _meant(text: str) -> tuple[Event | None, UUID | None, str]:
    """Return the event, or else the record, that a typed id names; or why it names neither."""
    identity = as_uuid(text)
    if identity is None:
        return None, None, f"{text[:60]!r} is no id: copy that of an event or of a record."
    try:
        return event_to_explain(identity), None, ""
    except NotFound:
        if events_of_record(identity, limit=1):
            return None, identity, ""
    return None, None, f"No event and no record with the id {identity} is known."


def _id_or_404(text: str) -> UUID | None:
    if not text:
        return None
    identity = as_uuid(text)
    if identity is None:
        raise Http404("There is no such event.")
    return identity


def _shown_event(event: Event) -> dict[str, Any]:
    return {"row": event, "url": explain_url(event=event.pk)}


def _facts(event: Event) -> list[tuple[str, Any]]:
    facts = [
        ("When", f"{localtime(event.created_at):%Y-%m-%d %H:%M:%S}"),
        ("Who", event.actor_label or event.actor),
        ("Collection", event.collection_name),
        ("Version", event.record_version),
        ("Set off by plugins", f"{event.depth} deep" if event.depth else ""),
        ("Id", event.pk),
        ("Correlation", event.correlation_id),
    ]
    return [(name, value) for name, value in facts if value]


def _plugin(one: PluginAnswer, *, may_replay: bool) -> dict[str, Any]:
    label, look = _LOOKS[one.answer]
    return {
        "view": one,
        "label": label,
        "look": look,
        "url": reverse("admin:plugin", args=[one.plugin_id]),
        "then": _then(one),
        "now": status_label(one.status).lower(),
        "handlers": [_handler(handler, one, may_replay=may_replay) for handler in one.handlers],
    }


def _handler(handler: HandlerAnswer, one: PluginAnswer, *, may_replay: bool) -> dict[str, Any]:
    label, look = _LOOKS[handler.answer]
    return {
        "view": handler,
        "label": label,
        "look": look,
        "deliveries": [
            {
                **shown_delivery(delivery, plugin_id=one.plugin_id, may_replay=may_replay),
                "attempts": shown_attempts(delivery),
            }
            for delivery in handler.deliveries
        ],
    }


def _then(one: PluginAnswer) -> str:
    then = one.then
    state = {"enabled": "on", "disabled": "off", "available": "never switched on"}.get(
        then.state, then.state or "unknown"
    )
    since = f" since {localtime(then.since):%Y-%m-%d %H:%M:%S}" if then.since is not None else ""
    by = f" ({then.by})" if then.by else ""
    return f"{state}{since}{by}"
