"""Puts off what the formats `iri` and `iri-reference` cost: two grammars, built at import, a second of CPU time.

jsonschema imports `rfc3987_syntax` at once when it is there. Every process of ours would pay for it, and hardly any
schema has such a field. So a module of that name stands in until one is checked.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, Final

NAME: Final = "rfc3987_syntax"


class _LazyModule(ModuleType):
    """Becomes the real module with the first name that anybody uses of it, except by importing that name."""

    def is_valid_syntax(self, rule: str, value: str) -> bool:
        valid: bool = _real().is_valid_syntax(rule, value)
        return valid

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


def _real() -> ModuleType:
    if isinstance(sys.modules.get(NAME), _LazyModule):
        del sys.modules[NAME]
    return importlib.import_module(NAME)


def install() -> None:
    """Stand in for the module, unless it has been imported already."""
    sys.modules.setdefault(NAME, _LazyModule(NAME))
