"""Search metrics on their way in, and what is learnt from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from plugin_host.identifiers import is_text

HIGH_CONFIDENCE = 0.8


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SEOMetricsPayload:
    """Metrics of one domain from one source.

    Args:
        source: Where they come from: `gsc`, `ahrefs`, `semrush` or another name.
        domain: The domain they are about, without scheme.
        data: The metrics, as JSON values: impressions, clicks, position and so on.
        metadata: What plugins added on the way.
        received_at: When they came in; aware, now where not given.
    """

    source: str
    domain: str
    data: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    received_at: datetime = field(default_factory=_now)

    def __post_init__(self) -> None:
        if not is_text(self.source):
            raise ValueError(
                f"source must name where the metrics come from, such as 'gsc', not {self.source!r}."
            )
        if not is_text(self.domain):
            raise ValueError(f"domain must be a host name such as 'example.com', not {self.domain!r}.")
        if not isinstance(self.data, Mapping):
            raise TypeError(f"data must be a dictionary of metrics, not {self.data!r}.")
        if not isinstance(self.metadata, Mapping):
            raise TypeError(f"metadata must be a dictionary, not {self.metadata!r}.")
        if not isinstance(self.received_at, datetime):
            raise TypeError(f"received_at must be a datetime, not {self.received_at!r}.")
        if self.received_at.tzinfo is None:
            raise ValueError("received_at needs a time zone: use datetime.now(UTC).")

    def with_metadata(self, added: Mapping[str, Any]) -> SEOMetricsPayload:
        """Return the same payload with `added` laid over its metadata."""
        return replace(self, metadata={**self.metadata, **added})


@dataclass(frozen=True, slots=True)
class DiscoveredPattern:
    """A regularity that was found in stored metrics.

    Args:
        name: What was found, such as `low_click_rate`.
        confidence: From 0 to 1.
        evidence: The figures that speak for it, as JSON values.
    """

    name: str
    confidence: float
    evidence: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_text(self.name):
            raise ValueError(f"A pattern needs a name such as 'low_click_rate', not {self.name!r}.")
        if isinstance(self.confidence, bool) or not isinstance(self.confidence, int | float):
            raise TypeError(f"confidence is a number from 0 to 1, not {self.confidence!r}.")
        if not isinstance(self.evidence, Mapping):
            raise TypeError(f"evidence must be a dictionary of figures, not {self.evidence!r}.")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence lies between 0 and 1, not at {self.confidence}.")

    @property
    def is_high_confidence(self) -> bool:
        """Whether the pattern is sure enough to act upon: 0.8 or more."""
        return self.confidence >= HIGH_CONFIDENCE


@dataclass(frozen=True, slots=True)
class AppliedLearning:
    """A pattern that was applied to a record.

    Args:
        pattern: Name of the pattern.
        content_id: Id of the record.
        change: What was changed, as JSON values.
    """

    pattern: str
    content_id: str
    change: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_text(self.pattern) or not is_text(self.content_id):
            raise ValueError("A learning names the pattern and the id of the record.")
        if not isinstance(self.change, Mapping):
            raise TypeError(f"change must be a dictionary of fields, not {self.change!r}.")
