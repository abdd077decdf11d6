"""What the API answers about search metrics, patterns and learnings."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from core.selectors.content_state import timestamp
from plugin_host.models.seo import SEOLearning, SEOMetrics, SEOPattern

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "string", "format": "uuid"}
_ID_OR_NONE: Final = {"type": ["string", "null"], "format": "uuid"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_OBJECT: Final = {"type": "object", "additionalProperties": True}
_METRICS: Final = {
    "id": _ID,
    "plugin": _TEXT,
    "source": _TEXT,
    "domain": _TEXT,
    "received_at": _MOMENT,
    "searched_at": _MOMENT_OR_NONE,
    "note": _TEXT,
}
METRICS: Final = answer_schema(_METRICS)
METRICS_DETAILS: Final = answer_schema({**_METRICS, "data": _OBJECT, "metadata": _OBJECT})
PATTERN: Final = answer_schema(
    {
        "id": _ID,
        "name": _TEXT,
        "source": _TEXT,
        "domain": _TEXT,
        "page": _TEXT,
        "record_id": _ID_OR_NONE,
        "confidence": {"type": "number"},
        "is_high_confidence": _FLAG,
        "evidence": _OBJECT,
        "metrics_id": _ID_OR_NONE,
        "found_at": _MOMENT,
        "seen_at": _MOMENT,
        "times_seen": _NUMBER,
    }
)
LEARNING: Final = answer_schema(
    {
        "id": _ID,
        "plugin": _TEXT,
        "pattern": _TEXT,
        "pattern_id": _ID_OR_NONE,
        "collection": _TEXT,
        "record_id": _ID,
        "record_version": _NUMBER,
        "change": _OBJECT,
        "applied_at": _MOMENT,
    }
)


def metrics_document(metrics: SEOMetrics) -> dict[str, Any]:
    """Return metrics as they stand in a list, without the figures themselves."""
    return {
        "id": str(metrics.pk),
        "plugin": metrics.plugin,
        "source": metrics.source,
        "domain": metrics.domain,
        "received_at": timestamp(metrics.received_at),
        "searched_at": timestamp(metrics.searched_at),
        "note": metrics.note,
    }


def metrics_details(metrics: SEOMetrics) -> dict[str, Any]:
    """Return metrics with their figures."""
    return {**metrics_document(metrics), "data": metrics.data, "metadata": metrics.metadata}


def pattern_document(pattern: SEOPattern) -> dict[str, Any]:
    """Return a pattern."""
    return {
        "id": str(pattern.pk),
        "name": pattern.name,
        "source": pattern.source,
        "domain": pattern.domain,
        "page": pattern.subject,
        "record_id": str(pattern.record_id) if pattern.record_id is not None else None,
        "confidence": pattern.confidence,
        "is_high_confidence": pattern.is_high_confidence,
        "evidence": pattern.evidence,
        "metrics_id": str(pattern.metrics_id) if pattern.metrics_id is not None else None,
        "found_at": timestamp(pattern.found_at),
        "seen_at": timestamp(pattern.seen_at),
        "times_seen": pattern.times_seen,
    }


def learning_document(learning: SEOLearning) -> dict[str, Any]:
    """Return a learning."""
    return {
        "id": str(learning.pk),
        "plugin": learning.plugin,
        "pattern": learning.pattern_name,
        "pattern_id": str(learning.pattern_id) if learning.pattern_id is not None else None,
        "collection": learning.collection_name,
        "record_id": str(learning.record_id),
        "record_version": learning.record_version,
        "change": learning.change,
        "applied_at": timestamp(learning.applied_at),
    }
