"""The routes of plugins, made from what they registered: without trailing slash, each view inside its plugin's run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, URLResolver, include, path
from django.urls.resolvers import RegexPattern, RoutePattern
from rest_framework.response import Response
from rest_framework.routers import BaseRouter, SimpleRouter

from core.scope import require_tenant
from plugin_host.context import RouterRegistration
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.runtime_state import PluginRun, plugin_run

NAMESPACE: Final = "plugin-"

View = Callable[..., Any]
Pattern = URLPattern | URLResolver


def namespace_of(plugin_id: str) -> str:
    """Return the URL namespace of a plugin: `plugin-<id>`."""
    return f"{NAMESPACE}{plugin_id}"


def plugin_of_namespaces(namespaces: Iterable[str]) -> str | None:
    """Return the plugin that a resolved address belongs to, or None where it is the host's own."""
    for namespace in namespaces:
        if namespace.startswith(NAMESPACE):
            return namespace.removeprefix(NAMESPACE)
    return None


def plugin_patterns(plugin: LoadedPlugin) -> list[Pattern]:
    """Return everything that a plugin serves, as one resolver with its namespace; nothing where it serves nothing."""
    patterns = [
        pattern
        for registration in plugin.registrations.routers
        for pattern in router_patterns(plugin, registration)
    ]
    if not patterns:
        return []
    namespace = namespace_of(plugin.id)
    return [path("", include((patterns, namespace), namespace=namespace))]


def router_patterns(plugin: LoadedPlugin, registration: RouterRegistration) -> list[Pattern]:
    """Return the patterns of one `include_router`, below its prefix."""
    own = [_served(plugin, pattern) for pattern in _patterns_of(registration.router)]
    # What a plugin serves at "" stands at the prefix itself, which has no slash either.
    at_prefix = [
        URLPattern(
            RoutePattern(registration.prefix, name=pattern.name, is_endpoint=True),
            pattern.callback,
            pattern.default_args,
            pattern.name,
        )
        for pattern in own
        if isinstance(pattern, URLPattern) and _is_empty(pattern)
    ]
    rest = [pattern for pattern in own if not (isinstance(pattern, URLPattern) and _is_empty(pattern))]
    return [*at_prefix, *([path(f"{registration.prefix}/", include(rest))] if rest else [])]


def _patterns_of(router: Any) -> list[Pattern]:
    if isinstance(router, BaseRouter):
        if isinstance(router, SimpleRouter):
            # The router's own setting would put a slash behind each route.
            router.trailing_slash = ""
            router.__dict__.pop("_urls", None)
        return list(router.urls)
    return list(router if isinstance(router, list | tuple) else router.urls)


def _is_empty(pattern: URLPattern) -> bool:
    return str(pattern.pattern) in ("", "^$", r"^\Z", r"^$")


def _served(plugin: LoadedPlugin, pattern: Pattern) -> Pattern:
    if isinstance(pattern, URLResolver):
        inner = [_served(plugin, child) for child in pattern.url_patterns]
        return URLResolver(
            pattern.pattern, inner, pattern.default_kwargs, pattern.app_name, pattern.namespace
        )
    return URLPattern(
        _without_slash(pattern), in_plugin_run(plugin, pattern.callback), pattern.default_args, pattern.name
    )


def _without_slash(pattern: URLPattern) -> Any:
    inner = pattern.pattern
    text = str(inner)
    if isinstance(inner, RoutePattern) and text.endswith("/"):
        return RoutePattern(text[:-1], name=pattern.name, is_endpoint=True)
    if isinstance(inner, RegexPattern):
        for end in ("/$", r"/\Z", "/?$"):
            if text.endswith(end):
                return RegexPattern(text.removesuffix(end) + "$", name=pattern.name, is_endpoint=True)
    return inner


def in_plugin_run(plugin: LoadedPlugin, view: View, *, hook: str = "route") -> View:
    """Return a view that runs as its plugin: configuration, secrets and log lines are the plugin's.

    It skips Django's CSRF check: `plugin_host.gate` makes it for callers who come with a session.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def wrapped_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            run = await sync_to_async(_run_for)(plugin.id, hook)
            own_view = await sync_to_async(_own_view)(view, plugin)
            with plugin_run(run), ordinary_errors(plugin.id, request):
                return response_of(plugin.id, request, await own_view(request, *args, **kwargs))

        markcoroutinefunction(wrapped_async)
        wrapped: View = wrapped_async
    else:

        @wraps(view)
        def wrapped_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            run = _run_for(plugin.id, hook)
            with plugin_run(run), ordinary_errors(plugin.id, request):
                response = response_of(plugin.id, request, _own_view(view, plugin)(request, *args, **kwargs))
                if isinstance(response, SimpleTemplateResponse) and not isinstance(response, Response):
                    # Drawn here, because the template may be the plugin's own and ask for what needs the run.
                    response.render()
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                response.streaming_content = _parts_in(run, response.streaming_content)  # type: ignore[arg-type]  # sync
            return response

        wrapped = wrapped_sync
    wrapped.plugin_view = view  # type: ignore[attr-defined]  # what the gate asks: its own marks
    wrapped.csrf_exempt = True  # type: ignore[attr-defined]  # see above
    return wrapped


@contextmanager
def ordinary_errors(plugin_id: str, request: HttpRequest) -> Iterator[None]:
    """Turn what would end the server's thread, such as SystemExit, into an error that is answered as any other."""
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise RuntimeError(
            f"The view of plugin {plugin_id} at {request.path} raised {type(error).__name__}, which would end "
            "the process: raise PluginError, or return a response."
        ) from error


def response_of(plugin_id: str, request: HttpRequest, returned: Any) -> HttpResponseBase:
    """Return what a view of a plugin returned.

    Django would find out too, but only where nobody makes a problem document of it any more.

    Raises:
        TypeError: It is no response.
    """
    if isinstance(returned, HttpResponseBase):
        return returned
    if asyncio.iscoroutine(returned):
        # Python would warn that nobody awaited it, far from here.
        returned.close()
    raise TypeError(
        f"The view of plugin {plugin_id} at {request.path} returned "
        f"{'None' if returned is None else f'a value of type {type(returned).__name__}'}: "
        "it must return a response, such as django.http.JsonResponse."
    )


def _own_view(view: View, plugin: LoadedPlugin) -> View:
    """Return the view, bound to the tenant's instance where it is a method of the template."""
    if plugin.template is None or getattr(view, "__self__", None) is not plugin.template:
        return view
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    from plugin_host.handler_table import registered_call  # they need Django's models
    from plugin_host.state import tenant_plugins

    return registered_call(plugin, tenant_plugins(tenant_id)[plugin.id], view)


def _parts_in(run: PluginRun, parts: Iterator[bytes]) -> Iterator[bytes]:
    # The run may not be held across a yield: the server's thread would keep it.
    while True:
        with plugin_run(run):
            part = next(parts, None)
        if part is None:
            return
        yield part


def _run_for(plugin_id: str, hook: str) -> PluginRun:
    from plugin_host.state import tenant_plugins  # it needs Django's models

    scope = require_tenant()
    assert scope.tenant_id is not None  # what require_tenant is for
    entry = tenant_plugins(scope.tenant_id)[plugin_id]
    return entry.run(hook=hook, tenant_slug=scope.tenant_slug, correlation_id=scope.correlation_id)
