"""Messages, and which method of a plugin handles which topic."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from plugin_host.errors import PluginError
from plugin_host.identifiers import is_topic

_TOPICS = "__tenantry_topics__"
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Message:
    """What a handler marked with `@on_message` gets.

    Args:
        sender: Id of the plugin that sent it.
        payload: The receiver's own copy.
        wants_reply: Whether somebody waits for what the handler returns.
    """

    topic: str
    sender: str
    payload: Any
    tenant_id: UUID
    correlation_id: UUID | None = None
    wants_reply: bool = False


def on_message(topic: str) -> Callable[[_F], _F]:
    """Mark a method (`def` or `async def`) as the handler of a topic; it takes one `Message`.

    Raises:
        PluginError: where `topic` is no name.
    """
    if not is_topic(topic):
        raise PluginError(f"A topic is a name such as 'orders.paid', not {topic!r}.")

    def mark(method: _F) -> _F:
        setattr(method, _TOPICS, (*getattr(method, _TOPICS, ()), topic))
        return method

    return mark


def message_handlers(cls: type) -> dict[str, str]:
    """Return the method's name for each topic that a plugin class handles.

    Raises:
        PluginError: where two methods handle the same topic.
    """
    found: dict[str, str] = {}
    for name in dir(cls):
        for topic in getattr(inspect.getattr_static(cls, name), _TOPICS, ()):
            if topic in found:
                raise PluginError(
                    f"{cls.__name__} handles the topic {topic!r} in both {found[topic]} and {name}: keep one."
                )
            found[topic] = name
    return found
