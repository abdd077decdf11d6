"""What the views of the API share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import idempotency
from core.api.parsers import MergePatchParser, StrictJSONParser
from core.errors import FieldError, Malformed, PreconditionRequired, Stale
from core.scope import current_scope


class ApiSchema(AutoSchema):
    """What the OpenAPI document says of an `ApiView` beyond what its decorators say."""

    def get_operation_id(self) -> str:
        """Return the method and the path as one word: get_collections_by_name_records."""
        steps = [step for step in self.path.removeprefix(_PREFIX).split("/") if step]
        words = [f"by_{step[1:-1]}" if step.startswith("{") else step for step in steps]
        return re.sub(r"[^a-z0-9]+", "_", f"{self.method.lower()}_{'_'.join(words)}")

    def get_override_parameters(self) -> list[Any]:
        """Add the query parameters that the view knows."""
        view: Any = self.view
        described: list[Any] = super().get_override_parameters()
        names = {parameter.name for parameter in described}
        return [
            *described,
            *(
                [OpenApiParameter(idempotency.HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER)]
                if view.keeps_answers and self.method == "POST"
                else []
            ),
            *(
                OpenApiParameter(name, _PARAMETER_TYPES.get(name, OpenApiTypes.STR))
                for name in view.query_parameters.get(self.method, ())
                if name not in names
            ),
        ]


class _AnsweredBeforeError(Exception):
    """Leads from the beginning of a request straight to its end."""

    def __init__(self, answer: idempotency.KeptAnswer) -> None:
        super().__init__()
        self.answer = answer


_REPLAYED: Final = "Idempotency-Replayed"
_PREFIX: Final = "/api/v1/"
_PARAMETER_TYPES: Final = {"limit": OpenApiTypes.INT, "total": OpenApiTypes.BOOL}


class ApiView(APIView):
    """A view of the API: works for the tenant in scope, refuses query parameters that it does not know.

    `query_parameters` names them per method; what is not named there has none.
    """

    parser_classes = [StrictJSONParser, MergePatchParser]
    needs_tenant: ClassVar[bool] = True
    query_parameters: ClassVar[Mapping[str, Sequence[str]]] = {}
    # Filters whose names only the view knows; it refuses wrong ones itself.
    has_open_query: ClassVar[bool] = False
    # Whether a POST may carry an Idempotency-Key. Not where the answer has a secret in it.
    keeps_answers: ClassVar[bool] = False
    _attempt: idempotency.Attempt | None = None
    schema = ApiSchema()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        scope = current_scope()
        if self.needs_tenant and (scope is None or scope.tenant_id is None):
            raise Malformed(
                "Name the tenant: send X-Tenant: its-slug, or a key of that tenant.", code="tenant_needed"
            )
        if not self.has_open_query:
            refuse_unknown(request.query_params, self.query_parameters.get(request.method or "", ()))
        if self.keeps_answers and request.method == "POST" and idempotency.HEADER in request.headers:
            begun = idempotency.begin(
                key=request.headers[idempotency.HEADER],
                path=request.path,
                body=request.data,
                precondition=request.headers.get("If-Match", ""),
            )
            if isinstance(begun, idempotency.KeptAnswer):
                raise _AnsweredBeforeError(begun)
            self._attempt = begun

    def handle_exception(self, exc: Exception) -> Response:
        """Give an answer once more that was given before; everything else is an error."""
        if isinstance(exc, _AnsweredBeforeError):
            kept = exc.answer
            return Response(kept.document, status=kept.status, headers={**kept.headers, _REPLAYED: "true"})
        return super().handle_exception(exc)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Keep the answer of a request with an Idempotency-Key where it did something."""
        self._attempt = None
        done = False
        try:
            response = super().dispatch(request, *args, **kwargs)
            if self._attempt is not None and isinstance(response, Response) and response.status_code < 300:
                self._attempt.keep(
                    status=response.status_code, headers=response.headers, document=response.data
                )
                done = True
        finally:
            if self._attempt is not None and not done:
                self._attempt.give_up()
        return response

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]  # DRF's own
        """Say which methods there are; the OpenAPI document says the rest."""
        return Response(status=204)


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse query parameters that nobody reads.

    Raises:
        Malformed: with the nearest right name.
    """
    for name in given:
        if name in known:
            continue
        near = get_close_matches(name, known, n=1)
        if near:
            hint = f" Did you mean {near[0]!r}?"
        else:
            hint = f" Known here: {', '.join(known)}." if known else " None is known here."
        raise bad_parameter(name, f"Unknown query parameter {name!r}.{hint}", code="unknown_parameter")


def bad_parameter(name: str, message: str, *, code: str = "bad_parameter") -> Malformed:
    """Return the error of a query parameter."""
    return Malformed(message, code=code, errors=[FieldError(pointer=f"?{name}", message=message, code=code)])


def flag(parameters: Mapping[str, str], name: str) -> bool:
    """Return a query parameter that is true or false; false where it is not given.

    Raises:
        Malformed: It is neither.
    """
    value = parameters.get(name, "false")
    if value not in {"true", "false"}:
        raise bad_parameter(name, f"{name} is true or false, not {value!r}.")
    return value == "true"


def etag_of(version: object) -> str:
    """Return a version as an entity tag."""
    return f'"{version}"'


def is_unmodified(request: Request, etag: str) -> bool:
    """Say whether the client has this version already. Source: RFC 9110, section 13.1.2."""
    header = request.headers.get("If-None-Match", "")
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return header.strip() == "*" or etag in tags


def expected_version(request: Request, version: int, *, is_required: bool) -> int | None:
    """Return the version that a change was made for, as If-Match says; None where it does not matter.

    Source: RFC 9110, section 13.1.1; RFC 6585, section 3.

    Raises:
        PreconditionRequired: The header is missing where it is required.
        Stale: The record has another version.
    """
    header = request.headers.get("If-Match")
    if header is None:
        if is_required:
            raise PreconditionRequired(
                f"This collection wants to know which version you change: send If-Match: {etag_of(version)}."
            )
        return None
    if header.strip() == "*":
        return None
    if etag_of(version) in {tag.strip() for tag in header.split(",")}:
        return version
    raise Stale(f"The record is at version {version}, not {header.strip()}: load it again.")
