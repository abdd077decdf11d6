"""`manage.py up`: every process of a development machine under one log, started and stopped together.

    up.py          the order of things: servers, preparation, processes, the end
    programs.py    which processes there are and with which variables
    children.py    one process: its output, its restarts, its end
    console.py     the log
    code_watch.py  notices changed files
    probe.py       notices that the web server answers
    servers.py     the embedded servers: their log, their restarts
    addresses.py   what to print then
    progress.py    notices a worker that lives but does nothing

It runs in one thread and without Django, so it starts at once and lives on whatever the application does.
"""

from __future__ import annotations

from cms_project.supervisor.options import DESCRIPTION, Options, add_arguments, main
from cms_project.supervisor.up import run

__all__ = ["DESCRIPTION", "Options", "add_arguments", "main", "run"]
