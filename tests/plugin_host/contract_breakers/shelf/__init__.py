"""Breaks nothing: rows, a route, a setting, a secret and a task."""

PLUGIN_META = {
    "id": "shelf",
    "name": "Shelf",
    "version": "1.0",
    "config_schema": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}},
    "secrets_schema": {"type": "object", "properties": {"token": {"type": "string"}}},
}


def register(ctx):
    from plugin_host.hooks.scheduled_tasks import ScheduledTaskDefinition, TaskResult, TaskSchedule

    from .rows import keep
    from .routes import routes

    tidy = ScheduledTaskDefinition("shelf.tidy", "Tidy", TaskSchedule(interval_seconds=60))
    ctx.on_any_event(keep)
    ctx.include_router(routes)
    ctx.on("dvp_register_scheduled_tasks", lambda ctx: [tidy])
    ctx.on("dvp_execute_scheduled_task", lambda task, ctx, run: TaskResult(success=True))
