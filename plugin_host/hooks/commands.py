"""Use cases of the content services, as plugins see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugin_host.identifiers import is_text


@dataclass(frozen=True, slots=True)
class Command:
    """One use case that is about to run, or has run.

    Args:
        name: The service's name, such as `create_record` or `publish_record`.
        arguments: What it is called with, as JSON values.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_text(self.name):
            raise ValueError(f"A command needs a name such as 'create_record', not {self.name!r}.")
        if not isinstance(self.arguments, Mapping):
            raise TypeError(f"arguments must be a mapping of names to values, not {self.arguments!r}.")
        object.__setattr__(self, "arguments", dict(self.arguments))

    def with_arguments(self, **changed: Any) -> Command:
        """Return the same command with some arguments replaced."""
        return Command(self.name, {**self.arguments, **changed})
