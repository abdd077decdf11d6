"""Commands in the docs are commands that exist, with arguments that they take."""

from __future__ import annotations

import re
import shlex

import pytest
from django.core.management import get_commands, load_command_class

from tests.docs.test_reference import PAGES, PROJECT

# Those that end the process themselves, or are not Django's to parse.
_NOT_PARSED = {"shell"}


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            for given in block.replace("\\\n", " ").splitlines():
                match = re.search(r"(?:python manage\.py|^manage) (\w.*)", given)
                if match and match[1].split()[0] not in _NOT_PARSED:
                    # Brackets say that an option may be left out.
                    line = re.sub(r"\[(--[^\]]+)\]", r"\1", match[1])
                    found.append((str(page.relative_to(PROJECT)), line))
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_command_is_understood(page: str, line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)

    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(arguments)


def test_there_are_commands_to_look_at() -> None:
    assert len(commands()) > 15
