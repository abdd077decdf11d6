"""What the web server serves: `granian --interface wsgi cms_project.wsgi:application`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")

application = get_wsgi_application()
