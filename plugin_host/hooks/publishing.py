"""Answer of the publish gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from plugin_host.errors import sentence_of


@dataclass(frozen=True, slots=True)
class PublishGateResult:
    """What a plugin says about publishing a record.

    Blockers and warnings of all plugins are collected and shown together.

    Args:
        allowed: Whether this plugin lets the record through.
        blockers: Why not, one sentence each, cut after 2,000 characters; only with `allowed=False`.
        warnings: What people should know; a warning never blocks.
        score: A quality figure to show beside the record, on any scale the plugin likes.

    Raises:
        ValueError: where blockers stand beside `allowed=True`, or the score is no finite number.
        TypeError: where `allowed` is no bool, the sentences are no strings or the score is no number.
    """

    allowed: bool
    blockers: Sequence[str] = ()
    warnings: Sequence[str] = ()
    score: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.allowed, bool):
            raise TypeError(f"allowed must be True or False, not {self.allowed!r}.")
        object.__setattr__(self, "blockers", _sentences("blockers", self.blockers))
        object.__setattr__(self, "warnings", _sentences("warnings", self.warnings))
        if self.allowed and self.blockers:
            raise ValueError("A result with blockers must say allowed=False.")
        if self.score is not None:
            if isinstance(self.score, bool) or not isinstance(self.score, int | float):
                raise TypeError(f"score must be a number, not {self.score!r}.")
            if not math.isfinite(self.score):
                raise ValueError(f"score must be a finite number, not {self.score}.")


def _sentences(field: str, given: Sequence[str]) -> tuple[str, ...]:
    # A lone string would be taken apart into letters in silence.
    if isinstance(given, str):
        raise TypeError(f"{field} takes a list of sentences, not one string: write {field}=[{given!r}].")
    sentences = tuple(given)
    for sentence in sentences:
        if not isinstance(sentence, str):
            raise TypeError(f"{field} takes strings, not {sentence!r}.")
    return tuple(sentence_of(sentence) for sentence in sentences)
