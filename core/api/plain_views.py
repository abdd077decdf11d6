"""Views of the API that do without a framework, for speed: what they need all the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from core.api.problems import Problem, problem_response
from core.errors import NotFound


def read_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 405 to everything but GET and HEAD; a view that changes nothing needs no CSRF check."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, **arguments: str) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return view(request, **arguments)
        problem = Problem(
            status=405,
            code="method_not_allowed",
            detail=f"{request.method} does not work here.",
            headers={"Allow": "GET, HEAD"},
        )
        return problem_response(problem, request)

    return guarded


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Answer every other path below /api, as a document even where DEBUG would show a page.

    Raises:
        NotFound: always.
    """
    raise NotFound(f"There is nothing at {request.path}.")
