"""The Plugins pages of a tenant's admin: every plugin as a card, and one page each for what can be set and seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, re_path, reverse

from core.actors import is_allowed
from core.admin.frame import FrameAdminSite, MenuGroup, MenuItem
from core.admin.model_admin import show_refusal
from core.errors import Conflict, FieldError, TenantryError
from core.forms.secret_form import SecretForm, SecretStatus
from core.schema_keywords import as_uuid
from core.scope import current_actor
from plugin_host.admin import config_page, config_trial, explain_page, hooks_page, seo_pages
from plugin_host.admin.cards import about_facts, plugin_cards, trouble_facts
from plugin_host.admin.delivery_display import SHOWN, delivery_facts, shown_attempts, shown_delivery
from plugin_host.admin.places import refusal_in_words
from plugin_host.admin.plugin_pages import page_items, plugin_page, plugins_in_scope, shown_pages
from plugin_host.admin.plugin_view import PluginView
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.deliveries.selectors import deliveries, delivery_with_attempts
from plugin_host.dependencies import dependant_plugins
from plugin_host.health.config_check import has_config_check
from plugin_host.hookspec import HookKind
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.secret import PluginSecret
from plugin_host.scheduling.selectors import schedule_problem
from plugin_host.services import (
    disable_plugin,
    disable_with_dependants,
    enable_plugin,
    enable_with_required,
    pause_plugin,
    resume_plugin,
    save_secrets,
    set_fail_open,
)
from tenants.admin_site import tenant_site

PAGE_SIZE: Final = 50

# What the buttons of a plugin ask for, and what is said afterwards.
_STEPS: Final[Mapping[str, tuple[Callable[[str], object], str]]] = {
    "enable": (enable_plugin, "is on"),
    "enable_with_required": (enable_with_required, "is on, and so is all that it needs"),
    "disable": (disable_plugin, "is off; its configuration and secrets are kept"),
    "disable_with_dependants": (disable_with_dependants, "is off, and so is all that needs it"),
    "pause": (pause_plugin, "is paused; what it is owed waits"),
    "resume": (resume_plugin, "runs again"),
    "fail_open": (partial(set_fail_open, fail_open=True), "lets operations through when its gates fail"),
    "fail_closed": (partial(set_fail_open, fail_open=False), "refuses operations when its gates fail"),
}


def plugin_list(request: HttpRequest) -> HttpResponse:
    """Every plugin as a card."""
    if not is_allowed(current_actor(), "plugin.read"):
        raise PermissionDenied
    cards = plugin_cards(plugins_in_scope(), may_manage=is_allowed(current_actor(), "plugin.manage"))
    context = {**tenant_site.each_context(request), "title": "Plugins", "cards": cards}
    return TemplateResponse(request, "admin/plugins/list.html", context)


def plugin_overview(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """State, problems and hooks of one plugin."""
    view = PluginView(plugin_id)
    problems = view.entry.problems if view.entry is not None else ()
    traceback = view.failure.traceback if view.failure is not None else ""
    hooks = _hooks(view.loaded) if view.loaded is not None else []
    context = {
        "problems": [{"stage": one.stage, "message": one.message} for one in problems],
        "traceback": traceback,
        "schedule_problem": schedule_problem(plugin_id),
        "facts": about_facts(
            view.loaded,
            view.entry,
            needed_by=dependant_plugins(plugins_in_scope().loaded.plugins, plugin_id),
        ),
        "trouble": trouble_facts(view.entry, view.trouble),
        "pages": [
            {"label": shown.page.label, "link": shown.link}
            for shown in shown_pages()
            if shown.entry.plugin_id == plugin_id
        ],
        "hooks": hooks,
        "is_stopped": view.entry is not None and view.entry.is_paused,
        "has_gates": any(hook["kind"] == HookKind.GATE.value for hook in hooks) and view.may_manage,
        "fail_open": view.entry is not None and view.entry.fail_open,
    }
    return view.render(request, "overview", "plugin", context)


def _hooks(plugin: LoadedPlugin) -> list[dict[str, Any]]:
    order = plugin.metadata.priority
    rows = [{"name": spec.name, "kind": spec.kind.value, "order": order} for spec in plugin.hooks]
    rows += [
        {"name": hook.hook.name, "kind": hook.hook.kind.value, "order": hook.priority}
        for hook in plugin.registrations.hooks
    ]
    rows += [
        {"name": ", ".join(sorted(event.types)), "kind": "action", "order": order}
        for event in plugin.registrations.events
    ]
    return rows


def plugin_state(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Switch a plugin on or off, pause or resume it."""
    view = PluginView(plugin_id)
    if request.method == "POST":
        view.require_management()
        step = _STEPS.get(request.POST.get("do", ""))
        if step is None:
            raise Http404("There is no such step.")
        service, done = step
        try:
            service(plugin_id)
        except TenantryError as refusal:
            show_refusal(request, refusal_in_words(view.loaded, refusal), before=f"{view.card.name}:")
        else:
            messages.success(request, f"{view.card.name} {done}.")
    return HttpResponseRedirect(reverse("admin:plugin", args=[plugin_id]))


def plugin_secrets(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """The form that comes from the plugin's SECRETS_SCHEMA; it never shows a value."""
    view = PluginView(plugin_id)
    plugin, _entry = view.require_management()
    schema = plugin.metadata.secrets_schema
    if schema is None:
        raise Http404("The plugin has no secrets.")
    form = SecretForm(
        request.POST if request.method == "POST" else None,
        schema=schema,
        statuses=_secret_statuses(plugin_id),
        # A plugin that is off may be filled in step by step; switching it on checks that all is there.
        enforce_required=False,
    )
    trial: dict[str, Any] = {}
    if config_trial.is_trial(request):
        trial = (
            config_trial.tried(plugin_id, secrets=form.changes)
            if form.is_valid()
            else config_trial.unusable(form)
        )
        if (fragment := config_trial.alone(request, trial)) is not None:
            return fragment
    elif form.is_valid():
        try:
            save_secrets(plugin_id, form.changes)
        except TenantryError as refusal:
            for error in refusal.errors or (FieldError(pointer="", message=refusal.message),):
                form.add_error_at(
                    FieldError(
                        pointer=error.pointer.removeprefix("/secrets"), message=error.message, code=error.code
                    )
                )
        else:
            messages.success(request, f"The secrets of {view.card.name} are saved.")
            return HttpResponseRedirect(reverse("admin:plugin_secrets", args=[plugin_id]))
    context = {"form": form, "can_try": has_config_check(plugin), **trial}
    return view.render(request, "secrets", "plugin_secrets", context)


def _secret_statuses(plugin_id: str) -> dict[str, SecretStatus]:
    rows = PluginSecret.objects.filter(plugin_id=plugin_id).only("key", "fingerprint", "set_at", "set_by")
    return {
        row.key: SecretStatus(fingerprint=row.fingerprint, set_at=row.set_at, set_by=row.set_by)
        for row in rows
    }


def plugin_deliveries(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """What the plugin was, and is, to be told."""
    view = PluginView(plugin_id)
    show, before = request.GET.get("show", "all"), request.GET.get("before")
    if show not in SHOWN or (before is not None and as_uuid(before) is None):
        raise Http404("There is no such list.")
    found = deliveries(
        plugin=plugin_id,
        states=SHOWN[show][1],
        before=as_uuid(before) if before else None,
        limit=PAGE_SIZE + 1,
    )
    page = found[:PAGE_SIZE]
    context = {
        "rows": [shown_delivery(one, plugin_id=plugin_id, may_replay=view.may_manage) for one in page],
        "show": show,
        "choices": [
            {"name": name, "title": title, "active": name == show} for name, (title, _states) in SHOWN.items()
        ],
        "next_before": page[-1].id if len(found) > PAGE_SIZE else None,
    }
    return view.render(request, "deliveries", "plugin_deliveries", context)


def plugin_delivery(request: HttpRequest, plugin_id: str, delivery_id: UUID) -> HttpResponse:
    """One delivery with every attempt at it."""
    view = PluginView(plugin_id)
    delivery = delivery_with_attempts(delivery_id, plugin=plugin_id)
    context = {
        "page_title": "Delivery",
        "row": shown_delivery(delivery, plugin_id=plugin_id, may_replay=view.may_manage),
        "facts": delivery_facts(delivery),
        "attempts": shown_attempts(delivery),
        "list_url": reverse("admin:plugin_deliveries", args=[plugin_id]),
        "explain_url": explain_page.explain_url(event=delivery.event_id),
    }
    return view.render(request, "delivery", "plugin_deliveries", context)


def plugin_replay(request: HttpRequest, plugin_id: str, delivery_id: UUID) -> HttpResponse:
    """Make an ended delivery again."""
    view = PluginView(plugin_id)
    if request.method == "POST":
        if not view.may_manage:
            raise PermissionDenied
        try:
            replay_delivery(delivery_id=delivery_id, plugin=plugin_id)
        except Conflict as refusal:
            show_refusal(request, refusal)
        else:
            messages.success(request, "It will be delivered again.")
    return HttpResponseRedirect(reverse("admin:plugin_deliveries", args=[plugin_id]))


def routes(site: FrameAdminSite) -> list[URLPattern]:
    """The addresses of all these pages below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    one = "settings/plugins/<str:plugin_id>/"
    return [
        path("settings/plugins/", wrap(plugin_list), name="plugins"),
        *explain_page.routes(site),
        *hooks_page.routes(site),
        *seo_pages.routes(site),
        path(one, wrap(plugin_overview), name="plugin"),
        path(f"{one}state/", wrap(plugin_state), name="plugin_state"),
        *config_page.routes(site),
        path(f"{one}secrets/", wrap(plugin_secrets), name="plugin_secrets"),
        path(f"{one}deliveries/", wrap(plugin_deliveries), name="plugin_deliveries"),
        path(f"{one}deliveries/<uuid:delivery_id>/", wrap(plugin_delivery), name="plugin_delivery"),
        path(f"{one}deliveries/<uuid:delivery_id>/replay/", wrap(plugin_replay), name="plugin_replay"),
        # Authors write the address without a slash at the end.
        re_path(r"^plugins/(?P<nav_id>[a-z0-9][a-z0-9_-]*)$", wrap(plugin_page)),
        path("plugins/<str:nav_id>/", wrap(plugin_page), name="plugin_page"),
    ]


def menu(request: HttpRequest) -> list[MenuGroup]:
    """Pages that plugins add, and the page of all plugins."""
    items = [*page_items(request), *seo_pages.items(request)]
    if is_allowed(current_actor(), "plugin.read"):
        link = reverse("admin:plugins")
        items.append(
            MenuItem(title="All plugins", link=link, icon="extension", active=request.path.startswith(link))
        )
    return [MenuGroup(title="Plugins", items=items)]
