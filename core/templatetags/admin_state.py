"""Badges of the admin."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.models.record import RecordState

register = template.Library()

_RECORD_LOOKS: Final[dict[str, str]] = {
    RecordState.DRAFT: "",
    RecordState.PUBLISHED: "is-good",
    RecordState.CHANGED: "is-warn",
    RecordState.TRASHED: "is-bad",
}


def badge(text: str, look: str = "") -> SafeString:
    """Return a small coloured label; `look` is is-good, is-warn, is-bad, is-info or nothing."""
    return format_html('<span class="frame-badge {}">{}</span>', look, text)


@register.simple_tag
def state_badge(state: str) -> SafeString:
    """A record's state as a badge."""
    return badge(RecordState(state).label, _RECORD_LOOKS[state])
