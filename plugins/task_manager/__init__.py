"""Tasks for the people of a tenant, optionally about a record of any collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

PLUGIN_META = {
    "id": "task-manager",
    "name": "Task Manager",
    "version": "1.0.0",
    "author": "Tenantry",
    "description": "Manage tasks linked to any collection.",
    "requires_core": ">=1.0,<2",
    "config_schema": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "max_tasks_per_user": {
                "type": "integer",
                "title": "Tasks per person",
                "description": "How many tasks a person may have.",
                "default": 100,
                "minimum": 1,
                "maximum": 10000,
            },
            "webhook_url": {
                "type": "string",
                "title": "Address to call",
                "description": "Gets a JSON message when the record of a task is deleted; empty for none.",
                "pattern": "^(https?://.+)?$",
                "default": "",
            },
            "keep_completed_days": {
                "type": "integer",
                "title": "Days to keep completed tasks",
                "description": "Older completed ones are deleted each night; 0 keeps all.",
                "default": 0,
                "minimum": 0,
                "maximum": 3650,
            },
        },
        "additionalProperties": False,
    },
}


def register(ctx: PluginContext) -> None:
    """Called once at server startup. Registers everything that the plugin adds."""
    # Models can be imported only now, when Django's apps are ready.
    from .hooks import deletion_handler
    from .pages import tasks_page
    from .routes import urlpatterns
    from .schedule import task_runner, tasks_to_schedule

    ctx.include_router(urlpatterns(ctx), prefix="/task-manager", tags=["Task Manager"])
    ctx.on_record_delete(None, deletion_handler(ctx))
    ctx.on("dvp_register_scheduled_tasks", tasks_to_schedule(ctx))
    ctx.on("dvp_execute_scheduled_task", task_runner(ctx))
    ctx.add_admin_page(
        nav_id="task-manager",
        label="Tasks",
        icon="fa-check-square",
        url="/admin/plugins/task-manager",
        view=tasks_page,
    )
