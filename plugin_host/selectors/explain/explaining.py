"""Puts an event, its deliveries and the tenant's plugins together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from core.errors import NotFound
from core.models import Event
from plugin_host.deliveries.creation import stored_key
from plugin_host.deliveries.selectors import DeliveryView, attempts_of, deliveries, earlier_open_delivery
from plugin_host.dispatch.arguments import LIFECYCLE_HOOK_OF_EVENT
from plugin_host.dispatch.binding import handlers_of_plugin
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.delivery import DeliveryHistory
from plugin_host.runner import Handler
from plugin_host.selectors.explain import without_delivery as without
from plugin_host.selectors.explain.of_delivery import Surroundings, Verdict, verdict_of_delivery
from plugin_host.selectors.explain.past import PastStates
from plugin_host.selectors.explain.values import (
    Answer,
    Explanation,
    HandlerAnswer,
    PluginAnswer,
    StateThen,
)
from plugin_host.selectors.plugins import plugins_in_scope
from plugin_host.state import TenantPlugin, TenantPlugins
from tenants.models import Tenant, TenantStatus

_ORDER: Final = {answer: place for place, answer in enumerate(Answer)}


def event_to_explain(event_id: UUID) -> Event:
    """Return an event of the tenant in scope; one that has been cleared away as what became of it remembers it.

    Raises:
        NotFound: There is neither.
    """
    event: Event | None = Event.objects.filter(pk=event_id).first()
    if event is not None:
        return event
    ended = DeliveryHistory.objects.filter(event_id=event_id).first()
    if ended is None:
        raise NotFound(f"There is no event {event_id}.", code="event_not_found")
    return Event(
        id=event_id,
        tenant_id=ended.tenant_id,
        type=ended.event_type,
        collection_name=ended.collection_name,
        record_id=ended.record_id,
        record_version=ended.record_version,
        # What is told to one plugin alone was told to this one.
        payload={"plugin": ended.plugin},
        actor="",
        created_at=ended.created_at,
    )


def latest_event_of_record(record_id: UUID, *, event_type: str = "") -> Event:
    """Return what happened to a record last.

    Args:
        event_type: What happened of that type last.

    Raises:
        NotFound: Nothing has.
    """
    found = events_of_record(record_id, event_type=event_type, limit=1)
    if not found:
        what = f"No event {event_type} of" if event_type else "No event of"
        raise NotFound(f"{what} the record {record_id} is known.", code="event_not_found")
    return found[0]


def events_of_record(record_id: UUID | None, *, event_type: str = "", limit: int = 50) -> list[Event]:
    """Return what happened in the tenant in scope, the newest first; to one record where one is named."""
    events = Event.objects.all()
    if record_id is not None:
        events = events.filter(record_id=record_id)
    if event_type:
        events = events.filter(type=event_type)
    return list(events.order_by("-created_at", "-id")[:limit])


def explain_event(event: Event, *, plugin_id: str | None = None, now: datetime | None = None) -> Explanation:
    """Return for an event of the tenant in scope whether each plugin ran, and why not.

    Args:
        plugin_id: That plugin only.

    Raises:
        NotFound: There is no such plugin.
    """
    explaining = _Explaining(event, now or timezone.now())
    names = explaining.plugin_ids()
    if plugin_id is not None:
        if plugin_id not in names:
            explaining.plugins.loaded.get(plugin_id)
        names = [plugin_id]
    answers = [explaining.answer(name) for name in names]
    return Explanation(
        event=event,
        is_kept=not event._state.adding,
        plugins=sorted(answers, key=lambda one: not one.answer.is_concern),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A handler that a plugin has today for such an event."""

    handler: Handler
    collection: str | None

    def takes(self, event: Event) -> bool:
        return self.collection is None or self.collection == event.collection_name


class _Explaining:
    def __init__(self, event: Event, now: datetime) -> None:
        self.event = event
        self.now = now
        self.plugins: TenantPlugins = plugins_in_scope()
        self._past = PastStates(event.created_at)
        made = deliveries(event_id=event.pk, limit=200)
        attempts = attempts_of([one.id for one in made])
        self._deliveries: dict[str, list[DeliveryView]] = {}
        for one in made:
            self._deliveries.setdefault(one.plugin, []).append(
                replace(one, attempts=attempts.get(one.id, ()))
            )
        status = Tenant.objects.values_list("status", flat=True).get(pk=self.plugins.tenant_id)
        self._is_active = status == TenantStatus.ACTIVE

    def plugin_ids(self) -> list[str]:
        """Return every plugin that there is, was or should be."""
        failed = [
            name
            for name in self.plugins.loaded.failures
            if name not in self.plugins and name.replace("_", "-") not in self.plugins
        ]
        return list(dict.fromkeys((*self.plugins, *failed, *self._deliveries)))

    def answer(self, plugin_id: str) -> PluginAnswer:
        entry, plugin = self.plugins.get(plugin_id), self.plugins.loaded.plugins.get(plugin_id)
        failure = self.plugins.loaded.failure_of(plugin_id) if plugin is None else None
        then = self._past.of(plugin_id, entry)
        handlers = list(self._handlers(plugin_id, plugin, entry, then))
        answer, sentence = min(
            ((one.answer, one.sentence) for one in handlers),
            key=lambda one: _ORDER[one[0]],
            default=self._unhandled(plugin_id, plugin, entry),
        )
        if answer is Answer.OTHER_COLLECTION:
            collections = sorted({one.collection for one in handlers if one.collection is not None})
            answer, sentence = without.other_collection(self.event, collections)
        broken = failure.status if failure is not None else "broken"
        problems = entry.problems if entry is not None else failure.problems if failure is not None else ()
        return PluginAnswer(
            plugin_id=plugin_id,
            name=plugin.metadata.name if plugin is not None else failure.title if failure else plugin_id,
            version=plugin.metadata.version if plugin is not None else failure.version if failure else "",
            answer=answer,
            sentence=sentence,
            is_loaded=plugin is not None,
            state=str(entry.state) if entry is not None else "available",
            status=str(entry.status) if entry is not None else broken,
            then=then,
            is_on_here=entry is not None and entry.in_process_only,
            problems=problems,
            errors=entry.errors if entry is not None else (),
            paused_reason=entry.paused_reason if entry is not None else "",
            paused_at=entry.paused_at if entry is not None else None,
            paused_until=entry.paused_until if entry is not None else None,
            paused_by=entry.paused_by if entry is not None else "",
            handles=self._handles(plugin_id) if plugin is not None else (),
            handlers=handlers,
        )

    def _handlers(
        self, plugin_id: str, plugin: LoadedPlugin | None, entry: TenantPlugin | None, then: StateThen
    ) -> Iterator[HandlerAnswer]:
        made: dict[str, list[DeliveryView]] = {}
        for delivery in self._deliveries.get(plugin_id, ()):
            made.setdefault(delivery.hook, []).append(delivery)
        wanted = self._wanted(plugin_id, plugin)
        for one in wanted:
            # Newest first, as `deliveries` answers: a replay stands for what it replays.
            found = made.pop(stored_key(one.handler.key), ())
            if found:
                verdict = self._of_delivery(found[0], entry)
            elif not one.takes(self.event):
                verdict = without.other_collection(self.event, [one.collection or ""])
            elif then.is_on is False and not (entry is not None and entry.in_process_only):
                verdict = without.off_then(then, entry)
            else:
                verdict = without.not_recorded(then)
            yield _handler_answer(one.handler.hook, one.handler.key, verdict, found, one.collection)
        for key, found in made.items():
            yield _handler_answer(key, key, self._of_delivery(found[0], entry), found, None, is_there=False)

    def _unhandled(self, plugin_id: str, plugin: LoadedPlugin | None, entry: TenantPlugin | None) -> Verdict:
        if plugin is None:
            failure = self.plugins.loaded.failure_of(plugin_id)
            if failure is not None:
                return without.not_loaded(failure.message)
            return without.not_loaded(f"Plugin {plugin_id} is not installed.")
        if self._is_life_of_another(plugin_id):
            return without.not_its_own(self.event)
        return without.not_handled(self.event, self._handles(plugin_id))

    def _wanted(self, plugin_id: str, plugin: LoadedPlugin | None) -> Sequence[_Wanted]:
        if plugin is None or self._is_life_of_another(plugin_id):
            return ()
        collections: Mapping[str, str | None] = {
            one.key: one.collection for one in plugin.registrations.events
        }
        return [
            _Wanted(handler=handler, collection=collections.get(handler.key))
            for handler in handlers_of_plugin(self.event, plugin_id)
        ]

    def _handles(self, plugin_id: str) -> Sequence[str]:
        return sorted(self.plugins.handlers.of_plugin(plugin_id))

    def _is_life_of_another(self, plugin_id: str) -> bool:
        return self.event.type in LIFECYCLE_HOOK_OF_EVENT and self.event.payload.get("plugin") != plugin_id

    def _of_delivery(self, delivery: DeliveryView, entry: TenantPlugin | None) -> Verdict:
        blocking = earlier_open_delivery(delivery) if delivery.state == "pending" else None
        around = Surroundings(entry=entry, is_tenant_active=self._is_active, blocking=blocking, now=self.now)
        return verdict_of_delivery(delivery, around)


def _handler_answer(
    hook: str,
    key: str,
    verdict: Verdict,
    found: Sequence[DeliveryView],
    collection: str | None,
    *,
    is_there: bool = True,
) -> HandlerAnswer:
    answer, sentence = verdict
    return HandlerAnswer(
        hook=hook,
        key=key,
        collection=collection,
        is_there=is_there,
        answer=answer,
        sentence=sentence,
        deliveries=tuple(found),
    )
