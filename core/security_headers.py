"""Response headers that tell the browser what a page may do."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

_SHARED: Final = "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

# Pictures in articles may stand anywhere on the web; nothing else may.
SITE_POLICY: Final = f"default-src 'self'; img-src 'self' data: https:; {_SHARED}"

# The admin theme evaluates attributes (Alpine.js) and sets styles inline; it has no inline scripts.
ADMIN_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data:; {_SHARED}"
)

# The interactive API documentation carries its styles inline.
DOCS_POLICY: Final = f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; {_SHARED}"

# The longest prefix first.
POLICIES: Final = (("/api/docs", DOCS_POLICY), ("/admin/", ADMIN_POLICY))

PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def policy_for(path: str) -> str:
    """Return the Content-Security-Policy of the page at `path`."""
    return next((policy for prefix, policy in POLICIES if path.startswith(prefix)), SITE_POLICY)


class SecurityHeadersMiddleware(MiddlewareMixin):
    """Content-Security-Policy and Permissions-Policy on every answer whose view has not set its own.

    Source: W3C Content Security Policy Level 3; W3C Permissions Policy.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", policy_for(request.path))
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
