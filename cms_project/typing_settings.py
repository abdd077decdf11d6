"""The settings as mypy's Django plugin reads them, here and in the projects of plugins: without any environment.

[tool.django-stubs]
django_settings_module = "cms_project.typing_settings"
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.update(
    {
        "TENANTRY_ENV_FILE": "-",
        "SECRET_KEY": "for types only",
        "MASTER_KEYS": "types:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "DATABASE_URL": "postgres://types@127.0.0.1:1/types",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        # Beside what mypy itself keeps: where Tenantry is installed nothing may be written.
        "TENANTRY_VAR_DIR": str(Path.cwd() / ".mypy_cache" / "tenantry"),
    }
)

from plugin_host.plugin_project import make_findable

make_findable(Path.cwd())

from cms_project.settings import *  # noqa: E402, F403  # the environment comes first
from cms_project.settings import INSTALLED_APPS  # noqa: E402
from plugin_host.loading.app_config import installed  # noqa: E402

# mypy's Django plugin keeps the settings as JSON, where plugins' apps have to be names. The probe of the plugins, which
# reads these settings too, needs the apps themselves.
if installed.configure_probe is None:
    INSTALLED_APPS = [app if isinstance(app, str) else app.name for app in INSTALLED_APPS]
