"""Addresses of the API that manages plugins, and of what they feed in, below /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path

from plugin_host.api import config_check, config_history, explain, health, hooks, plugins, seo, tasks

_ONE = "admin/plugins/<str:plugin_id>"

urlpatterns: list[URLPattern] = [
    path("seo/metrics", seo.MetricsListView.as_view(), name="seo-metrics-list"),
    path("seo/metrics/<uuid:metrics_id>", seo.MetricsView.as_view(), name="seo-metrics"),
    path("seo/patterns", seo.PatternListView.as_view(), name="seo-pattern-list"),
    path("seo/learnings", seo.LearningListView.as_view(), name="seo-learning-list"),
    path("admin/plugins", plugins.PluginListView.as_view(), name="plugin-list"),
    path("admin/plugins/hooks", hooks.HooksView.as_view(), name="plugins-hooks"),
    path("admin/plugins/explain", explain.ExplainView.as_view(), name="plugins-explain"),
    path(
        "admin/plugins/deliveries/<uuid:delivery_id>/replay",
        plugins.ReplayView.as_view(),
        name="delivery-replay",
    ),
    path("admin/plugins/tasks/<str:task_id>/run", tasks.TaskRunView.as_view(), name="task-run"),
    path("admin/run-due", tasks.RunDueView.as_view(), name="run-due"),
    path(_ONE, plugins.PluginView.as_view(), name="plugin-detail"),
    path(f"{_ONE}/enable", plugins.EnableView.as_view(), name="plugin-enable"),
    path(f"{_ONE}/disable", plugins.DisableView.as_view(), name="plugin-disable"),
    path(f"{_ONE}/pause", plugins.PauseView.as_view(), name="plugin-pause"),
    path(f"{_ONE}/resume", plugins.ResumeView.as_view(), name="plugin-resume"),
    path(f"{_ONE}/settings", plugins.SettingsView.as_view(), name="plugin-settings"),
    path(f"{_ONE}/check", config_check.ConfigCheckView.as_view(), name="plugin-config-check"),
    path(
        f"{_ONE}/settings/revisions",
        config_history.RevisionListView.as_view(),
        name="plugin-revision-list",
    ),
    path(
        f"{_ONE}/settings/revisions/<int:number>",
        config_history.RevisionView.as_view(),
        name="plugin-revision",
    ),
    path(
        f"{_ONE}/settings/revisions/<int:number>/restore",
        config_history.RestoreView.as_view(),
        name="plugin-revision-restore",
    ),
    path(f"{_ONE}/secrets", plugins.SecretListView.as_view(), name="plugin-secret-list"),
    # A plugin, or a person where the schema has patterns, may give a secret a name with a slash.
    path(f"{_ONE}/secrets/<path:key>", plugins.SecretView.as_view(), name="plugin-secret"),
    path(f"{_ONE}/explain", explain.ExplainView.as_view(), name="plugin-explain"),
    path(f"{_ONE}/health", health.HealthView.as_view(), name="plugin-health"),
    path(f"{_ONE}/health/run", health.HealthRunView.as_view(), name="plugin-health-run"),
    path(f"{_ONE}/deliveries", plugins.DeliveryListView.as_view(), name="delivery-list"),
    path(f"{_ONE}/deliveries/<uuid:delivery_id>", plugins.DeliveryView.as_view(), name="delivery-detail"),
    path(
        f"{_ONE}/deliveries/<uuid:delivery_id>/replay",
        plugins.ReplayView.as_view(),
        name="plugin-delivery-replay",
    ),
    path(f"{_ONE}/tasks", tasks.TaskListView.as_view(), name="task-list"),
    path(f"{_ONE}/tasks/<str:task_id>", tasks.TaskView.as_view(), name="task-detail"),
    path(f"{_ONE}/tasks/<str:task_id>/runs", tasks.TaskRunListView.as_view(), name="task-runs"),
    path(f"{_ONE}/tasks/<str:task_id>/run", tasks.TaskRunView.as_view(), name="plugin-task-run"),
]
