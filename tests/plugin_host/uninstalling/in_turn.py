"""Run with commands of `manage.py` as JSON, name -> arguments: runs them in turn, says as JSON how each ended.

A start takes seconds, and what is refused leaves nothing behind in a process. All of them sign in as the same role.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

import manage


def run(arguments: list[str]) -> tuple[int, str]:
    sys.argv = ["manage.py", *arguments]
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = manage.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    return code, said.getvalue()


print(json.dumps({name: run(arguments) for name, arguments in json.loads(sys.argv[1]).items()}))
