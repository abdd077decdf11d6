"""`new`: start a plugin."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from django.conf import settings

from core.errors import Invalid
from plugin_host.identifiers import did_you_mean
from plugin_host.management.plugin_actions.base import Options, PluginAction
from plugin_host.scaffold import FEATURES, STYLES, Blueprint, checked_names, write_plugin

_USUAL: Final = "routes,models,admin"


class NewAction(PluginAction):
    name = "new"
    help = "start a plugin: a package that works, with its tests"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="NAME", help="its id, such as my-plugin")
        parser.add_argument("--style", choices=STYLES, default="class", help="class (default) or function")
        parser.add_argument(
            "--with",
            dest="parts",
            default=_USUAL,
            metavar="PARTS",
            help=f"some of {','.join(FEATURES)}; all; none (default: {_USUAL})",
        )
        parser.add_argument(
            "--dest",
            type=Path,
            default=Path(),
            metavar="DIR",
            help="where its folder is made; in the folder of plugins it becomes a plugin of this installation alone",
        )

    def run(self, options: Options) -> None:
        dest: Path = options["dest"].expanduser().resolve()
        plugins_dir = Path(settings.PLUGINS_DIR).resolve()
        if plugins_dir in dest.parents:
            raise Invalid(
                f"{dest} lies inside a plugin: name another folder, or {plugins_dir} for a plugin of this installation."
            )
        blueprint = Blueprint(
            names=checked_names(options["plugin"], plugins_dir=plugins_dir),
            style=options["style"],
            features=_features(options["parts"]),
            in_tree=dest == plugins_dir,
        )
        for file in write_plugin(blueprint, dest):
            self.stdout.write(str(file))
        self.stdout.write(f"\n{dest / blueprint.folder} is made. Next:\n")
        for step in _next_steps(blueprint, dest / blueprint.folder):
            self.stdout.write(f"    {step}")


def _features(given: str) -> frozenset[str]:
    wanted = {part.strip() for part in given.split(",") if part.strip()}
    if wanted == {"all"}:
        return frozenset(FEATURES)
    if wanted <= {"none"}:
        return frozenset()
    for part in sorted(wanted - set(FEATURES)):
        raise Invalid(
            f"There is no part {part!r}.{did_you_mean(part, (*FEATURES, 'all', 'none'))} "
            f"Known: {', '.join(FEATURES)}; or all, or none, alone."
        )
    return frozenset(wanted)


def _next_steps(blueprint: Blueprint, folder: Path) -> list[str]:
    plugin_id = blueprint.names.id
    if blueprint.in_tree:
        steps = [f"python -m pytest {folder}", f"python -m pytest --plugin-contract {plugin_id}"]
    else:
        steps = [
            f'pip install --editable "{folder}[test]"',
            f"cd {folder} && pytest",
            f"pytest --plugin-contract {plugin_id}",
        ]
    if "models" in blueprint.features:
        steps.append("python manage.py migrate")
    return [
        *steps,
        f"python manage.py plugin check {plugin_id}",
        f"python manage.py plugin config set {plugin_id} api_endpoint=https://example.com/ --tenant SLUG",
        f"python manage.py plugin secret set {plugin_id} api_token --tenant SLUG",
        f"python manage.py plugin enable {plugin_id} --tenant SLUG",
    ]
