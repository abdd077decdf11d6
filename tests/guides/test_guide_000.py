"""The plugin tutorial, carried out: its listings become a plugin, which is migrated, checked and tested."""

from __future__ import annotations

from pathlib import Path

from tests.guides.workplace import listings, workplace
from tests.servers import PROJECT

TUTORIAL = PROJECT / "docs/plugins/tutorial.md"


# A page without a view: the host serves the template, with what the guide promises to be in its context.
BARE_PAGE = {
    "bare_page/__init__.py": """
PLUGIN_META = {"id": "bare-page", "name": "Bare page", "version": "1.0.0"}


def register(ctx):
    ctx.add_admin_page(nav_id="bare", label="Bare", icon="fa-square", url="/admin/plugins/bare")
""",
    "bare_page/templates/page.html": """{% extends "base.html" %}
{% block content %}[{{ request.path }} {{ user.email }} {{ active }}]{% endblock %}
""",
    "bare_page/tests/test_it.py": """
from tests.admin_people import make_person, signed_in_client


def test_context(tenant):
    person = make_person(tenant=tenant)
    page = signed_in_client(person, f"{tenant.slug}.test").get("/admin/plugins/bare/").content.decode()
    assert f"[/admin/plugins/bare/ {person.email} bare]" in page
""",
}


def test_the_tutorial_makes_a_plugin_that_works(tmp_path: Path) -> None:
    files = listings(TUTORIAL)
    assert sorted(files) == [
        "task_manager/__init__.py",
        "task_manager/hooks.py",
        "task_manager/models.py",
        "task_manager/routes.py",
        "task_manager/templates/page.html",
        "task_manager/tests/test_routes.py",
    ]
    with workplace(tmp_path, "tenantry_guide_000", is_migrated=False) as author:
        author.write({**files, **BARE_PAGE, "task_manager/migrations/__init__.py": ""})

        made = author.manage("makemigrations", "plugin_task_manager", owner=True)
        assert "Create model Task" in made
        assert (author.plugins / "task_manager/migrations/0001_initial.py").exists()

        author.manage("prepare", owner=True)
        assert "task-manager" in author.manage("plugin", "check")
        assert author.test_results() == {
            "bare_page::test_context": "",
            "task_manager::test_list_tasks_requires_auth": "",
            "task_manager::test_create_task": "",
        }
