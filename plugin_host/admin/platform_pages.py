"""Plugins on the platform's admin: what is loaded, what is not and why, and what applies to all tenants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from core.actors import is_allowed
from core.admin.frame import FrameAdminSite, MenuGroup, MenuItem
from core.admin.model_admin import show_refusal
from core.errors import TenantryError
from core.forms.json_form import JsonSchemaFormField, under
from core.scope import current_actor
from plugin_host.admin import hooks_page
from plugin_host.admin.cards import about_facts
from plugin_host.admin.config_page import SHOWN_REVISIONS, compared, own_layer, shown_revisions
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.settings import PlatformPluginSettings, PluginSettings, PluginState
from plugin_host.registry import loaded_plugins
from plugin_host.schemas import schema_defaults
from plugin_host.selectors.config_history import config_history
from plugin_host.services import (
    restore_platform_config,
    save_platform_config,
    save_platform_secrets,
)
from plugin_host.state import platform_config
from tenants.admin_site import platform_site

_CONFIG_HELP = 'A value may come from the environment: {"$env": "NAME"}. Tenants may set their own above it.'
_SECRETS_HELP = 'Key -> {"$env": "NAME"}: the values stand in the environment, never here.'


class PlatformPluginForm(forms.Form):
    """What the platform sets for a plugin, below every tenant's own."""

    def __init__(
        self, *args: Any, plugin: LoadedPlugin, row: PlatformPluginSettings | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        schema = plugin.metadata.config_schema
        # What a schema requires may be left to the tenants.
        relaxed = {**schema, "required": []} if schema is not None else None
        self.fields["config"] = JsonSchemaFormField(
            schema=relaxed,
            current={**schema_defaults(schema or {}), **platform_config(plugin, row)},
            label="Configuration",
            help_text=_CONFIG_HELP,
        )
        if plugin.metadata.secrets_schema is not None:
            self.fields["secrets"] = JsonSchemaFormField(
                schema=None,
                current=row.secrets if row is not None else {},
                label="Secrets",
                help_text=_SECRETS_HELP,
            )

    def place_refusal(self, refusal: TenantryError) -> None:
        """Show what a service refused at the part of the form that it is about."""
        for name in self.fields:
            field = self.fields[name]
            assert isinstance(field, JsonSchemaFormField)  # see __init__
            if errors := under(refusal.errors, f"/{name}"):
                field.show_errors(errors)
                self.add_error(name, field.lines(errors))
        if not self.errors:
            self.add_error(None, refusal.message)


def platform_plugin_list(request: HttpRequest) -> HttpResponse:
    """Every plugin that was found, loaded or not."""
    _require_operator()
    loaded = loaded_plugins()
    counts = dict(
        PluginSettings.objects.filter(state__in=(PluginState.ENABLED, PluginState.PAUSED))
        .values_list("plugin_id")
        .annotate(Count("pk"))
    )
    context = {
        **platform_site.each_context(request),
        "title": "Plugins",
        "plugins": [
            {
                "name": plugin.metadata.name,
                "version": plugin.metadata.version,
                "source": plugin.source,
                "tenants": counts.get(plugin.id, 0),
                "url": reverse("admin:platform_plugin", args=[plugin.id]),
            }
            for plugin in loaded.plugins.values()
        ],
        "failures": list(loaded.failures.values()),
    }
    return TemplateResponse(request, "admin/plugins/platform_list.html", context)


def platform_plugin(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """What applies to all tenants of one plugin."""
    _require_operator()
    plugin = _require_loaded(plugin_id)
    row = PlatformPluginSettings.objects.filter(pk=plugin_id).first()
    form = PlatformPluginForm(request.POST if request.method == "POST" else None, plugin=plugin, row=row)
    if form.is_valid():
        try:
            _save(plugin, row, form.cleaned_data)
        except TenantryError as refusal:
            form.place_refusal(refusal)
        else:
            messages.success(request, f"What applies to {plugin.metadata.name} everywhere is saved.")
            return HttpResponseRedirect(reverse("admin:platform_plugin", args=[plugin_id]))
    context = {
        **platform_site.each_context(request),
        "title": plugin.metadata.name,
        "form": form,
        "facts": about_facts(plugin, None),
        "revisions": shown_revisions(
            config_history(plugin_id, limit=SHOWN_REVISIONS, of_platform=True), plugin.metadata.config_schema
        ),
        "compare_url": reverse("admin:platform_compare_configs", args=[plugin_id]),
        "restore_url": "admin:platform_restore_config",
        "plugin_id": plugin_id,
    }
    return TemplateResponse(request, "admin/plugins/platform_plugin.html", context)


def platform_compare_configs(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Two configurations of the platform, key by key."""
    _require_operator()
    about = _require_loaded(plugin_id).metadata
    context = {
        **platform_site.each_context(request),
        "title": f"{about.name}: configurations compared",
        **compared(request, plugin_id, about.config_schema, of_platform=True),
        "back_url": reverse("admin:platform_plugin", args=[plugin_id]),
        "restore_url": "admin:platform_restore_config",
        "plugin_id": plugin_id,
    }
    return TemplateResponse(request, "admin/plugins/platform_compare.html", context)


def platform_restore_config(request: HttpRequest, plugin_id: str, number: int) -> HttpResponse:
    """Make an earlier configuration of the platform the present one."""
    _require_operator()
    _require_loaded(plugin_id)
    if request.method == "POST":
        try:
            restore_platform_config(plugin_id, number)
        except TenantryError as refusal:
            show_refusal(request, refusal, before="Not restored.")
        else:
            messages.success(request, f"The configuration of revision {number} is in force again.")
    return HttpResponseRedirect(reverse("admin:platform_plugin", args=[plugin_id]))


def _require_loaded(plugin_id: str) -> LoadedPlugin:
    plugin = loaded_plugins().plugins.get(plugin_id)
    if plugin is None:
        raise Http404("There is no such plugin, or it is not loaded.")
    return plugin


def _save(plugin: LoadedPlugin, row: PlatformPluginSettings | None, given: Mapping[str, Any]) -> None:
    below = schema_defaults(plugin.metadata.config_schema or {})
    # One form, so all of it or nothing.
    with transaction.atomic():
        save_platform_config(plugin.id, own_layer(given["config"], below))
        if "secrets" in given:
            gone = dict.fromkeys(row.secrets if row is not None else {})
            save_platform_secrets(plugin.id, {**gone, **given["secrets"]})


def _require_operator() -> None:
    if not is_allowed(current_actor(), "installation.manage"):
        raise PermissionDenied


def platform_routes(site: FrameAdminSite) -> list[URLPattern]:
    """The addresses of these pages below the platform's admin."""
    return [
        path("settings/plugins/", site.admin_view(platform_plugin_list), name="platform_plugins"),
        *hooks_page.platform_routes(site),
        path("settings/plugins/<str:plugin_id>/", site.admin_view(platform_plugin), name="platform_plugin"),
        path(
            "settings/plugins/<str:plugin_id>/compare/",
            site.admin_view(platform_compare_configs),
            name="platform_compare_configs",
        ),
        path(
            "settings/plugins/<str:plugin_id>/<int:number>/restore/",
            site.admin_view(platform_restore_config),
            name="platform_restore_config",
        ),
    ]


def platform_menu(request: HttpRequest) -> list[MenuGroup]:
    """The line of the plugins in the platform's menu."""
    link = reverse("admin:platform_plugins")
    item = MenuItem(title="Plugins", link=link, icon="extension", active=request.path.startswith(link))
    return [MenuGroup(title="Plugins", items=[item])]
