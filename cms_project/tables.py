"""Every table that carries no tenant, and who may do what with it.

    directory   shared by all tenants on purpose; its own policy or its grants say what a tenant sees of it
    platform    of the installation; a tenant sees nothing of it

A test compares this list with the database's catalogue; `docs/reference/tables.md` explains each entry.
The grants of tables with a policy of their own come with that policy (`core.tenancy.constraints.TenantPolicy`).
"""

from __future__ import annotations

from typing import Final

_ALL = "SELECT, INSERT, UPDATE, DELETE"
_OWN_POLICY = None

TABLES_WITHOUT_TENANT: Final[dict[str, dict[str, str] | None]] = {
    # directory
    "tenants_tenant": _OWN_POLICY,
    "tenants_user": _OWN_POLICY,
    "tenants_session": _OWN_POLICY,
    "django_content_type": {"tenant": "SELECT", "platform": "SELECT"},
    "auth_permission": {"tenant": "SELECT", "platform": "SELECT"},
    "platform_plugin_settings": {"tenant": "SELECT", "platform": _ALL},
    # platform
    "plugin_host_platformconfigrevision": {"platform": "SELECT, INSERT, DELETE"},
    "tenants_credential": {"platform": _ALL},
    "core_platformauditentry": {"platform": "SELECT, INSERT"},
    "auth_group": {"platform": "SELECT"},
    "auth_group_permissions": {"platform": "SELECT"},
    "django_admin_log": {},
    "django_migrations": {"tenant": "SELECT", "platform": "SELECT"},
    "django_celery_beat_clockedschedule": {"platform": _ALL},
    "django_celery_beat_crontabschedule": {"platform": _ALL},
    "django_celery_beat_intervalschedule": {"platform": _ALL},
    "django_celery_beat_periodictask": {"platform": _ALL},
    "django_celery_beat_periodictasks": {"platform": _ALL},
    "django_celery_beat_solarschedule": {"platform": _ALL},
}
