"""Why plugins are paused, for how long, and what waits meanwhile."""

from __future__ import annotations

from django.utils.timezone import localtime

from plugin_host.state import TenantPlugin


def paused_in_words(entry: TenantPlugin) -> str:
    """Return since when, until when, by whom and why a plugin is paused, for people."""
    since = f" since {localtime(entry.paused_at):%Y-%m-%d %H:%M}" if entry.paused_at else ""
    by = f" by the {entry.paused_by}" if entry.paused_by_breaker else ""
    if entry.paused_by and not entry.paused_by_breaker:
        by = f" by {entry.paused_by}"
    until = f" until {localtime(entry.paused_until):%Y-%m-%d %H:%M:%S}" if entry.paused_until else ""
    if entry.is_half_open:
        until = ", its next run shows whether it works again"
    why = f": {entry.paused_reason.rstrip('.')}." if entry.paused_reason else "."
    return f"Paused{by}{since}{until}{why}"
