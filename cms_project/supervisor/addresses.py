"""What a start ends with: where to look, and how to sign in."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Final

import psycopg

from cms_project.supervisor.options import Options

DEMO_TENANT: Final = "acme"


def welcome(options: Options, environment: Mapping[str, str], *, seconds: float) -> str:
    """The addresses of the platform and of the first tenants, and the demo's sign-ins where it is there."""
    port = "" if options.port == 80 else f":{options.port}"
    lines = [
        "",
        f"Tenantry runs (after {seconds:.1f} s).",
        "",
        f"  platform   http://localhost{port}/admin/",
    ]
    try:
        tenants = tenant_hosts(environment["DATABASE_OWNER_URL"])
    except psycopg.Error as error:
        # They are a courtesy; the processes run without.
        tenants = []
        lines.append(f"  (the tenants cannot be listed: {str(error).strip()})")
    lines += [f"  {slug:<10} http://{host}{port}/" for slug, host in tenants]
    if any(slug == DEMO_TENANT for slug, _ in tenants):
        lines += ["", *(f"  {line}" for line in demo_sign_ins())]
    return "\n".join([*lines, "", "Ctrl-C stops everything.", ""])


def tenant_hosts(owner_url: str, limit: int = 5) -> list[tuple[str, str]]:
    """Slug and primary host of the oldest tenants."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        return connection.execute(
            "SELECT t.slug, d.host FROM tenants_tenant t JOIN tenants_domain d ON d.tenant_id = t.id "
            "WHERE d.is_primary ORDER BY t.id LIMIT %s",
            [limit],
        ).fetchall()


def demo_sign_ins() -> list[str]:
    """The demo's own lines about its accounts (`cms_project.demo.sign_ins`); none where there is no demo."""
    spec = importlib.util.find_spec("cms_project.demo")
    if spec is None or spec.origin is None:
        return []
    sign_ins = getattr(importlib.import_module("cms_project.demo"), "sign_ins", None)
    return list(sign_ins()) if sign_ins else []
