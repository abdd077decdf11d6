"""Which checks a plugin has for a tenant: what its collect hook returns, looked over, or the one it has by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from core.scope import require_tenant
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.errors import PluginError
from plugin_host.handler_table import plugin_handlers
from plugin_host.health.surroundings import check_surroundings, hook_context
from plugin_host.hooks.health_monitor import HealthCheckDefinition
from plugin_host.identifiers import is_text, is_whole_number, item_problem
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.schedule import MAX_ITEM_ID_LENGTH, MAX_TARGET_LENGTH
from plugin_host.scheduling.kinds import handles
from plugin_host.state import TenantPlugin

# As it stands in the tables of the schedule.
CHECK: Final = "check"
REGISTER_HOOK: Final = "dvp_register_health_checks"
EXECUTE_HOOK: Final = "dvp_execute_health_check"

MAX_CHECKS: Final = 100
MAX_NAME_LENGTH: Final = 200
MAX_DESCRIPTION_LENGTH: Final = 2_000
MIN_INTERVAL_SECONDS: Final = 10
MAX_INTERVAL_SECONDS: Final = 7 * 86_400
MAX_TIMEOUT_SECONDS: Final = 300
DEFAULT_NAME: Final = "default"


def has_checks(plugin: LoadedPlugin) -> bool:
    """Say whether a plugin can be checked at all."""
    return handles(plugin, EXECUTE_HOOK)


def collect_checks(plugin: LoadedPlugin, entry: TenantPlugin) -> list[HealthCheckDefinition]:
    """Ask a plugin for its checks, for the tenant in scope; outside of any transaction.

    Raises:
        PluginError: The hook fails, or returns what cannot be used; its message says what to change.
    """
    scope = require_tenant()
    returned: list[object] = []
    for handler in plugin_handlers(plugin, entry):
        if handler.hook != REGISTER_HOOK:
            continue
        result = hook_runner.execute(
            handler,
            (hook_context(scope, entry, {}),),
            bind=lambda called: check_surroundings(scope, entry, called.hook),
        )
        if result.error is not None:
            raise PluginError(f"{REGISTER_HOOK} failed: {result.run.error}", code="health_checks_failed")
        if not isinstance(result.value, list | tuple):
            raise PluginError(
                f"{REGISTER_HOOK} must return a list of HealthCheckDefinition, not {result.value!r:.80}.",
                code="health_checks_unusable",
            )
        returned += result.value
    return checks_of(plugin, returned)


def checks_of(plugin: LoadedPlugin, returned: Sequence[object]) -> list[HealthCheckDefinition]:
    """Return the checks of a plugin, given what its collect hook returned; one without the hook has one by itself.

    Raises:
        PluginError: with every fault of the list.
    """
    if handles(plugin, REGISTER_HOOK):
        return usable_checks(plugin.id, returned)
    return [HealthCheckDefinition(f"{plugin.id}.{DEFAULT_NAME}", plugin.metadata.name)]


def usable_checks(plugin_id: str, found: Sequence[object]) -> list[HealthCheckDefinition]:
    """Return the definitions where all can be used.

    Raises:
        PluginError: with every fault.
    """
    problems = []
    if len(found) > MAX_CHECKS:
        problems.append(f"A plugin has {MAX_CHECKS} checks at most, not {len(found)}.")
    checks: dict[str, HealthCheckDefinition] = {}
    for place, item in enumerate(found[:MAX_CHECKS]):
        if not isinstance(item, HealthCheckDefinition):
            problems.append(f"Item {place} of the list must be a HealthCheckDefinition, not {item!r:.80}.")
            continue
        problems += _problems(plugin_id, item)
        if item.check_id in checks:
            problems.append(
                f"check_id {item.check_id!r} stands twice in the list: each check has an id of its own."
            )
        checks[item.check_id] = item
    if problems:
        raise PluginError(f"{REGISTER_HOOK}: {' '.join(problems)}", code="health_checks_unusable")
    return list(checks.values())


def check_named(checks: Sequence[HealthCheckDefinition], name: str) -> HealthCheckDefinition | None:
    """Return the check with this id, or with this name after the plugin's id."""
    return next((check for check in checks if name in (check.check_id, check.check_type)), None)


def targets_of(check: HealthCheckDefinition, domains: Sequence[str]) -> list[str]:
    """Return what a check looks at: its own target, or each domain of the tenant in turn."""
    return [check.target] if check.target else list(domains)


def at_target(check: HealthCheckDefinition, target: str) -> HealthCheckDefinition:
    """Return a check with what it looks at in one run."""
    return check if check.target == target else replace(check, target=target)


def _problems(plugin_id: str, check: HealthCheckDefinition) -> list[str]:
    named = item_problem(check.check_id, plugin_id, "check_id")
    if named is not None:
        return [named]
    where = f"of check {check.check_id}"
    problems = []
    if len(check.check_id) > MAX_ITEM_ID_LENGTH:
        problems.append(f"check_id {check.check_id!r} is longer than {MAX_ITEM_ID_LENGTH} characters.")
    for name, longest in (
        ("name", MAX_NAME_LENGTH),
        ("target", MAX_TARGET_LENGTH),
        ("description", MAX_DESCRIPTION_LENGTH),
    ):
        problems += _text_problems(name, getattr(check, name), longest, where)
    if not is_text(check.name):
        problems.append(f"name {where} must be something that people can read.")
    for name, least, most in (
        ("interval_seconds", MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS),
        ("timeout_seconds", 1, MAX_TIMEOUT_SECONDS),
    ):
        value = getattr(check, name)
        if not is_whole_number(value, at_least=least) or value > most:
            problems.append(
                f"{name} {where} must be a whole number from {least} to {most}, not {value!r:.80}."
            )
    return problems


def _text_problems(name: str, value: object, longest: int, where: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{name} {where} must be a text, not {value!r:.80}."]
    if len(value) > longest:
        return [f"{name} {where} is longer than {longest} characters."]
    if "\0" in value or (not value.isascii() and _has_half_surrogates(value)):
        return [
            f"{name} {where} has characters that cannot be stored: take NUL and half surrogate pairs out."
        ]
    return []


def _has_half_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
