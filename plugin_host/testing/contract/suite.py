"""The contracts: what every plugin of Tenantry promises, each one test.

    pytest --plugin-contract my-plugin

A plugin that needs more than its schemas say brings a `contract.py`; see docs/plugins/testing.md.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from django.conf import settings

from plugin_host.context import EventType
from plugin_host.dependencies import required_plugins
from plugin_host.discovery import find_candidates
from plugin_host.hookspec import HOOKS
from plugin_host.loading.trial import run_trial
from plugin_host.registry import handlers, loaded_plugins
from plugin_host.runner import HookOutcome
from plugin_host.schemas import schema_defaults, validate
from plugin_host.state import PluginStatus, tenant_plugins
from plugin_host.testing.contract.account import Account
from plugin_host.testing.contract.content_steps import change_content, deliver
from plugin_host.testing.contract.forms import form_problems
from plugin_host.testing.contract.migrations import migration_problem
from plugin_host.testing.contract.rows import grown, models_of, tenants_seen
from plugin_host.testing.contract.subject import EXAMPLES, Subject, subject_for
from plugin_host.testing.contract.visits import Visitor
from plugin_host.testing.contract.watching import functions_run

_SHOWN = 10


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hold each plugin that was asked for to each contract."""
    if "subject" not in metafunc.fixturenames:
        return
    asked: Iterable[str] = getattr(metafunc.module, "CONTRACT_PLUGINS", None) or metafunc.config.getoption(
        "plugin_contract"
    )
    # In an order by plugin, as a parameter of a module's scope is: each is exercised once.
    metafunc.parametrize("subject", [_id_of(name) for name in asked], indirect=True, scope="module")


@pytest.fixture(scope="module")
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The plugin, loaded or not."""
    with subject_for(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def plugin(subject: Subject) -> Subject:
    """The plugin, which is loaded."""
    if subject.id not in loaded_plugins().plugins:
        pytest.skip("It is not loaded.")
    return subject


def _id_of(name: str) -> str:
    """Return the id of a plugin that was named by its id, its package or its folder."""
    plugins = loaded_plugins().plugins
    if name in plugins:
        return name
    return next((found.id for found in plugins.values() if name == found.module), name.replace("_", "-"))


def _broken(subject: Subject, problems: Iterable[str], advice: str) -> None:
    """Fail with every problem, and with what to do about it."""
    found = list(dict.fromkeys(problems))
    if not found:
        return
    lines = [f"Plugin {subject.id}:", *(f"  - {problem}" for problem in found[:_SHOWN])]
    if len(found) > _SHOWN:
        lines.append(f"  … and {len(found) - _SHOWN} more.")
    pytest.fail("\n".join([*lines, advice]), pytrace=False)


def test_it_loads_beside_all_others(subject: Subject) -> None:
    """It is loaded in a process that has every plugin which is installed."""
    failure = loaded_plugins().failure_of(subject.id)
    if subject.id not in loaded_plugins().plugins:
        said = failure.message if failure is not None else "there is no such plugin."
        stage = f" at {failure.stage}" if failure is not None else ""
        _broken(subject, [f"is not loaded{stage}: {said}"], "`manage.py plugin check` says more.")
    status = tenant_plugins(subject.account().tenant.pk)[subject.id].status
    if status is PluginStatus.NEEDS_MIGRATE:
        _broken(subject, ["its migrations were not run"], "Run them: `manage.py migrate`.")


def test_it_loads_alone(plugin: Subject) -> None:
    """It is loaded in a process that has no plugin but those which it requires."""
    plugins = loaded_plugins().plugins
    wanted = {plugins[name].module for name in (plugin.id, *required_plugins(plugins, plugin.id))}
    plugins_dir = Path(settings.PLUGINS_DIR)
    candidates = [one for one in find_candidates(plugins_dir) if one.module in wanted]
    if not candidates:
        pytest.skip("It was registered by hand.")

    report = run_trial(candidates, plugins_dir=plugins_dir)

    problems = [f"at {failure.stage}: {failure.message}" for _, failure in report.failures]
    if report.approved is None and not problems:
        problems = [f"{report.ending or 'the trial failed'} {report.output[-500:]}"]
    _broken(
        plugin,
        problems,
        "Alone it does not load, beside others it does: name what it needs in requires_plugins, or do without.",
    )


def test_defaults_fit_the_schema(plugin: Subject) -> None:
    """The defaults of all settings together satisfy the schema, but for those that are required and have none."""
    schema = plugin.plugin.metadata.config_schema or {}
    defaults = schema_defaults(schema)

    faults = [fault for fault in validate(schema, defaults) if fault.code != "required"]

    _broken(
        plugin,
        [f"CONFIG_SCHEMA{fault.pointer}: {fault.message}" for fault in faults],
        "Change the defaults so that together they are a configuration that can be saved.",
    )


def test_it_does_what_it_is_asked(plugin: Subject) -> None:
    """Hooks, tasks, routes and pages deal with ordinary content and requests, without an error."""
    account = plugin.home
    problems = [f"{failure.entry} {failure.message}" for failure in account.failures]
    problems += [
        f"{run.hook} {run.outcome.replace('_', ' ')}: {run.error or 'it logged an error'}"
        for run in account.runs
        if run.outcome in (HookOutcome.FAILED, HookOutcome.DONE_WITH_ERRORS)
    ]

    _broken(
        plugin,
        problems,
        f"Where it needs other settings, content or answers of services than were made up: {EXAMPLES}.",
    )


def test_off_means_off(plugin: Subject) -> None:
    """Where it is off, not a line of it runs, whatever happens to content, and its addresses are not there."""
    never_on, switched_off = plugin.account(), plugin.account()
    plugin.switch_on(switched_off)
    deliver(switched_off)
    plugin.switch_off(switched_off)

    problems: list[str] = []
    for account, state in ((never_on, "never was on"), (switched_off, "was switched off")):
        visitor = Visitor(account)
        assert visitor.routes is not None  # described before anybody watches: that runs its code
        with functions_run(plugin.plugin.path or Path("/nowhere")) as ran:
            change_content(account)
            found = list(visitor.statuses())
        problems += [
            f"{place} answered {status} where the plugin {state}, not 404"
            for place, status in found
            if status != 404
        ]
        problems += [f"{function} ran where the plugin {state}" for function in ran]
        problems += [
            f"{hook} is handled where the plugin {state}"
            for hook in (*HOOKS, *EventType)
            if any(handler.plugin_id == plugin.id for handler in handlers(account.tenant.pk, hook))
        ]
    _broken(
        plugin,
        problems,
        "Let the host call it: hooks and handlers are registered in register(ctx) or are methods, and nothing is "
        "connected to Django's signals or started by the plugin itself.",
    )


def test_tenants_do_not_see_each_other(plugin: Subject) -> None:
    """Nothing of one tenant (content, rows, settings, secrets) becomes visible at another one."""
    first, second = plugin.home, plugin.neighbour
    later = plugin.look_again(first)

    problems = [*_traces_of(first, second), *_traces_of(second, later)]

    _broken(
        plugin,
        problems,
        "Keep what belongs to a tenant in self, in the store or in a PluginModel, never in a module or a class, and "
        "leave the scope to the host.",
    )


def test_rows_are_their_tenants_own(plugin: Subject) -> None:
    """A raw query at its tables sees the rows of the tenant that it runs for, and none without a tenant."""
    accounts = (plugin.home, plugin.neighbour)
    problems = []
    for model in models_of(plugin.plugin):
        for account in accounts:
            if others := tenants_seen(model, account.tenant) - {account.tenant.pk}:
                problems.append(f"{model.__name__}: a query at one tenant sees rows of {len(others)} others")
        if tenants_seen(model, None):
            problems.append(f"{model.__name__}: a query without a tenant sees rows")
    _broken(plugin, problems, "Derive its models from plugin_host.models.PluginModel.")


def test_twice_is_as_good_as_once(plugin: Subject) -> None:
    """A delivery that is made again under its own id, as after a crash, adds nothing and ends as the first time."""
    problems = []
    for repeat in plugin.home.repeats:
        name = f"{repeat.hook} after {repeat.event_type}"
        problems += [f"{name}: {more}" for more in grown(repeat.once, repeat.twice)]
        if repeat.outcomes[0] != repeat.outcomes[1]:
            problems.append(f"{name}: the first time {repeat.outcomes[0]}, the second {repeat.outcomes[1]}")
    _broken(
        plugin,
        problems,
        "Write with update_or_create under a key that the event decides, or guard an effect with "
        '`if once("name"):` of plugin_host.runtime.',
    )


def test_secrets_stay_secret(plugin: Subject) -> None:
    """No secret stands in a log line, an answer, a page, an exception or a row, also where services refuse."""
    problems = []
    for account, when in ((plugin.home, ""), (plugin.troubled, " while its services refuse")):
        for name, value in account.secrets.items():
            for spelling in _spellings(value):
                problems += [
                    f"the secret {name} stands in {one.place}{when}"
                    for one in account.evidence
                    if spelling in one.text
                ]
    _broken(
        plugin,
        problems,
        "Take secrets from get_secrets() where they are used, send them in headers, not in addresses, and put "
        "nothing into messages that was made with them.",
    )


def test_hooks_are_quick(plugin: Subject) -> None:
    """Every hook ends inside its time limit, and none holds up the event loop."""
    account = plugin.home
    problems = [
        f"{run.hook} took longer than its {run.time_limit_seconds:g} seconds"
        for run in account.runs
        if run.outcome is HookOutcome.TIMED_OUT
    ]
    folder = f"{plugin.plugin.path}/"
    problems += [
        f"{report.hook or 'a task'} held up the event loop for {report.seconds:.1f} seconds:\n{report.stack}"
        for report in account.blocks
        if folder in report.stack
    ]
    _broken(
        plugin,
        problems,
        "Inside `async def` wait with await only (plugin_host.http, the ORM's a-methods); what blocks or computes "
        "belongs into a `def` hook or asyncio.to_thread. More time is asked for with time_limits.",
    )


def test_migrations_go_forward_and_back(plugin: Subject) -> None:
    """The models agree with the migrations, which go forward, back to nothing and forward again."""
    if not plugin.plugin.has_models and not plugin.plugin.migrations:
        pytest.skip("It has no tables.")
    problem = migration_problem(plugin.plugin)
    _broken(
        plugin,
        [problem] if problem else [],
        "Give every RunPython a reverse_code and every RunSQL a reverse_sql, and let makemigrations write the rest.",
    )


def test_settings_have_a_form(plugin: Subject) -> None:
    """The admin shows inputs for its settings and secrets, and saves them as they are."""
    _broken(
        plugin,
        form_problems(plugin.home),
        "Describe settings with type, title, enum, items and properties; what no form can show is edited as JSON.",
    )


def _traces_of(owner: Account, seen_by: Account) -> Iterable[str]:
    """Return where something of one tenant stands among what another one saw."""
    needles = {
        "its content": owner.mark,
        "its id": str(owner.tenant.pk),
        **{
            f"its secret {name}": value
            for name, value in owner.secrets.items()
            if value != seen_by.secrets.get(name)
        },
    }
    for what, needle in needles.items():
        for one in seen_by.evidence:
            if needle in one.text:
                yield f"{one.place} at one tenant shows something of another: {what}"


def _spellings(value: str) -> set[str]:
    found = {value, quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode()}
    return {spelling for spelling in found if len(spelling) >= 4}
