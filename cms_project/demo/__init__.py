"""Two tenants with people, articles and plugins, for a first look at an empty installation."""

from __future__ import annotations

from cms_project.demo.tenants import OPERATOR, PASSWORD, TENANTS


def sign_ins() -> list[str]:
    """Return lines that say who can sign in where."""
    accounts = [f"{demo.host}/admin/  {demo.owner}, {demo.editor}" for demo in TENANTS]
    return [f"Password of all demo accounts: {PASSWORD}", f"localhost/admin/  {OPERATOR}", *accounts]
