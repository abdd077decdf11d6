"""A plugin's configuration: its form, what it was before, what differs, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from core.admin.frame import FrameAdminSite
from core.admin.model_admin import show_refusal
from core.errors import NotFound, TenantryError
from core.forms.json_form import JsonSchemaFormField, under
from plugin_host.admin import config_trial
from plugin_host.admin.places import entry_by_entry, place_in_words, refusal_in_words, value_in_words
from plugin_host.admin.plugin_view import PluginView
from plugin_host.config_changes import ChangeKind, ConfigChange
from plugin_host.health.config_check import has_config_check
from plugin_host.schemas import schema_defaults
from plugin_host.selectors.config_history import ConfigRevision, compare_configs, config_history
from plugin_host.services import restore_config, save_config
from plugin_host.state import full_config, resolved

SHOWN_REVISIONS: Final = 50
_SHOWN_CHANGES: Final = 3


class ConfigForm(forms.Form):
    """One field: the plugin's configuration."""

    def __init__(
        self, *args: Any, schema: Mapping[str, Any] | None, current: Mapping[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["config"] = JsonSchemaFormField(schema=schema, current=dict(current))

    def place_refusal(self, refusal: TenantryError) -> None:
        """Show what a service refused: beside its input where it has one."""
        errors = [*under(refusal.errors, "/config")] or [
            error for error in refusal.errors if not error.pointer.startswith("/secrets")
        ]
        field = self.fields["config"]
        assert isinstance(field, JsonSchemaFormField)  # see __init__
        if errors:
            field.show_errors(errors)
            self.add_error("config", field.lines(errors))
        else:
            self.add_error(None, [refusal.message, *(error.message for error in refusal.errors)])


def plugin_config(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """The form that comes from the plugin's CONFIG_SCHEMA."""
    view = PluginView(plugin_id)
    plugin, entry = view.require_management()
    schema = plugin.metadata.config_schema
    form = ConfigForm(
        request.POST if request.method == "POST" else None, schema=schema, current=full_config(plugin, entry)
    )
    below = schema_defaults(schema or {}) | resolved(entry.platform_config)
    trial: dict[str, Any] = {}
    if config_trial.is_trial(request):
        trial = (
            config_trial.tried(plugin_id, config=own_layer(form.cleaned_data["config"], below))
            if form.is_valid()
            else config_trial.unusable(form)
        )
        if (fragment := config_trial.alone(request, trial)) is not None:
            return fragment
    elif form.is_valid():
        try:
            save_config(plugin_id, own_layer(form.cleaned_data["config"], below))
        except TenantryError as refusal:
            form.place_refusal(refusal)
        else:
            messages.success(request, f"The configuration of {view.card.name} is saved.")
            return HttpResponseRedirect(reverse("admin:plugin_config", args=[plugin_id]))
    context = {
        "form": form,
        "revisions": shown_revisions(config_history(plugin_id, limit=SHOWN_REVISIONS), schema),
        "compare_url": reverse("admin:plugin_compare_configs", args=[plugin_id]),
        "restore_url": "admin:plugin_restore_config",
        "plugin_id": plugin_id,
        "can_try": has_config_check(plugin),
        **trial,
    }
    return view.render(request, "config", "plugin_config", context)


def plugin_compare_configs(request: HttpRequest, plugin_id: str) -> HttpResponse:
    """Two configurations, key by key."""
    view = PluginView(plugin_id)
    plugin, _entry = view.require_management()
    context = {
        "page_title": "Configurations compared",
        **compared(request, plugin_id, plugin.metadata.config_schema),
        "back_url": reverse("admin:plugin_config", args=[plugin_id]),
        "restore_url": "admin:plugin_restore_config",
        "plugin_id": plugin_id,
    }
    return view.render(request, "config_compare", "plugin_config", context)


def plugin_restore_config(request: HttpRequest, plugin_id: str, number: int) -> HttpResponse:
    """Make an earlier configuration the present one."""
    view = PluginView(plugin_id)
    view.require_management()
    if request.method == "POST":
        try:
            restore_config(plugin_id, number)
        except TenantryError as refusal:
            show_refusal(request, refusal_in_words(view.loaded, refusal), before="Not restored.")
        else:
            messages.success(request, f"The configuration of revision {number} is in force again.")
    return HttpResponseRedirect(reverse("admin:plugin_config", args=[plugin_id]))


def routes(site: FrameAdminSite) -> list[URLPattern]:
    """The addresses of these pages below the tenants' admin."""
    wrap: Callable[..., Any] = site.admin_view
    here = "settings/plugins/<str:plugin_id>/config/"
    return [
        path(here, wrap(plugin_config), name="plugin_config"),
        path(f"{here}compare/", wrap(plugin_compare_configs), name="plugin_compare_configs"),
        path(f"{here}<int:number>/restore/", wrap(plugin_restore_config), name="plugin_restore_config"),
    ]


def shown_revisions(
    revisions: Sequence[ConfigRevision], schema: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return earlier configurations as their table shows them, settings by their titles in the schema."""
    return [{"view": revision, "changes": _shown_changes(revision.changes, schema)} for revision in revisions]


def compared(
    request: HttpRequest, plugin_id: str, schema: Mapping[str, Any] | None, *, of_platform: bool = False
) -> dict[str, Any]:
    """Return the two configurations that a request names, and what differs, as their page shows them.

    Raises:
        Http404: One of them is not there.
    """
    old, new = sorted(_number(request.GET.get(name, "")) for name in ("from", "to"))
    try:
        found = compare_configs(plugin_id, old, new, of_platform=of_platform)
    except NotFound as missing:
        raise Http404(missing.message) from missing
    changes = [_shown_change(finer, schema) for one in found.changes for finer in entry_by_entry(one)]
    return {"old": found.old, "new": found.new, "changes": changes}


def own_layer(config: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tenant sets itself: what agrees with the layers below goes on following them."""
    return {key: value for key, value in config.items() if key not in below or below[key] != value}


def _shown_changes(changes: Sequence[ConfigChange], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    finer = [one for change in changes for one in entry_by_entry(change)]
    return {
        "first": [_shown_change(one, schema) for one in finer[:_SHOWN_CHANGES]],
        "more": max(0, len(finer) - _SHOWN_CHANGES),
    }


def _shown_change(change: ConfigChange, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "pointer": change.pointer,
        "place": place_in_words(schema, change.pointer),
        "kind": change.kind,
        "old": value_in_words(change.before) if change.kind is not ChangeKind.ADDED else "",
        "new": value_in_words(change.after) if change.kind is not ChangeKind.REMOVED else "",
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 9):
        raise Http404("There is no such revision.")
    return int(text)
