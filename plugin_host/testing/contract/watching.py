"""Which of a plugin's functions run, in any thread, whoever calls them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Final

# Tools that others use have the first ones: debuggers, coverage, profilers.
_TOOLS: Final = (4, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A function that ran."""

    name: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.name} ({self.file}, line {self.line})"


@contextmanager
def functions_run(folder: Path) -> Iterator[list[Ran]]:
    """Note the functions below a folder that run inside the block, each once; modules and classes do not count."""
    found: dict[CodeType, Ran] = {}
    monitoring = sys.monitoring
    tool = next(number for number in _TOOLS if monitoring.get_tool(number) is None)
    inside = f"{folder}/"

    def started(code: CodeType, offset: int) -> object:
        if code.co_filename.startswith(inside) and code.co_flags & inspect.CO_OPTIMIZED:
            found[code] = Ran(
                name=code.co_qualname,
                file=code.co_filename.removeprefix(inside),
                line=code.co_firstlineno,
            )
        # Once is enough, of the plugin's code and of everybody else's.
        return monitoring.DISABLE

    ran: list[Ran] = []
    monitoring.use_tool_id(tool, "tenantry plugin contract")
    try:
        monitoring.register_callback(tool, monitoring.events.PY_START, started)
        monitoring.set_events(tool, monitoring.events.PY_START)
        monitoring.restart_events()
        yield ran
    finally:
        monitoring.set_events(tool, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(tool)
        ran += found.values()
