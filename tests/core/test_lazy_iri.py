from __future__ import annotations

import subprocess
import sys

import pytest
from jsonschema import Draft7Validator


@pytest.mark.parametrize("name", ["iri", "iri-reference"])
def test_iri_formats_are_checked(name: str) -> None:
    validator = Draft7Validator({"format": name}, format_checker=Draft7Validator.FORMAT_CHECKER)

    assert validator.is_valid("https://example.org/straße")
    assert not validator.is_valid("https://example.org/a b")


def test_grammars_are_not_built_before_a_value_is_checked() -> None:
    code = "import sys, core.json_schema; print('lark' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
