"""Why a plugin ran, or did not, for an event: one sentence per plugin, with all that it rests on.

What happened is read where it was written: deliveries and their attempts say what became of the event, the audit log
says what the tenant wanted of the plugin at that time, and the loaded plugins say what they handle today.
"""

from plugin_host.selectors.explain.explaining import (
    event_to_explain,
    events_of_record,
    explain_event,
    latest_event_of_record,
)
from plugin_host.selectors.explain.values import (
    Answer,
    Explanation,
    HandlerAnswer,
    PluginAnswer,
    StateThen,
)

__all__ = [
    "Answer",
    "Explanation",
    "HandlerAnswer",
    "PluginAnswer",
    "StateThen",
    "event_to_explain",
    "events_of_record",
    "explain_event",
    "latest_event_of_record",
]
