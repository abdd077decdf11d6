"""From stored metrics to patterns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.models import Event, PublishedSnapshot
from core.scope import acting_as, current_actor, require_tenant
from core.signals import event_recorded
from plugin_host.dispatch.binding import plugin_actor
from plugin_host.dispatch.events import event_changes
from plugin_host.dispatch.operation import Occasion
from plugin_host.errors import PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.models.seo import MAX_NOTE_LENGTH, MAX_SUBJECT_LENGTH, SEOMetrics, SEOPattern
from plugin_host.seo.extraction import Finding, find_patterns
from plugin_host.seo.figures import Figures, read_figures
from plugin_host.seo.filtering import filtered_payload
from tenants.models import Domain

PATTERN_EVENT: Final = "seo.pattern_discovered"
MAX_PATTERNS: Final = 100
# What click rates are usual is told by so many payloads, of so many days, besides the one that is searched.
_MAX_COMPARED: Final = 10
_COMPARED_DAYS: Final = 90


def search_metrics(metrics: SEOMetrics) -> SEOMetrics:
    """Search stored metrics for patterns, once `dvp_before_pattern_extraction` has had its say, and tell plugins.

    Safe to repeat: a pattern that is known is seen again, and nobody is told twice.
    """
    with acting_as(plugin_actor(metrics.plugin)):
        occasion = Occasion()
        stored = SEOMetricsPayload(
            metrics.source, metrics.domain, metrics.data, metrics.metadata, metrics.received_at
        )
        try:
            payload = filtered_payload("dvp_before_pattern_extraction", stored, metrics.plugin, occasion)
        except PluginError as refusal:
            return _searched(metrics, [f"Left out by {refusal.plugin}: {refusal.message}"])
        return _search(metrics, read_figures(payload.data), occasion)


def _search(metrics: SEOMetrics, figures: Figures, occasion: Occasion) -> SEOMetrics:
    notes = []
    if figures.unread_rows:
        notes.append(f"{figures.unread_rows} rows have no page or no sound numbers.")
    found = find_patterns(figures, comparable=_comparable(metrics), earlier=_earlier(metrics, figures))
    kept = [finding for finding in found if len(finding.subject) <= MAX_SUBJECT_LENGTH]
    if len(kept) < len(found):
        notes.append(f"{len(found) - len(kept)} patterns are about addresses that are too long.")
    if len(kept) > MAX_PATTERNS:
        notes.append(f"{len(kept) - MAX_PATTERNS} patterns of less weight were left out.")
    kept = kept[:MAX_PATTERNS]
    known = _known(metrics, kept)
    records = _records_of(metrics.domain, [finding.subject for finding in kept])
    for finding in kept:
        pattern = _pattern(metrics, finding, records.get(finding.subject))
        try:
            _keep(pattern, occasion, is_known=(finding.name, finding.subject) in known)
        except PluginError as refusal:
            notes.append(f"{pattern} was refused by {refusal.plugin}: {refusal.message}")
    return _searched(metrics, notes)


def _searched(metrics: SEOMetrics, notes: Sequence[str]) -> SEOMetrics:
    metrics.note = " ".join(notes)[:MAX_NOTE_LENGTH]
    metrics.searched_at = timezone.now()
    metrics.save(update_fields=["note", "searched_at"])
    return metrics


def _comparable(metrics: SEOMetrics) -> list[Figures]:
    since = metrics.received_at - timedelta(days=_COMPARED_DAYS)
    others = SEOMetrics.objects.filter(source=metrics.source, received_at__gte=since).exclude(pk=metrics.pk)
    newest = others.order_by("-received_at", "-id").values_list("data", flat=True)[:_MAX_COMPARED]
    return [read_figures(data) for data in newest]


def _earlier(metrics: SEOMetrics, figures: Figures) -> Figures | None:
    """Return the figures of the period before: the newest of the domain that can be held against these."""
    before = SEOMetrics.objects.filter(
        source=metrics.source, domain=metrics.domain, received_at__lte=metrics.received_at
    ).exclude(pk=metrics.pk)
    newest = before.order_by("-received_at", "-id").values_list("data", flat=True)[:_MAX_COMPARED]
    return next((one for data in newest if figures.follows(one := read_figures(data))), None)


def _known(metrics: SEOMetrics, findings: Sequence[Finding]) -> set[tuple[str, str]]:
    rows = SEOPattern.objects.filter(
        source=metrics.source, domain=metrics.domain, subject__in={one.subject for one in findings}
    )
    return set(rows.values_list("name", "subject"))


def _records_of(domain: str, pages: Sequence[str]) -> Mapping[str, tuple[UUID, str]]:
    """Return page -> record and collection, for addresses of the tenant's own published pages."""
    if not any(pages):
        return {}
    hosts = set(Domain.objects.values_list("host", flat=True))
    paths = {page: path for page in pages if (path := _path_of(page, domain, hosts))}
    found = PublishedSnapshot.objects.filter(path__in=set(paths.values())).values_list(
        "path", "record", "collection_name"
    )
    by_path = {path: (record, collection) for path, record, collection in found}
    return {page: by_path[path] for page, path in paths.items() if path in by_path}


def _path_of(page: str, domain: str, hosts: Collection[str]) -> str:
    """Return the path of an address below one of the tenant's hosts; of any other, nothing."""
    try:
        parts = urlsplit(page)
        host = parts.hostname or domain.casefold()
    except ValueError:
        return ""
    return unquote(parts.path).rstrip("/") if host in hosts else ""


def _pattern(metrics: SEOMetrics, finding: Finding, record: tuple[UUID, str] | None) -> SEOPattern:
    pattern = SEOPattern(
        metrics=metrics,
        name=finding.name,
        source=metrics.source,
        domain=metrics.domain,
        subject=finding.subject,
        record_id=record[0] if record is not None else None,
        confidence=finding.confidence,
    )
    pattern.evidence = {
        **finding.evidence,
        "source": metrics.source,
        "domain": metrics.domain,
        "page": finding.subject or None,
        "content_id": str(record[0]) if record is not None else None,
        "collection": record[1] if record is not None else None,
        "pattern_id": str(pattern.pk),
    }
    return pattern


def _keep(pattern: SEOPattern, occasion: Occasion, *, is_known: bool) -> None:
    """Store a pattern and record its event, or note that a known one was seen again.

    Raises:
        PluginError: A plugin refuses the event.
    """
    payload = {
        "pattern_id": str(pattern.pk),
        "name": pattern.name,
        "confidence": pattern.confidence,
        "evidence": pattern.evidence,
    }
    changes = (
        {}
        if is_known
        else event_changes(PATTERN_EVENT, lambda: payload, actor=current_actor(), occasion=occasion)
    )
    now = timezone.now()
    with transaction.atomic():
        SEOPattern.objects.bulk_create([pattern], ignore_conflicts=True)
        row = SEOPattern.objects.select_for_update().get(
            source=pattern.source, domain=pattern.domain, name=pattern.name, subject=pattern.subject
        )
        if row.pk == pattern.pk:
            _record_event(pattern, payload | changes, now)
        elif row.metrics_id != pattern.metrics_id:
            _see_again(row, pattern, now)


def _see_again(row: SEOPattern, pattern: SEOPattern, now: datetime) -> None:
    row.metrics_id = pattern.metrics_id
    row.record_id = pattern.record_id
    row.confidence = pattern.confidence
    row.evidence = {**pattern.evidence, "pattern_id": str(row.pk)}
    row.seen_at = now
    row.times_seen += 1
    row.save()


def _record_event(pattern: SEOPattern, payload: dict[str, Any], now: datetime) -> None:
    scope = require_tenant()
    event = Event.objects.create(
        type=PATTERN_EVENT,
        collection_name=pattern.evidence["collection"] or "",
        record_id=pattern.record_id,
        payload=payload,
        actor=scope.actor.reference[:120],
        actor_label=scope.actor.label[:254],
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        depth=scope.depth,
        created_at=now,
    )
    event_recorded.send(sender=Event, event=event)
