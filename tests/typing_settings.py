"""The settings as mypy's Django plugin reads them: it runs without any environment."""

from __future__ import annotations

import os

os.environ.update(
    {
        "TENANTRY_ENV_FILE": "-",
        "SECRET_KEY": "for types only",
        "MASTER_KEYS": "types:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "DATABASE_URL": "postgres://types@127.0.0.1:1/types",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
)

from cms_project.settings import *  # noqa: F403  # the environment comes first
from cms_project.settings import INSTALLED_APPS
from plugin_host.loading.app_config import installed

# mypy's Django plugin keeps the settings as JSON, where plugins' apps have to be names. The probe of the plugins, which
# reads these settings too, needs the apps themselves.
if installed.configure_probe is None:
    INSTALLED_APPS = [app if isinstance(app, str) else app.name for app in INSTALLED_APPS]
