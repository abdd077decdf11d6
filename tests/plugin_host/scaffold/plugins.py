"""Plugins as `manage.py plugin new` writes them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from plugin_host.scaffold import FEATURES, Blueprint, checked_names, write_plugin

ALL = frozenset(FEATURES)


def every_choice() -> list[frozenset[str]]:
    """Return each set of parts that can be asked for."""
    return [frozenset(chosen) for size in range(len(FEATURES) + 1) for chosen in combinations(FEATURES, size)]


def write(
    dest: Path, name: str, *, style: str = "class", features: frozenset[str] = ALL, in_tree: bool = False
) -> Path:
    """Write a plugin and return its folder."""
    names = checked_names(name, plugins_dir=None)
    blueprint = Blueprint(names=names, style=style, features=features, in_tree=in_tree)
    write_plugin(blueprint, dest)
    return dest / blueprint.folder
