"""No broken plugin gets in, each says why, and none keeps another one out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plugin_host.discovery import find_candidates
from plugin_host.loading.trial import try_plugins
from plugin_host.loading.verdicts import Verdict
from plugin_host.registry import LoadFailure
from tests.plugin_host.loading.trials import DEADLY, broken_names, plugins_folder

PROJECT = Path(__file__).resolve().parents[3]

# folder: (status, stage, a part of the message)
EXPECTED: dict[str, tuple[str, str, str]] = {
    "admin_raises": ("broken", "admin", "LookupError: no admin today (admin.py, line 1)"),
    "async_register": ("broken", "register", "must be a plain `def`"),
    "celery": ("broken", "discovery", "the name of a module that is installed already"),
    "circle_first": ("broken", "dependency", "in a circle (circle-first -> circle-second -> circle-first)"),
    "circle_second": ("broken", "dependency", "in a circle (circle-second -> circle-first -> circle-second)"),
    "dependant": (
        "broken",
        "dependency",
        "register-raises, which is not loaded: its own trouble comes first",
    ),
    "early_models": ("broken", "import", "import models, and what needs them, inside register()"),
    "ends_quietly": ("broken", "import", "it ended the process (exit code 0) before it was loaded"),
    "ends_the_process": ("broken", "import", "it ended the process (exit code 3)"),
    "foreign_label": ("broken", "models", "has app_label = 'auth', which is not this plugin's"),
    "foreign_table": ("broken", "models", "has db_table = 'auth_group', the table of auth.Group"),
    "hangs": ("broken", "import", "it did not finish within"),
    "id_clash_second": ("broken", "metadata", "The id 'id-clash' is taken by the plugin in"),
    "init_raises": ("broken", "init", "KeyError: 'settings'"),
    "json": ("broken", "discovery", "a part of Python"),
    "lonely": ("broken", "dependency", "Did you mean 'good-neighbour'?"),
    "missing_extra": ("needs_install", "init", "pip install missing-extra[aws]"),
    "missing_id": ("broken", "metadata", "Did you mean 'author'?"),
    "migration_circle": ("broken", "migrations", "depend on each other in a circle"),
    "migration_misfit": ("broken", "migrations", "migrations/0001_initial.py does not fit"),
    "migration_needs_nobody": ("broken", "migrations", "Did you mean 'plugin_good_neighbour'?"),
    "migration_needs_nothing": ("broken", "migrations", "Did you mean '0001_initial'?"),
    "migration_no_class": ("broken", "migrations", "migrations/0001_initial.py has no class Migration"),
    "migration_no_pair": ("broken", "migrations", "must be a list of pairs"),
    "migration_raises": ("broken", "migrations", "ValueError: no migration today (0001_initial.py, line 1)"),
    "migration_replaces": ("broken", "migrations", "names core.0001_initial, which is not this plugin's"),
    "migration_runs_before": ("broken", "migrations", "names core.0001_initial, which is not this plugin's"),
    "migration_two_ends": ("broken", "migrations", "let one depend on the other"),
    "missing_import": ("needs_install", "import", "pip install a_package_that_nobody_has"),
    "models_raise": ("broken", "models", "RuntimeError: no models today (models.py, line 8)"),
    "newer_core": ("broken", "version", "needs Tenantry >=99"),
    "no_metadata": ("broken", "metadata", "defines no plugin"),
    "no_package": ("broken", "discovery", "has no __init__.py"),
    "no_page": ("broken", "admin pages", "neither a view nor a templates/page.html"),
    "no_register": ("broken", "register", "Did you mean 'regsiter'?"),
    "plain_relation": ("broken", "checks", "Use TenantRelation"),
    "prefix_thief": ("broken", "routes", "belongs to plugin good-neighbour"),
    "register_raises": ("broken", "register", "ValueError: not today (__init__.py, line 11)"),
    "reserved_id": ("broken", "metadata", "is the host's own"),
    "self_reference": ("broken", "metadata", "'#/properties/size' leads back to itself"),
    "shared_table": ("broken", "checks", "belongs to no tenant and is not listed"),
    "syntax_error": ("broken", "import", "SyntaxError: expected ':' (__init__.py, line 4)"),
    "taken_constraint": ("broken", "checks", "'plugin_breaker_plugin_key' is not unique among models"),
    "too_old": ("broken", "dependency", "needs plugin good-neighbour >=2, 1.0.0 is loaded"),
    "two_classes": ("broken", "metadata", "more than one plugin class (One, Two)"),
    "undescribable": ("broken", "openapi", "LookupError: no schema today"),
    "unknown_hook": ("broken", "hooks", "Did you mean 'dvp_content_published'?"),
    "unsound_schema": ("broken", "metadata", "config_schema"),
    "wrong_arguments": ("broken", "hooks", "arguments in the wrong order"),
    "wrong_check_arguments": ("broken", "hooks", "(ctx, check_type, target) or (check, ctx, execution_ctx)"),
    "wrong_message_arguments": ("broken", "hooks", "must take one argument after self, the message"),
    "wrong_name": (
        "broken",
        "register",
        "Did you mean: 'on_record_create'? (__init__.py, line 5)",
    ),
    "wrong_routes": (
        "broken",
        "register",
        "entry 2 is 'hello', no URL pattern: make it with django.urls.path",
    ),
    "yielding_handler": ("broken", "register", "must not yield"),
    "yielding_hook": ("broken", "hooks", "YieldingHook.dvp_content_published must not yield"),
    "yielding_register": ("broken", "register", "register of plugin yielding-register must not yield"),
}
SOUND = {"good_neighbour": "good-neighbour", "id_clash_first": "id-clash"}


MIGRATIONS = ["migration_circle", "migration_needs_nothing", "migration_raises", "migration_two_ends"]


def judged(folder: Path, *, seconds: float = 60.0) -> Verdict:
    candidates = [one for one in find_candidates(folder) if one.source == "folder"]
    return try_plugins(candidates, plugins_dir=folder, time_limit_seconds=seconds)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """The verdict about all of them in one folder, but for those that end the process."""
    names = [name for name in broken_names() if name not in DEADLY]
    return judged(plugins_folder(tmp_path_factory.mktemp("together") / "plugins", names))


def failure_of(verdict: Verdict, module: str) -> LoadFailure:
    (found,) = (failure for failure in verdict.failures if failure.module == module)
    return found


def test_every_broken_plugin_is_expected_to_be_so() -> None:
    assert set(broken_names()) == set(EXPECTED) | set(SOUND)


def test_sound_plugins_load_beside_broken_ones(verdict: Verdict) -> None:
    assert [plugin.id for plugin in verdict.approved] == sorted(SOUND.values())


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - DEADLY))
def test_a_broken_plugin_is_out_and_says_why(verdict: Verdict, name: str) -> None:
    status, stage, message = EXPECTED[name]

    failure = failure_of(verdict, name)

    assert (failure.status, failure.stage) == (status, stage), failure
    assert message in failure.message


def test_what_raised_comes_with_its_traceback(verdict: Verdict) -> None:
    failure = failure_of(verdict, "register_raises")

    assert failure.traceback.endswith("ValueError: not today\n")
    assert (Path(failure.file).name, failure.line) == ("__init__.py", 11)


@pytest.mark.parametrize("name", sorted(DEADLY))
def test_a_plugin_that_ends_the_process_is_named(tmp_path: Path, name: str) -> None:
    folder = plugins_folder(tmp_path / "plugins", ["good_neighbour", name])

    verdict = judged(folder, seconds=12.0 if name == "hangs" else 60.0)

    status, stage, message = EXPECTED[name]
    failure = failure_of(verdict, name)
    assert (failure.status, failure.stage) == (status, stage), failure
    assert message in failure.message
    assert [plugin.id for plugin in verdict.approved] == ["good-neighbour"]


MOODY = """
import os

PLUGIN_META = {"id": "moody", "name": "Moody", "version": "1.0.0"}
if os.environ.get("MOOD") == "import":
    raise RuntimeError("not in the mood")


def register(ctx):
    if os.environ.get("MOOD") == "register":
        raise RuntimeError("not in the mood")
"""


@pytest.fixture(scope="module")
def moody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin that was tried in a good mood."""
    folder = plugins_folder(tmp_path_factory.mktemp("moody") / "plugins", ["good_neighbour"])
    (folder / "moody").mkdir()
    (folder / "moody" / "__init__.py").write_text(MOODY)
    (folder / "moody" / "models.py").write_text(
        "import os\nif os.environ.get('MOOD') == 'models':\n    raise RuntimeError('not in the mood')\n"
    )
    well = loaded_in(folder, mood="")
    assert "'moody'" in well
    assert well.endswith("[]")
    return folder


def loaded_in(folder: Path, *, mood: str) -> str:
    """Start a process over a folder of plugins and return which are loaded, and which are not."""
    script = (
        "import django; django.setup()\n"
        "from plugin_host.registry import loaded_plugins\n"
        "loaded = loaded_plugins()\n"
        "print(sorted(loaded.plugins), [(one.name, one.stage) for one in loaded.failures.values()])\n"
    )
    environment = {**os.environ, "PLUGINS_DIR": str(folder), "TENANTRY_VAR_DIR": str(folder.parent / "var")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={**environment, "MOOD": mood},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("stage", ["import", "models", "register"])
def test_what_passes_its_trial_and_fails_later_is_out_as_well(moody: Path, stage: str) -> None:
    said = loaded_in(moody, mood=stage)

    assert "'good-neighbour'" in said
    assert said.endswith(f"[('moody', '{stage}')]")


def test_the_site_starts_with_all_of_them_and_serves_the_sound_ones(tmp_path: Path) -> None:
    names = ["good_neighbour", "syntax_error", "models_raise", "register_raises", *MIGRATIONS]
    script = (
        "import django; django.setup()\n"
        "from django.apps import apps\n"
        "from django.urls import Resolver404, resolve\n"
        "from plugin_host.registry import loaded_plugins\n"
        "print(sorted(one.label for one in apps.get_app_configs() if one.label.startswith('plugin_')))\n"
        "print(sorted(loaded_plugins().failures))\n"
        "resolve('/api/v1/plugins/good-neighbour/hello', 'cms_project.urls_tenant')\n"
        "match = resolve('/api/v1/plugins/register-raises/leak', 'cms_project.urls_tenant')\n"
        "print(match.view_name)\n"
        # What `migrate` and `prepare` begin with.
        "from django.db.migrations.loader import MigrationLoader\n"
        "loader = MigrationLoader(None)\n"
        "print(loader.detect_conflicts(), ('core', '0001_initial') in loader.graph.nodes)\n"
    )
    environment = {
        **os.environ,
        "PLUGINS_DIR": str(plugins_folder(tmp_path / "plugins", names)),
        "TENANTRY_VAR_DIR": str(tmp_path / "var"),
    }

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    labels, failures, match, migrations = done.stdout.splitlines()
    assert "plugin_good_neighbour" in labels
    assert "syntax" not in labels + match
    broken_migrations = [name.replace("_", "-") for name in MIGRATIONS]
    assert failures == str(sorted(["models-raise", "register-raises", "syntax_error", *broken_migrations]))
    assert migrations == "{} True"
    # The catch-all of the API, which answers 404.
    assert "nothing_here" in match
