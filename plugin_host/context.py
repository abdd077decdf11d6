"""What plugin code is called with: context of a hook, event of a record, recorder for `register(ctx)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from core.logging import ContextLogger, get_logger
from plugin_host.errors import PluginError
from plugin_host.hookspec import HOOKS, HookSpec, argument_problem, generator_problem, is_generator
from plugin_host.identifiers import (
    did_you_mean,
    is_local_path,
    is_nav_id,
    is_text,
    is_whole_number,
    route_prefix,
)
from plugin_host.runtime_state import Secrets, current_run

__all__ = ["EventType", "HookContext", "PluginContext", "RecordEvent"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class HookContext:
    """For whom and on what occasion a hook runs.

    Args:
        tenant_id: The tenant; a string is accepted and becomes a UUID.
        tenant_slug: Its readable name, such as `acme-corp`.
        tenant_plan: `free`, `pro` or `enterprise`.
        correlation_id: Ties together everything that one request or task sets off.
        causation_id: The event that caused the hook; None before the fact.
        timestamp: When the hook was invoked, in UTC.
        metadata: Whatever else the host has to say.
    """

    tenant_id: UUID
    tenant_slug: str
    tenant_plan: str
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    timestamp: datetime = field(default_factory=_now)
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.tenant_id, str):
            object.__setattr__(self, "tenant_id", UUID(self.tenant_id))
        if not isinstance(self.tenant_id, UUID):
            raise TypeError(f"tenant_id must be a UUID, not {self.tenant_id!r}.")


class EventType(StrEnum):
    """What happened to a record."""

    RECORD_CREATED = "record.created"
    RECORD_UPDATED = "record.updated"
    RECORD_DELETED = "record.deleted"
    RECORD_PUBLISHED = "record.published"
    RECORD_UNPUBLISHED = "record.unpublished"


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Something that happened to a record.

    Args:
        type: What happened.
        collection_name: Collection of the record.
        record_id: Its id.
        data: The record's fields plus `id`, `created` and `updated`; for deletes the last ones.
        timestamp: When, as ISO-8601 in UTC.
        id: The event's own id; the same when it is delivered again.
        actor: Who did it, as `kind:id`.
    """

    type: EventType
    collection_name: str
    record_id: str | None
    data: dict[str, Any]
    timestamp: str
    id: UUID | None = None
    tenant_id: UUID | None = None
    tenant_slug: str = ""
    correlation_id: UUID | None = None
    actor: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", EventType(self.type))


Handler = Callable[..., Any]


class SettingsReader(Protocol):
    """Reads a setting of the platform for `get_setting` in `register`; the host brings it."""

    def __call__(self, key: str, default: Any) -> Any:
        """Return the value of `key`, or `default` where no layer sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterRegistration:
    """A router, or a list of URL patterns, under `/api/v1/plugins/<prefix>/`."""

    router: Any
    prefix: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRegistration:
    """A handler of record events; it runs as an action.

    Args:
        key: Names the handler among the plugin's; stable between processes and starts.
        types: The events that it wants.
        collection: The only collection it wants, or None for all.
    """

    key: str
    types: frozenset[EventType]
    collection: str | None
    handler: Handler

    def wants(self, event_type: str, collection: str | None) -> bool:
        """Say whether the handler wants events of this type in this collection."""
        return event_type in self.types and self.collection in (None, collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRegistration:
    """A handler of a hook of the catalogue.

    Args:
        key: Names the handler among the plugin's; stable between processes and starts.
        time_limit_seconds: The handler's own limit, or None for the hook's.
    """

    key: str
    hook: HookSpec
    handler: Handler
    priority: int
    time_limit_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPage:
    """A page under `/admin/plugins/<nav_id>/`.

    Args:
        icon: A Font Awesome name, such as `fa-check-square`.
        url: Where the entry leads; the host serves it where it is the page's own address.
        view: A Django view; the host shows the plugin's `templates/page.html` without one.
    """

    nav_id: str
    label: str
    icon: str
    url: str
    view: Handler | None


@dataclass(slots=True)
class Registrations:
    """Everything that one plugin's `register(ctx)` asked for, in that order."""

    routers: list[RouterRegistration] = field(default_factory=list)
    events: list[EventRegistration] = field(default_factory=list)
    hooks: list[HookRegistration] = field(default_factory=list)
    admin_pages: list[AdminPage] = field(default_factory=list)
    settings_read: set[str] = field(default_factory=set)


class PluginContext:
    """The recorder that `register(ctx)` gets; nothing takes effect before `register` has returned.

    Args:
        plugin_id: The plugin that registers.
        read_setting: Reads the platform's value of a setting; answers the default without one.
        config_schema: Its defaults count as a layer for `get_setting`.
        template: The instance whose methods may be registered; see `rebound`.
    """

    def __init__(
        self,
        plugin_id: str,
        *,
        read_setting: SettingsReader | None = None,
        config_schema: Mapping[str, Any] | None = None,
        template: object | None = None,
    ) -> None:
        self._plugin_id = plugin_id
        self._read_setting = read_setting
        self._defaults = _schema_defaults(config_schema)
        self._template = template
        self._closed = False
        self._taken: list[tuple[str, Handler]] = []
        self.registrations = Registrations()

    @property
    def plugin_id(self) -> str:
        """Id of the plugin that registers."""
        return self._plugin_id

    @property
    def logger(self) -> ContextLogger:
        """A logger named after the plugin."""
        return get_logger(f"plugins.{self._plugin_id}")

    def include_router(self, router: Any, *, prefix: str = "", tags: Sequence[str] | None = None) -> None:
        """Serve a DRF router, or a list of URL patterns, under `/api/v1/plugins/<prefix>/`.

        Args:
            prefix: The plugin's id where not given; it belongs to the first plugin that takes it.
            tags: Groups in the OpenAPI document.

        Raises:
            PluginError: where `router` or `prefix` cannot be used.
        """
        self._check_open()
        if not (isinstance(router, list | tuple) or hasattr(router, "urls")):
            raise PluginError(
                f"include_router takes a Django REST Framework router or a list of URL patterns, "
                f"not {type(router).__name__}."
            )
        if (problem := _patterns_problem(router)) is not None:
            raise PluginError(problem)
        if (clean := route_prefix(prefix, self._plugin_id)) is None:
            raise PluginError(
                f"The route prefix {prefix!r} cannot be used: take lower case letters, digits, dashes, "
                f"underscores and slashes, such as '/{self._plugin_id}'."
            )
        if isinstance(tags, str):
            raise PluginError(f"tags takes a list of names: write tags=[{tags!r}].")
        self.registrations.routers.append(
            RouterRegistration(router=router, prefix=clean, tags=tuple(tags or ()))
        )

    def on_record_create(self, collection: str | None, handler: Handler) -> None:
        """Call `handler(event)` after a record was created, in one collection or (None) in all."""
        self._on_event("on_record_create", frozenset({EventType.RECORD_CREATED}), collection, handler)

    def on_record_update(self, collection: str | None, handler: Handler) -> None:
        """Call `handler(event)` after a record was updated, in one collection or (None) in all."""
        self._on_event("on_record_update", frozenset({EventType.RECORD_UPDATED}), collection, handler)

    def on_record_delete(self, collection: str | None, handler: Handler) -> None:
        """Call `handler(event)` after a record was deleted, in one collection or (None) in all."""
        self._on_event("on_record_delete", frozenset({EventType.RECORD_DELETED}), collection, handler)

    def on_any_event(self, handler: Handler) -> None:
        """Call `handler(event)` after every record event, publishing included, in all collections."""
        self._on_event("on_any_event", frozenset(EventType), None, handler)

    def on(
        self, hook: str, handler: Handler, *, priority: int = 100, time_limit: float | None = None
    ) -> None:
        """Handle a hook of the catalogue, as a method of that name in class style does.

        Args:
            hook: Its name, such as `dvp_content_published`.
            priority: Place among the handlers of an inline hook; lower runs first.
            time_limit: Seconds; at most 300 for actions, at most the kind's own limit for the inline kinds.

        Raises:
            PluginError: where the hook does not exist, or the handler cannot take its arguments.
        """
        self._check_open()
        spec = HOOKS.get(hook)
        if spec is None:
            raise PluginError(f"There is no hook {hook!r}.{did_you_mean(str(hook), HOOKS)}")
        self._check_handler(f"on({hook!r})", handler)
        if (problem := argument_problem(spec, handler)) is not None:
            raise PluginError(problem)
        if not is_whole_number(priority):
            raise PluginError(f"priority of {hook} must be a whole number, not {priority!r}.")
        if time_limit is not None and (problem := spec.time_limit_problem(time_limit)) is not None:
            raise PluginError(problem)
        self.registrations.hooks.append(
            HookRegistration(
                key=self._key(hook, handler),
                hook=spec,
                handler=handler,
                priority=priority,
                time_limit_seconds=time_limit,
            )
        )

    def add_admin_page(
        self, *, nav_id: str, label: str, icon: str, url: str, view: Handler | None = None
    ) -> None:
        """Add an entry to the sidebar of the admin, with a page behind it.

        Args:
            nav_id: Unique name; the page stands at `/admin/plugins/<nav_id>/`.
            label: What people read.
            icon: A Font Awesome name, such as `fa-check-square`.
            url: Where the entry leads: the page's own address, or another one on this host.
            view: A Django view; the host shows the plugin's `templates/page.html` without one.

        Raises:
            PluginError: where an argument cannot be used or the plugin took `nav_id` already.
        """
        self._check_open()
        if not is_nav_id(nav_id):
            raise PluginError(
                f"nav_id {nav_id!r} cannot be used: take lower case letters, digits and dashes."
            )
        if any(page.nav_id == nav_id for page in self.registrations.admin_pages):
            raise PluginError(f"The admin page {nav_id!r} was added twice: give each page its own nav_id.")
        for name, value in (("label", label), ("icon", icon)):
            if not is_text(value):
                raise PluginError(f"{name} of the admin page {nav_id!r} must be a text, not {value!r}.")
        if not is_local_path(url):
            raise PluginError(
                f"url of the admin page {nav_id!r} must be a path on this host, "
                f"such as '/admin/plugins/{nav_id}', not {url!r}."
            )
        if view is not None and not callable(view):
            raise PluginError(f"view of the admin page {nav_id!r} must be a Django view, not {view!r}.")
        self.registrations.admin_pages.append(
            AdminPage(nav_id=nav_id, label=label, icon=icon, url=url, view=view)
        )

    def get_setting(self, key: str, default: Any = None) -> Any:
        """Return a setting of the plugin.

        In `register` it is the platform's value; in a handler, route or page the current tenant's, live. The schema's
        default is the lowest layer; `default` applies where no layer sets the key.
        """
        if self._closed and (run := current_run()) is not None and run.plugin_id == self._plugin_id:
            return deepcopy(run.config[key]) if key in run.config else self._default(key, default)
        self.registrations.settings_read.add(key)
        fallback = self._default(key, default)
        return self._read_setting(key, fallback) if self._read_setting is not None else fallback

    def get_secrets(self) -> Secrets:
        """Return the plugin's secrets of the tenant that a handler, route or page runs for; none are set elsewhere."""
        run = current_run()
        if run is None or run.plugin_id != self._plugin_id or run.secrets is None:
            return Secrets(self._plugin_id)
        return run.secrets

    def close(self) -> Registrations:
        """End recording and return what was recorded; called by the host after `register`."""
        self._closed = True
        return self.registrations

    def _default(self, key: str, default: Any) -> Any:
        return deepcopy(self._defaults[key]) if key in self._defaults else default

    def _on_event(
        self, method: str, types: frozenset[EventType], collection: str | None, handler: Handler
    ) -> None:
        self._check_open()
        if collection is not None and not is_text(collection):
            raise PluginError(
                f"{method} takes the name of a collection, or None for all, and then the handler; "
                f"the first was {collection!r}."
            )
        self._check_handler(method, handler)
        if is_generator(handler):
            raise PluginError(generator_problem(f"The handler {_name(handler)} of {method}"))
        if not _takes(handler, 1):
            raise PluginError(f"The handler {_name(handler)} of {method} must take one argument, the event.")
        key = self._key(f"{method}:{collection}" if collection is not None else method, handler)
        self.registrations.events.append(
            EventRegistration(key=key, types=types, collection=collection, handler=handler)
        )

    def _key(self, subject: str, handler: Handler) -> str:
        if (subject, handler) in self._taken:
            raise PluginError(f"{_name(handler)} was registered twice for {subject}: register it once.")
        key = f"{subject}:{_name(handler)}"
        # Lambdas and inner functions share their name; the order of registration tells them apart.
        alike = sum(_name(other) == _name(handler) for taken, other in self._taken if taken == subject)
        self._taken.append((subject, handler))
        return f"{key}#{alike + 1}" if alike else key

    def _check_handler(self, method: str, handler: object) -> None:
        if not callable(handler):
            raise PluginError(f"{method} takes a function, not {handler!r}.")

    def _check_open(self) -> None:
        if self._closed:
            raise PluginError(
                "register(ctx) has returned: routes, handlers and pages are registered inside it."
            )


def rebound(handler: Handler, template: object | None, instance: object | None) -> Handler:
    """Return `handler`, bound to `instance` where it is a method of the template that `register` ran on."""
    if template is None or instance is None or getattr(handler, "__self__", None) is not template:
        return handler
    bound: Handler = handler.__func__.__get__(instance)  # type: ignore[attr-defined]  # a method, seen above
    return bound


def _patterns_problem(router: Any) -> str | None:
    # Imported here: plugins import this module before Django is set up.
    from django.urls import URLPattern, URLResolver

    if isinstance(router, type):
        return f"include_router takes a router, not its class: write {router.__name__}()."
    if not isinstance(router, list | tuple):
        return None
    for place, entry in enumerate(router, start=1):
        if not isinstance(entry, URLPattern | URLResolver):
            return (
                f"include_router takes a list of URL patterns; entry {place} is {entry!r}, no URL pattern: "
                "make it with django.urls.path."
            )
    return None


def _name(handler: Handler) -> str:
    inner = inspect.unwrap(getattr(handler, "func", handler))
    module = getattr(inner, "__module__", None) or type(inner).__module__
    return f"{module}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"


def _takes(handler: Handler, count: int) -> bool:
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return True  # a builtin without a signature: the first call will tell
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _schema_defaults(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    properties = (schema or {}).get("properties", {})
    if not isinstance(properties, Mapping):
        return {}
    return {
        key: part["default"]
        for key, part in properties.items()
        if isinstance(part, Mapping) and "default" in part
    }
