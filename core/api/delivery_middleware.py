"""The shortest way for the commonest request: somebody without a name reads published content.

Such a request needs a tenant and the headers of a safe answer, and neither session, cookies, messages nor plugins. So
it is answered before them, by the views to which the same address leads for everybody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.api.delivery import published_item, published_list
from core.api.problems import answer_exception
from core.errors import TenantryError
from core.scope import current_scope

_ADDRESS: Final = re.compile(r"/api/v1/content/([^/]+)(?:/([^/]+))?")


class DeliveryMiddleware:
    """Answers anonymous reads below /api/v1/content/ at a tenant's host; everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        address = _ADDRESS.fullmatch(request.path_info)
        if address is None or not _is_anonymous_read(request):
            return self.get_response(request)
        collection, key = address.groups()
        try:
            response = (
                published_list(request, collection)
                if key is None
                else published_item(request, collection, key)
            )
        except TenantryError as error:
            problem = answer_exception(request, error)
            assert problem is not None  # every error of this tree has a document
            response = problem
        response.headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        response.headers["Content-Length"] = str(len(response.content))
        return response


def _is_anonymous_read(request: HttpRequest) -> bool:
    return (
        request.method in {"GET", "HEAD"}
        and "HTTP_AUTHORIZATION" not in request.META
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
        and (scope := current_scope()) is not None
        and scope.tenant_id is not None
    )
