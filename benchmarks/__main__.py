"""`make bench`: run every module (or package) of this folder that has a `main`.

    python -m benchmarks [name ...]

A `main` prints its table and returns what JSON can hold. All of it is printed at the end and kept in
`var/benchmarks.json`.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import platform
import sys
from pathlib import Path

import benchmarks
from cms_project.environment import var_dir


def names() -> list[str]:
    """The measurements that there are."""
    found = (info.name for info in pkgutil.iter_modules(benchmarks.__path__) if not info.name.startswith("_"))
    return sorted(name for name in found if hasattr(importlib.import_module(f"benchmarks.{name}"), "main"))


def main(wanted: list[str]) -> int:
    known = names()
    if unknown := [name for name in wanted if name not in known]:
        print(f"No such measurement: {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    figures: dict[str, object] = {
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
        }
    }
    for name in wanted or known:
        print(f"\n── {name} " + "─" * max(0, 100 - len(name)), flush=True)
        figures[name] = importlib.import_module(f"benchmarks.{name}").main()
    text = json.dumps(figures, indent=2)
    path = var_dir() / "benchmarks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f"{text}\n")
    print(f"\n{text}\n\nKept in {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
