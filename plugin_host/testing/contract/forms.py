"""The forms that the admin makes of a plugin's schemas."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

from plugin_host.state import full_config, tenant_plugins
from plugin_host.testing.contract.account import Account
from plugin_host.testing.contract.visits import Visitor, trace_of


def form_problems(account: Account) -> list[str]:
    """Return what is wrong with the forms: they do not show, miss an input, or change what they save."""
    browser = Visitor(account).browser
    about = account.plugin.metadata
    problems = []
    for part, schema in (("config", about.config_schema), ("secrets", about.secrets_schema)):
        if part == "secrets" and not schema:
            continue  # such a page is not there
        path = f"/admin/settings/plugins/{account.plugin.id}/{part}/"
        page = browser.get(path)
        if page.status_code != 200:
            problems.append(f"the page of its {part} answered {page.status_code}: {_reason(page)}")
            continue
        text = unescape(page.content.decode())
        problems += [
            f"the page of its {part} has no input for {name}"
            for name in (schema or {}).get("properties", {})
            if name not in text
        ]
        if part == "config" and schema:
            problems += _saving_problems(account, browser, path)
    return problems


def _saving_problems(account: Account, browser: Any, path: str) -> list[str]:
    before = _config(account)
    page = browser.post(path, {"config": json.dumps(before)})
    if page.status_code != 302:
        return [f"the form does not save the configuration that it shows: {_reason(page)}"]
    after = _config(account)
    return [
        f"the form saves {name} as {after.get(name)!r}, not as it shows it, {before.get(name)!r}"
        for name in {**before, **after}
        if after.get(name) != before.get(name)
    ]


def _config(account: Account) -> dict[str, Any]:
    entry = tenant_plugins(account.tenant.pk)[account.plugin.id]
    return dict(full_config(account.plugin, entry))


def _reason(page: Any) -> str:
    if trace := trace_of(page):
        return trace.strip().rpartition("\n")[2]
    context = page.context or {}
    form = context.get("form") if hasattr(context, "get") else None
    return str(dict(form.errors)) if form is not None else ""
