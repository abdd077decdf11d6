"""Names that plugins choose: their shapes, and the nearest right one where a name is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

PLUGIN_ID = re.compile(r"[a-z][a-z0-9-]{1,62}")
# They stand where a plugin's id stands in addresses of the API and the administration.
ADDRESS_WORDS = frozenset({"deliveries", "explain", "hooks"})
_ITEM = re.compile(r"[a-z0-9][a-z0-9._-]{0,126}")
_NAV_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62})*")
_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,126}")


def is_plugin_id(name: object) -> bool:
    """Say whether `name` can be a plugin's id: lower case letters, digits and dashes, 2 to 63, a letter first."""
    return isinstance(name, str) and PLUGIN_ID.fullmatch(name) is not None


def app_label(plugin_id: str) -> str:
    """Return the label of the plugin's Django app; its tables begin with it."""
    return f"plugin_{plugin_id.replace('-', '_')}"


def is_item_id(item_id: object) -> bool:
    """Say whether `item_id` has the shape of a task's or check's id: the plugin's, a dot and a name."""
    if not isinstance(item_id, str):
        return False
    owner, _, rest = item_id.partition(".")
    return bool(owner and rest)


def is_nav_id(name: object) -> bool:
    """Say whether `name` can stand in `/admin/plugins/<nav_id>/`."""
    return isinstance(name, str) and _NAV_ID.fullmatch(name) is not None


def is_topic(name: object) -> bool:
    """Say whether `name` can be a topic of the message bus."""
    return isinstance(name, str) and _TOPIC.fullmatch(name) is not None


def is_text(value: object) -> bool:
    """Say whether `value` is a string with something to read in it."""
    return isinstance(value, str) and bool(value.strip())


def is_whole_number(value: object, *, at_least: int | None = None) -> bool:
    """Say whether `value` is an integer, which True and False are not."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return at_least is None or value >= at_least


def is_local_path(url: object) -> bool:
    """Say whether `url` is a path on this host."""
    return isinstance(url, str) and url.startswith("/") and not url.startswith(("//", "/\\"))


def route_prefix(prefix: object, plugin_id: str) -> str | None:
    """Return `prefix` without outer slashes, the plugin's id where it is empty, or None where it is no prefix."""
    if not isinstance(prefix, str):
        return None
    bare = prefix.strip("/")
    if not bare:
        return plugin_id
    return bare if _PREFIX.fullmatch(bare) else None


def item_problem(item_id: object, plugin_id: str, what: str) -> str | None:
    """Return what is wrong with the id of a task or a health check, or None.

    Args:
        what: `task_id` or `check_id`, for the message.
    """
    if not isinstance(item_id, str):
        return f"{what} must be a string such as '{plugin_id}.sync', not {item_id!r}."
    owner, dot, rest = item_id.partition(".")
    if not dot or owner != plugin_id:
        better = f"{plugin_id}.{rest or owner or 'sync'}"
        return f"{what} {item_id!r} must begin with '{plugin_id}.', for example {better!r}."
    if _ITEM.fullmatch(rest) is None:
        return f"{what} {item_id!r} may have lower case letters, digits, dots, dashes and underscores after the dot."
    return None


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that a mistyped `name` most probably means, or None where none is near."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?", or nothing; made to be added to a message."""
    found = nearest(name, choices)
    return f" Did you mean {found!r}?" if found is not None else ""
