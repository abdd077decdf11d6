"""Each contract finds the plugin that breaks it, and nothing else at that plugin."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from plugin_host.testing.contract import suite
from tests.guides.workplace import workplace

# Processes of their own take seconds each, so only plugins that have to do with it are tried in them.
SELECTED: Final = "(not loads_alone or shelf or needs-another) and (not migrations or shelf or one-way)"
BREAKERS: Final = Path(__file__).resolve().parent.parent / "contract_breakers"
# plugin -> the contract that it breaks, and what is said about it.
EXPECTED: Final = {
    "shelf": ("", ""),
    "not-there": ("test_it_loads_beside_all_others", "is not loaded at metadata: "),
    "needs-another": (
        "test_it_loads_alone",
        "at register: RuntimeError: Model class shelf.models.Book doesn't declare an explicit app_label",
    ),
    "odd-defaults": ("test_defaults_fit_the_schema", "CONFIG_SCHEMA: "),
    "raises": (
        "test_it_does_what_it_is_asked",
        "on_record_update:raises.register.<locals>.<lambda> after record.updated: failed: "
        "KeyError: 'a field that nobody has'",
    ),
    "always-there": ("test_off_means_off", "saved (apps.py, line 7) ran where the plugin never was on"),
    "remembers-everybody": (
        "test_tenants_do_not_see_each_other",
        "GET /api/v1/plugins/remembers-everybody/titles at one tenant shows something of another: its content",
    ),
    "open-table": ("test_rows_are_their_tenants_own", "Entry: a query at one tenant sees rows of "),
    "counts-each-time": (
        "test_twice_is_as_good_as_once",
        "plugin_counts_each_time_deletion: 1 after the first time, 2 after the second",
    ),
    "tells-the-token": ("test_secrets_stay_secret", "the secret token stands in log"),
    "takes-too-long": ("test_hooks_are_quick", "dvp_content_created took longer than its 0.2 seconds"),
    "holds-the-loop": ("test_hooks_are_quick", "dvp_content_created held up the event loop for "),
    "needs-a-blank": (
        "test_settings_have_a_form",
        "the form does not save the configuration that it shows: ",
    ),
    "one-way": ("test_migrations_go_forward_and_back", "back to zero: IrreversibleError"),
}


def test_every_contract_has_a_plugin_that_breaks_it() -> None:
    contracts = {name for name in vars(suite) if name.startswith("test_")}

    assert {contract for contract, _ in EXPECTED.values() if contract} == contracts
    folders = {path.name for path in BREAKERS.iterdir() if (path / "__init__.py").exists()}
    assert {plugin.replace("-", "_") for plugin in EXPECTED} == folders


def test_each_contract_finds_the_plugin_that_breaks_it(tmp_path: Path) -> None:
    with workplace(tmp_path, "tenantry_contract", is_migrated=True) as place:
        shutil.copytree(BREAKERS, place.plugins, ignore=shutil.ignore_patterns("__pycache__", "*.md"))
        place.manage("migrate", owner=True)
        found = place.contract_results(EXPECTED, "-k", SELECTED)

    broken = {plugin: [test for test, said in results.items() if said] for plugin, results in found.items()}
    assert broken == {plugin: [contract] if contract else [] for plugin, (contract, _) in EXPECTED.items()}
    for plugin, (contract, said) in EXPECTED.items():
        if contract:
            assert f"Plugin {plugin}:" in found[plugin][contract]
            assert said in found[plugin][contract]
