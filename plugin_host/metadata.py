"""A plugin's metadata, from `PLUGIN_META` or from the attributes of its class, checked when it is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from core.errors import FieldError
from plugin_host.errors import LoadProblem, PluginLoadError
from plugin_host.hookspec import HOOKS
from plugin_host.identifiers import (
    ADDRESS_WORDS,
    PLUGIN_ID,
    did_you_mean,
    is_plugin_id,
    is_text,
    is_whole_number,
)
from plugin_host.schemas import check_config_schema, check_secrets_schema

if TYPE_CHECKING:
    from plugin_host.runtime_state import Secrets

STAGE = "metadata"
CheckConfig = Callable[[dict[str, Any], "Secrets"], object]
MigrateConfig = Callable[[int, dict[str, Any]], dict[str, Any]]

METADATA_KEYS = (
    "id",
    "name",
    "version",
    "author",
    "description",
    "config_schema",
    "secrets_schema",
    "requires_core",
    "requires_plugins",
    "hosts",
    "config_version",
    "migrate_config",
    "check_config",
    "time_limits",
    "priority",
)
_SEMVER = re.compile(r"(\d+\.\d+\.\d+)-([0-9A-Za-z.-]+)(?:\+([0-9A-Za-z.-]+))?")
_REQUIREMENT = re.compile(rf"\s*({PLUGIN_ID.pattern})\s*(.*)")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRequirement:
    """Another plugin that must be there, and loaded, first."""

    plugin_id: str
    specifier: SpecifierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginMetadata:
    """Who a plugin is and what it needs; both authoring styles end here.

    Args:
        id: Unique name, used in addresses and tables.
        name: What people read.
        version: As the author writes it; `parsed_version` compares.
        hosts: Hosts that it calls.
        migrate_config: Brings configuration of an older `config_version` into today's shape.
        check_config: Tries configuration and secrets that are not saved yet; in class style a method does.
        time_limits: Seconds by hook.
        priority: Place among the plugins that handle an inline hook; lower runs first.
    """

    id: str
    name: str
    version: str
    parsed_version: Version
    author: str = ""
    description: str = ""
    config_schema: Mapping[str, Any] | None = None
    secrets_schema: Mapping[str, Any] | None = None
    requires_core: SpecifierSet = field(default_factory=SpecifierSet)
    requires_plugins: tuple[PluginRequirement, ...] = ()
    hosts: tuple[str, ...] = ()
    config_version: int = 1
    migrate_config: MigrateConfig | None = None
    check_config: CheckConfig | None = None
    time_limits: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    priority: int = 100

    def core_problem(self, core_version: str) -> LoadProblem | None:
        """Return why the plugin does not run on this version of Tenantry, or None."""
        if self.requires_core.contains(Version(core_version), prereleases=True):
            return None
        return LoadProblem(
            stage="version",
            subject="requires_core",
            message=f"Plugin {self.id} {self.version} needs Tenantry {self.requires_core}, this is {core_version}: "
            "install a version of the plugin that fits.",
        )

    def requirement_problems(
        self, installed: Mapping[str, Version], *, failed: Collection[str] = ()
    ) -> list[LoadProblem]:
        """Return what is missing among the loaded plugins (versions by id).

        Args:
            failed: Ids of those that are there and could not be loaded.
        """
        problems = []
        for requirement in self.requires_plugins:
            found = installed.get(requirement.plugin_id)
            if found is None and requirement.plugin_id in failed:
                message = (
                    f"Plugin {self.id} needs plugin {requirement.plugin_id}, which is not loaded: "
                    "its own trouble comes first."
                )
            elif found is None:
                message = (
                    f"Plugin {self.id} needs plugin {requirement.plugin_id}, which is not loaded: install it."
                    f"{did_you_mean(requirement.plugin_id, installed)}"
                )
            elif not requirement.specifier.contains(found, prereleases=True):
                message = (
                    f"Plugin {self.id} needs plugin {requirement.plugin_id} {requirement.specifier}, "
                    f"{found} is loaded: install a version that fits."
                )
            else:
                continue
            problems.append(LoadProblem(stage="dependency", subject=requirement.plugin_id, message=message))
        return problems


def metadata_from_meta(meta: object, *, found_as: str) -> PluginMetadata:
    """Return the metadata that a `PLUGIN_META` dictionary gives.

    Args:
        found_as: Name of the package or entry point, for messages about a plugin without an id.

    Raises:
        PluginLoadError: with every fault found.
    """
    if not isinstance(meta, Mapping):
        raise PluginLoadError(
            found_as,
            [_problem("PLUGIN_META", f"PLUGIN_META must be a dictionary, not {type(meta).__name__}.")],
        )
    unknown = [
        _problem(str(key), f"PLUGIN_META has an unknown key {key!r}.{did_you_mean(str(key), METADATA_KEYS)}")
        for key in meta
        if key not in METADATA_KEYS
    ]
    return _Parser(meta, found_as, where="PLUGIN_META", id_key="id", problems=unknown).parse()


def metadata_from_class(cls: type, *, found_as: str) -> PluginMetadata:
    """Return the metadata that a plugin class has in its attributes.

    Raises:
        PluginLoadError: with every fault found.
    """
    given: dict[str, Any] = {
        "id": getattr(cls, "name", ""),
        "name": getattr(cls, "title", "") or _title(getattr(cls, "name", "")),
        "config_schema": getattr(cls, "CONFIG_SCHEMA", None),
        "secrets_schema": getattr(cls, "SECRETS_SCHEMA", None),
        "migrate_config": _class_migration(cls),
        # A method, which needs an instance; see `LoadedPlugin.config_check`.
        "check_config": None,
    }
    for key in METADATA_KEYS:
        if key not in given and (value := getattr(cls, key, None)) is not None:
            given[key] = value
    return _Parser(given, found_as, where=cls.__name__, id_key="name").parse()


def agreed_metadata(from_meta: PluginMetadata, from_class: PluginMetadata) -> PluginMetadata:
    """Return the metadata of a package that uses both styles: the dictionary's, over the class's.

    Raises:
        PluginLoadError: where the two disagree about who the plugin is.
    """
    problems = [
        _problem(
            key,
            f"PLUGIN_META says {key} {getattr(from_meta, key)!r} and the class says {getattr(from_class, key)!r}: "
            "make them equal.",
        )
        for key in ("id", "version")
        if getattr(from_meta, key) != getattr(from_class, key)
    ]
    if problems:
        raise PluginLoadError(from_meta.id, problems)
    blank = PluginMetadata(
        id=from_meta.id,
        name=from_meta.name,
        version=from_meta.version,
        parsed_version=from_meta.parsed_version,
    )
    chosen = {
        key: getattr(from_meta if getattr(from_meta, key) != getattr(blank, key) else from_class, key)
        for key in PluginMetadata.__dataclass_fields__
        if key not in ("id", "name", "version", "parsed_version")
    }
    return PluginMetadata(
        id=from_meta.id,
        name=from_meta.name,
        version=from_meta.version,
        parsed_version=from_meta.parsed_version,
        **chosen,
    )


def parse_version(text: str) -> Version:
    """Return a version in PEP 440's or in SemVer's spelling.

    A SemVer pre-release that PEP 440 has no name for, such as `1.0.0-nightly.3`, sorts before its release.

    Raises:
        InvalidVersion: where it is neither.
    """
    try:
        return Version(text)
    except InvalidVersion:
        if (semver := _SEMVER.fullmatch(text)) is None:
            raise
        release, stage, build = semver.groups()
        local = re.sub(r"[^0-9A-Za-z]+", ".", f"{stage}.{build}" if build else stage).strip(".")
        return Version(f"{release}.dev0+{local}")


class _Parser:
    """Goes through all keys and collects every fault before it gives up."""

    def __init__(
        self,
        given: Mapping[str, Any],
        found_as: str,
        *,
        where: str,
        id_key: str,
        problems: Iterable[LoadProblem] = (),
    ) -> None:
        self._given = given
        self._found_as = found_as
        self._where = where
        self._id_key = id_key
        self._problems = list(problems)

    def parse(self) -> PluginMetadata:
        plugin_id = self._plugin_id()
        version, parsed = self._version()
        metadata = PluginMetadata(
            id=plugin_id,
            name=self._text("name", required=True),
            version=version,
            parsed_version=parsed,
            author=self._text("author"),
            description=self._text("description"),
            config_schema=self._schema("config_schema", check_config_schema),
            secrets_schema=self._schema("secrets_schema", check_secrets_schema),
            requires_core=self._specifier("requires_core", self._given.get("requires_core", "")),
            requires_plugins=self._requirements(),
            hosts=self._hosts(),
            config_version=self._whole("config_version", 1, at_least=1),
            migrate_config=self._migration(),
            check_config=self._config_check(),
            time_limits=self._time_limits(),
            priority=self._whole("priority", 100),
        )
        if self._problems:
            raise PluginLoadError(plugin_id or self._found_as, self._problems)
        return metadata

    def _add(self, key: str, message: str) -> None:
        self._problems.append(_problem(key, message))

    def _plugin_id(self) -> str:
        value = self._given.get("id", "")
        if isinstance(value, str) and value in ADDRESS_WORDS:
            self._add(
                self._id_key, f"The id {value!r} stands in the host's own addresses: choose another one."
            )
            return str(value)
        if is_plugin_id(value):
            return str(value)
        if value in ("", None):
            self._add(
                self._id_key, f"{self._where} needs {self._id_key!r}, the plugin's id, such as 'my-plugin'."
            )
        else:
            self._add(
                self._id_key,
                f"{self._where} has the id {value!r}: an id has 2 to 63 lower case letters, digits and dashes and "
                "begins with a letter.",
            )
        return ""

    def _version(self) -> tuple[str, Version]:
        value = self._given.get("version", "")
        if not is_text(value):
            self._add("version", f"{self._where} needs a 'version' such as '1.0.0'.")
            return "", Version("0")
        try:
            return str(value), parse_version(str(value))
        except InvalidVersion:
            self._add(
                "version", f"{self._where} has the version {value!r}: write it as '1.2.3' or '1.2.3rc1'."
            )
            return "", Version("0")

    def _text(self, key: str, *, required: bool = False) -> str:
        value = self._given.get(key, "")
        if not isinstance(value, str):
            self._add(key, f"{self._where} has {key!r} {value!r}: it must be a text.")
            return ""
        # In class style the name is made from the id, whose fault has been told already.
        if required and not value.strip() and self._id_key == "id":
            self._add(key, f"{self._where} needs {key!r}, what people read.")
        return value

    def _whole(self, key: str, default: int, *, at_least: int | None = None) -> int:
        value = self._given.get(key, default)
        if is_whole_number(value, at_least=at_least):
            return int(value)
        least = f" of at least {at_least}" if at_least is not None else ""
        self._add(key, f"{self._where} has {key!r} {value!r}: it must be a whole number{least}.")
        return default

    def _schema(self, key: str, check: Callable[[object], list[FieldError]]) -> Mapping[str, Any] | None:
        schema: Mapping[str, Any] | None = self._given.get(key)
        if schema is None:
            return None
        for error in check(schema):
            at = f" at {error.pointer}" if error.pointer else ""
            self._add(key, f"The {key} of {self._where} is not sound{at}: {error.message}")
        return schema

    def _specifier(self, key: str, text: object) -> SpecifierSet:
        try:
            return SpecifierSet(text if isinstance(text, str) else repr(text))
        except InvalidSpecifier:
            self._add(
                key, f"{self._where} has {key!r} {text!r}: write a range of versions such as '>=1.0,<2'."
            )
            return SpecifierSet()

    def _requirements(self) -> tuple[PluginRequirement, ...]:
        given = self._given.get("requires_plugins", ())
        if isinstance(given, Mapping):
            given = [f"{name}{specifier}" for name, specifier in given.items()]
        if isinstance(given, str) or not isinstance(given, Sequence):
            self._add(
                "requires_plugins",
                f"{self._where} has 'requires_plugins' {given!r}: write a list such as ['task-manager>=1.0'].",
            )
            return ()
        found = []
        for entry in given:
            parts = _REQUIREMENT.fullmatch(entry) if isinstance(entry, str) else None
            if parts is None:
                self._add(
                    "requires_plugins",
                    f"{self._where} requires {entry!r}: write an id and versions, such as 'task-manager>=1.0'.",
                )
                continue
            specifier = self._specifier("requires_plugins", parts.group(2))
            found.append(PluginRequirement(plugin_id=parts.group(1), specifier=specifier))
        return tuple(found)

    def _hosts(self) -> tuple[str, ...]:
        given = self._given.get("hosts", ())
        if isinstance(given, str) or not isinstance(given, Sequence):
            self._add(
                "hosts", f"{self._where} has 'hosts' {given!r}: write a list such as ['api.example.com']."
            )
            return ()
        for host in given:
            if not isinstance(host, str) or _HOST.fullmatch(host) is None:
                self._add(
                    "hosts",
                    f"{self._where} names the host {host!r}: write a bare name, without scheme or path.",
                )
        return tuple(str(host) for host in given)

    def _migration(self) -> MigrateConfig | None:
        given = self._given.get("migrate_config")
        if given is not None and not callable(given):
            self._add(
                "migrate_config",
                f"{self._where} has 'migrate_config' {given!r}: it must be a function (old_version, config).",
            )
            return None
        migrate: MigrateConfig | None = given
        return migrate

    def _config_check(self) -> CheckConfig | None:
        given = self._given.get("check_config")
        if given is not None and not callable(given):
            self._add(
                "check_config",
                f"{self._where} has 'check_config' {given!r}: it must be a function (config, secrets).",
            )
            return None
        check: CheckConfig | None = given
        return check

    def _time_limits(self) -> Mapping[str, float]:
        given = self._given.get("time_limits", {})
        if not isinstance(given, Mapping):
            self._add(
                "time_limits",
                f"{self._where} has 'time_limits' {given!r}: write a dictionary of seconds by hook.",
            )
            return MappingProxyType({})
        limits = {}
        for name, seconds in given.items():
            spec = HOOKS.get(name)
            if spec is None:
                self._add(
                    "time_limits",
                    f"{self._where} limits {name!r}, which is no hook.{did_you_mean(str(name), HOOKS)}",
                )
            elif (problem := spec.time_limit_problem(seconds)) is not None:
                self._add("time_limits", problem)
            else:
                limits[name] = float(seconds)
        return MappingProxyType(limits)


def _class_migration(cls: type) -> MigrateConfig | None:
    from plugin_host.base import Plugin  # here: the base class is of no concern to function style

    if getattr(cls, "migrate_config", None) in (None, Plugin.migrate_config):
        return None

    def migrate(old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        migrated: dict[str, Any] = cls().migrate_config(old_version, config)
        return migrated

    return migrate


def _title(plugin_id: object) -> str:
    return plugin_id.replace("-", " ").title() if isinstance(plugin_id, str) else ""


def _problem(subject: str, message: str) -> LoadProblem:
    return LoadProblem(stage=STAGE, subject=subject, message=message)
