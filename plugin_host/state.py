"""What each plugin is for a tenant: on or off, whether it can run, with which configuration and secrets.

`tenant_plugins(tenant_id)` answers from this process's memory. Whoever changes something behind it announces the stamp
`("plugins", tenant_id)`, and every process reads it again; one that cannot hear reads it each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from core.errors import FieldError, TenantryError
from core.logging import get_logger
from core.scope import current_scope, require_tenant, tenant_scope
from core.stamps import StampedCache, announce_change
from plugin_host.config_keywords import unset_secrets
from plugin_host.errors import LoadProblem
from plugin_host.models.secret import PluginSecret
from plugin_host.models.settings import PlatformPluginSettings, PluginSettings, PluginState
from plugin_host.registry import LoadedPlugins, loaded_plugins
from plugin_host.runtime_state import PluginRun, Secrets
from plugin_host.schemas import config_errors, effective_config, secrets_errors
from plugin_host.secret_keys import open_secrets

if TYPE_CHECKING:
    from plugin_host.handler_table import TenantHandlers
    from plugin_host.loading.plugin import LoadedPlugin
    from plugin_host.metadata import PluginMetadata

STAMP = "plugins"
_logger = get_logger(__name__)


class PluginStatus(StrEnum):
    """What a plugin is for a tenant, as people see it."""

    AVAILABLE = "available"
    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"
    BROKEN = "broken"
    NEEDS_INSTALL = "needs_install"
    NEEDS_MIGRATE = "needs_migrate"
    NEEDS_ATTENTION = "needs_attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPlugin:
    """One plugin for one tenant, at one revision.

    Args:
        state: What the tenant wants.
        status: What it is; differs from `state` where the plugin cannot run.
        config: Platform and tenant configuration, merged, without the schema's defaults.
        own_config: The tenant's layer alone.
        platform_config: The platform's layer alone, references to the environment unresolved.
        revision: Grows with every change of state, configuration or secrets, of the tenant's and the platform's.
        problems: Why it cannot run, or is not loaded.
        errors: Faults of configuration (`/config/…`) and secrets (`/secrets/…`), where `status` is needs_attention.
        in_process_only: Whether it is on through `PluginRegistry.enable` alone.
    """

    plugin_id: str
    tenant_id: UUID
    tenant_slug: str = ""
    state: PluginState = PluginState.AVAILABLE
    status: PluginStatus = PluginStatus.AVAILABLE
    config: Mapping[str, Any]
    own_config: Mapping[str, Any]
    platform_config: Mapping[str, Any]
    config_version: int = 1
    secrets: Secrets
    revision: tuple[int, int] = (0, 0)
    fail_open: bool = False
    paused_reason: str = ""
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    paused_by: str = ""
    paused_by_breaker: bool = False
    changed_by: str = ""
    changed_at: datetime | None = None
    problems: tuple[LoadProblem, ...] = ()
    errors: tuple[FieldError, ...] = ()
    in_process_only: bool = False

    @property
    def runs(self) -> bool:
        """Whether its hooks are called and its routes and pages answer."""
        return self.status is PluginStatus.ENABLED

    @property
    def is_paused(self) -> bool:
        """Whether nothing of it runs for the moment, while what it is owed waits."""
        return self.status is PluginStatus.PAUSED

    @property
    def is_half_open(self) -> bool:
        """Whether the breaker's pause is over and one run, the probe, has to show that the plugin works again.

        Whoever runs its code then asks `breaker.probes.take_probe` first.
        """
        return self.runs and self.state is PluginState.PAUSED and self.paused_by_breaker

    @property
    def is_on(self) -> bool:
        """Whether it is owed deliveries; while it is on but does not run, they wait."""
        return self.state in (PluginState.ENABLED, PluginState.PAUSED)

    def run(
        self,
        *,
        hook: str = "",
        tenant_slug: str = "",
        delivery_id: UUID | None = None,
        execution_id: UUID | None = None,
        correlation_id: UUID | None = None,
        once_scope: str = "",
    ) -> PluginRun:
        """Return the run for one stretch of its code; enter it with `runtime_state.plugin_run`."""
        return PluginRun(
            plugin_id=self.plugin_id,
            tenant_id=self.tenant_id,
            tenant_slug=tenant_slug or self.tenant_slug,
            config=self.config,
            secrets=self.secrets,
            hook=hook,
            delivery_id=delivery_id,
            execution_id=execution_id,
            correlation_id=correlation_id,
            once_scope=once_scope,
        )


class TenantPlugins(Mapping[str, TenantPlugin]):
    """All plugins of a tenant by id, those that are loaded in load order first; made anew on every change."""

    __slots__ = ("_entries", "_handlers", "generation", "has_half_open", "loaded", "tenant_id", "valid_until")

    def __init__(
        self,
        tenant_id: UUID,
        entries: Mapping[str, TenantPlugin],
        loaded: LoadedPlugins,
        *,
        valid_until: datetime | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        self.loaded = loaded
        self.valid_until = valid_until
        self.generation = loaded.generation
        self._entries = entries
        self.has_half_open = any(entry.is_half_open for entry in entries.values())
        self._handlers: TenantHandlers | None = None

    def __getitem__(self, plugin_id: str) -> TenantPlugin:
        return self._entries[plugin_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def handlers(self) -> TenantHandlers:
        """What these plugins handle; built at first need."""
        if self._handlers is None:
            # Imported here, because the table is made of the entries above.
            from plugin_host.handler_table import TenantHandlers

            self._handlers = TenantHandlers(self)
        return self._handlers

    def is_current(self) -> bool:
        """Say whether neither a pause has ended nor a plugin was registered since."""
        if self.generation is not loaded_plugins().generation:
            return False
        return self.valid_until is None or timezone.now() < self.valid_until


def tenant_plugins(tenant_id: UUID) -> TenantPlugins:
    """Return what every plugin is for a tenant; from memory unless something has changed.

    Must not be called on an event loop's thread: it may have to ask the database.
    """
    # The number and not the UUID, whose hash and comparison are Python code.
    found = _cache.get(tenant_id.int)
    if not found.is_current():
        _cache.drop(str(tenant_id))
        found = _cache.get(tenant_id.int)
    return found


def announce_plugin_change(tenant_id: UUID | None) -> None:
    """Have every process read the tenant's plugins again (None: those of all tenants); inside the transaction."""
    if tenant_id is None:
        announce_change(STAMP)
    else:
        announce_change(STAMP, str(tenant_id))


def forget_tenant_plugins(tenant_id: UUID | None = None) -> None:
    """Read again in this process alone, as after a transaction that was rolled back."""
    if tenant_id is None:
        _cache.drop()
    else:
        _cache.drop(str(tenant_id))


def resolved(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a platform layer in which `{"$env": "NAME"}` is the variable's value; what is not set is left out."""
    values = {}
    for key, value in layer.items():
        if (name := environment_reference(value)) is None:
            values[key] = value
        elif name in os.environ:
            values[key] = os.environ[name]
    return values


def environment_reference(value: object) -> str | None:
    """Return the name of the variable that a value refers to, or None where it is a plain value."""
    if isinstance(value, Mapping) and set(value) == {"$env"} and isinstance(value["$env"], str):
        return str(value["$env"])
    return None


def unapplied_migrations(plugin: LoadedPlugin, applied: frozenset[tuple[str, str]]) -> LoadProblem | None:
    """Return why the plugin's tables are not as its models say, or None."""
    if plugin.has_models and not plugin.migrations:
        return LoadProblem(
            stage="migrations",
            subject=plugin.label,
            message=f"Plugin {plugin.id} has models but no migrations: run `manage.py makemigrations {plugin.label}` "
            "and `manage.py migrate`.",
        )
    missing = sorted(name for name in plugin.migrations if (plugin.label, name) not in applied)
    if not missing:
        return None
    return LoadProblem(
        stage="migrations",
        subject=missing[0],
        message=f"Plugin {plugin.id} has migrations that were not run ({', '.join(missing)}): "
        "run `manage.py migrate`.",
    )


def applied_migrations(plugins: Sequence[LoadedPlugin]) -> frozenset[tuple[str, str]]:
    """Return the migrations (label, name) of these plugins that the database has; no query where they bring none."""
    labels = [plugin.label for plugin in plugins if plugin.migrations]
    if not labels:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations WHERE app = ANY(%s)", [labels])
        return frozenset((app, name) for app, name in cursor.fetchall())


def _load(key: int) -> TenantPlugins:
    tenant_id = UUID(int=key)
    scope = current_scope()
    if scope is not None and scope.tenant_id == tenant_id:
        return _read(tenant_id, scope.tenant_slug)
    with tenant_scope(tenant_id):
        return _read(tenant_id, "")


def _read(tenant_id: UUID, slug: str) -> TenantPlugins:
    loaded = loaded_plugins()
    rows: dict[str, PluginSettings] = {row.plugin_id: row for row in PluginSettings.objects.all()}
    below = {row.pk: row for row in PlatformPluginSettings.objects.all()}
    secrets: dict[str, list[PluginSecret]] = {}
    for secret in PluginSecret.objects.all():
        secrets.setdefault(secret.plugin_id, []).append(secret)
    opened, unopened = open_secrets([secret for group in secrets.values() for secret in group])
    applied = applied_migrations(list(loaded.plugins.values()))
    now = timezone.now()
    entries = {}
    ends = []
    for plugin_id in dict.fromkeys((*loaded.plugins, *rows)):
        entry = _Entry(
            plugin_id=plugin_id,
            tenant_id=tenant_id,
            slug=slug,
            plugin=loaded.plugins.get(plugin_id),
            row=rows.get(plugin_id),
            platform=below.get(plugin_id),
            secrets=opened.get(plugin_id, {}),
            unopened=unopened.get(plugin_id, ()),
        )
        entries[plugin_id] = entry.read(loaded, applied, now)
        row = rows.get(plugin_id)
        if (
            row is not None
            and row.state == PluginState.PAUSED
            and row.paused_until
            and row.paused_until > now
        ):
            ends.append(row.paused_until)
    return TenantPlugins(tenant_id, entries, loaded, valid_until=min(ends, default=None))


@dataclass(slots=True, kw_only=True)
class _Entry:
    """What is known of one plugin for one tenant, before it is judged."""

    plugin_id: str
    tenant_id: UUID
    slug: str
    plugin: LoadedPlugin | None
    row: PluginSettings | None
    platform: PlatformPluginSettings | None
    secrets: Mapping[str, str]
    unopened: Sequence[FieldError]

    def read(self, loaded: LoadedPlugins, applied: frozenset[tuple[str, str]], now: datetime) -> TenantPlugin:
        row, platform = self.row, self.platform
        config, migration_errors = self.layers()
        values = self.secret_values()
        state = PluginState(row.state) if row is not None else PluginState.AVAILABLE
        in_process = state is PluginState.AVAILABLE and loaded.is_enabled_here(self.plugin_id)
        if in_process:
            state = PluginState.ENABLED
        errors = tuple(migration_errors) or self._faults(state, config, values)
        status, problems = self._judged(loaded, applied, state, errors, now)
        return TenantPlugin(
            plugin_id=self.plugin_id,
            tenant_id=self.tenant_id,
            tenant_slug=self.slug,
            state=state,
            status=status,
            config=config,
            own_config=self._own_config()[0],
            platform_config=platform_config(self.plugin, platform),
            config_version=row.config_version if row is not None else 1,
            secrets=Secrets(self.plugin_id, values),
            revision=(
                row.revision if row is not None else 0,
                platform.revision if platform is not None else 0,
            ),
            fail_open=row is not None and row.fail_open,
            paused_reason=row.paused_reason if row is not None else "",
            paused_at=row.paused_at if row is not None else None,
            paused_until=row.paused_until if row is not None else None,
            paused_by=row.paused_by if row is not None else "",
            paused_by_breaker=row is not None and row.paused_by_breaker,
            changed_by=row.changed_by if row is not None else "",
            changed_at=row.changed_at if row is not None else None,
            problems=problems,
            errors=errors,
            in_process_only=in_process,
        )

    def layers(self) -> tuple[dict[str, Any], list[FieldError]]:
        """Return platform and tenant configuration, merged, and why one of them could not be migrated."""
        below, errors = resolved_platform_config(self.plugin, self.platform)
        own_config, own_errors = self._own_config()
        return below | own_config, [*errors, *own_errors]

    def secret_values(self) -> dict[str, str]:
        """Return the platform's secrets below the tenant's."""
        return {**resolved(self.platform.secrets if self.platform is not None else {}), **self.secrets}

    def _own_config(self) -> tuple[dict[str, Any], list[FieldError]]:
        """Return the tenant's layer in today's shape."""
        if self.row is None:
            return {}, []
        config = dict(self.row.config)
        if self.plugin is None:
            return config, []
        return migrated_config(self.plugin, config, self.row.config_version)

    def _faults(
        self, state: PluginState, config: Mapping[str, Any], secrets: Mapping[str, str]
    ) -> tuple[FieldError, ...]:
        if self.plugin is None or state not in (PluginState.ENABLED, PluginState.PAUSED):
            return ()
        return (*self.unopened, *plugin_faults(self.plugin, config, secrets))

    def _judged(
        self,
        loaded: LoadedPlugins,
        applied: frozenset[tuple[str, str]],
        state: PluginState,
        errors: Sequence[FieldError],
        now: datetime,
    ) -> tuple[PluginStatus, tuple[LoadProblem, ...]]:
        if self.plugin is None:
            failure = loaded.failure_of(self.plugin_id)
            if failure is None:
                gone = LoadProblem(stage="discovery", message=f"Plugin {self.plugin_id} is not installed.")
                return PluginStatus.BROKEN, (gone,)
            return PluginStatus(failure.status), failure.problems
        if (unapplied := unapplied_migrations(self.plugin, applied)) is not None:
            return PluginStatus.NEEDS_MIGRATE, (unapplied,)
        if errors:
            return PluginStatus.NEEDS_ATTENTION, ()
        if state is PluginState.PAUSED and self._pause_has_ended(now):
            return PluginStatus.ENABLED, ()
        return PluginStatus(state.value), ()

    def _pause_has_ended(self, now: datetime) -> bool:
        return self.row is not None and self.row.paused_until is not None and self.row.paused_until <= now


def plugin_faults(
    plugin: LoadedPlugin, config: Mapping[str, Any], secrets: Mapping[str, str]
) -> list[FieldError]:
    """Return what is missing or wrong in merged configuration (`/config/…`) and secrets (`/secrets/…`)."""
    schema = plugin.metadata.config_schema
    return [
        *(
            FieldError(pointer=f"/config{error.pointer}", message=error.message, code=error.code)
            for error in config_errors(schema, config)
            or unset_secrets(schema, effective_config(schema, config), secrets)
        ),
        *(
            FieldError(pointer=f"/secrets{error.pointer}", message=error.message, code=error.code)
            for error in secrets_errors(plugin.metadata.secrets_schema, secrets)
        ),
    ]


def faults_if_on(plugin: LoadedPlugin, row: PluginSettings) -> list[FieldError]:
    """Return what keeps a plugin from running for the tenant in scope as it is set up now; reads the tables."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    platform = PlatformPluginSettings.objects.filter(pk=plugin.id).first()
    opened, unopened = open_secrets(list(PluginSecret.objects.filter(plugin_id=plugin.id)))
    entry = _Entry(
        plugin_id=plugin.id,
        tenant_id=tenant_id,
        slug="",
        plugin=plugin,
        row=row,
        platform=platform,
        secrets=opened.get(plugin.id, {}),
        unopened=unopened.get(plugin.id, ()),
    )
    config, errors = entry.layers()
    return errors or [*entry.unopened, *plugin_faults(plugin, config, entry.secret_values())]


def full_config(plugin: LoadedPlugin | None, entry: TenantPlugin) -> dict[str, Any]:
    """Return the configuration with the schema's defaults, as `get_config` answers it."""
    return effective_config(plugin.metadata.config_schema if plugin is not None else None, entry.config)


def platform_config(plugin: LoadedPlugin | None, row: PlatformPluginSettings | None) -> dict[str, Any]:
    """Return the platform's layer in today's shape, references to the environment unresolved."""
    config = dict(row.config) if row is not None else {}
    if plugin is None or row is None:
        return config
    return migrated_config(plugin, config, row.config_version)[0]


def resolved_platform_config(
    plugin: LoadedPlugin | None, row: PlatformPluginSettings | None
) -> tuple[dict[str, Any], list[FieldError]]:
    """Return the platform's layer in today's shape, references resolved, and why that failed."""
    config = resolved(row.config) if row is not None else {}
    if plugin is None or row is None:
        return config, []
    return migrated_layer(plugin.metadata, config, row.config_version, whose="The platform's configuration")


def migrated_config(
    plugin: LoadedPlugin, config: dict[str, Any], stored_version: int
) -> tuple[dict[str, Any], list[FieldError]]:
    """Return a stored layer in the shape of the plugin's `config_version`, and why that failed."""
    return migrated_layer(plugin.metadata, config, stored_version)


def migrated_layer(
    metadata: PluginMetadata,
    config: dict[str, Any],
    stored_version: int,
    *,
    whose: str = "The configuration",
) -> tuple[dict[str, Any], list[FieldError]]:
    """Do what `migrated_config` does for a plugin that is being loaded."""
    if not config or stored_version >= metadata.config_version or metadata.migrate_config is None:
        return config, []
    try:
        migrated = metadata.migrate_config(stored_version, deepcopy(config))
    except Exception as error:
        # Load isolation: one plugin's code must not hide the others from the tenant.
        _logger.exception("Plugin %s could not migrate its configuration", metadata.id)
        text = error.message if isinstance(error, TenantryError) else f"{type(error).__name__}: {error}"
        return config, [_unmigrated(whose, stored_version, text)]
    if not isinstance(migrated, dict):
        return config, [
            _unmigrated(
                whose, stored_version, f"migrate_config returned {type(migrated).__name__}, not a dictionary"
            )
        ]
    return migrated, []


def _unmigrated(whose: str, version: int, why: str) -> FieldError:
    return FieldError(
        pointer="/config",
        message=f"{whose} of version {version} could not be brought into today's shape ({why}): "
        "save it again.",
        code="config_version",
    )


_cache: StampedCache[int, TenantPlugins] = StampedCache(STAMP, _load, key_of=lambda text: UUID(text).int)
