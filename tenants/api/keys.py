"""`api-keys`: one's own and, for administrators, everybody's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize, is_allowed
from core.api.bodies import FLAG, MOMENT, TEXT, Body, moment, object_schema
from core.api.documents import page_schema
from core.api.pagination import PARAMETERS, page_of
from core.api.views import ApiView
from core.errors import NotFound
from core.scope import current_actor
from tenants.api.documents import KEY, NEW_KEY, key_document
from tenants.models import ApiKey
from tenants.services.keys import IssuedKey, create_api_key, revoke_api_key, rotate_api_key

CREATE: Final = Body(
    object_schema(
        {
            "name": TEXT,
            "for_service": {**FLAG, "description": "The key belongs to no person and has a role of its own."},
            "role": TEXT,
            "scopes": {
                "type": "array",
                "items": TEXT,
                "description": "action:collection patterns; without any the key may read what is published.",
            },
            "expires_at": MOMENT,
            "never_expires": FLAG,
        },
        required=("name",),
    )
)
ROTATE: Final = Body(
    object_schema({"overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 7 * 24 * 3600}})
)
_NO_STORE: Final = {"Cache-Control": "no-store"}


class KeyListView(ApiView):
    """All keys that the caller may see; making one."""

    query_parameters = {"GET": PARAMETERS}

    @extend_schema(tags=["api-keys"], summary="List API keys", responses={200: page_schema(KEY)})
    def get(self, request: Request) -> Response:
        actor = current_actor()
        keys = ApiKey.objects.all()
        if not is_allowed(actor, "key.manage"):
            authorize(actor, "key.own")
            keys = keys.filter(user_id=actor.person_id or "")
        page = page_of(keys, request.query_params.dict(), sorts=("created_at", "name"), default="-created_at")
        return Response(page.document(key_document), headers=_NO_STORE)

    @extend_schema(
        tags=["api-keys"],
        summary="Make an API key; its text is shown this once",
        request=CREATE.openapi,
        responses={201: NEW_KEY},
    )
    def post(self, request: Request) -> Response:
        wanted = CREATE.read(request)
        if "expires_at" in wanted:
            wanted["expires_at"] = moment(wanted, "expires_at")
        return _answer(create_api_key(**wanted))


class KeyView(ApiView):
    """One key."""

    @extend_schema(tags=["api-keys"], summary="Show an API key", responses={200: KEY})
    def get(self, request: Request, key_id: UUID) -> Response:
        return Response(key_document(_visible(key_id)))

    @extend_schema(tags=["api-keys"], summary="End an API key at once", responses={204: None})
    def delete(self, request: Request, key_id: UUID) -> Response:
        revoke_api_key(key_id=_visible(key_id).pk)
        return Response(status=204)


class RotateView(ApiView):
    """Replacing a key."""

    @extend_schema(
        tags=["api-keys"],
        summary="Replace an API key by a new one",
        request=ROTATE.openapi,
        responses={201: NEW_KEY},
    )
    def post(self, request: Request, key_id: UUID) -> Response:
        key = _visible(key_id)
        overlap = timedelta(seconds=ROTATE.read(request).get("overlap_seconds", 0))
        return _answer(rotate_api_key(key_id=key.pk, overlap=overlap))


def _visible(key_id: UUID) -> ApiKey:
    """Return a key that the caller may see; somebody else's is as good as none."""
    actor = current_actor()
    key: Any = ApiKey.objects.filter(pk=key_id).first()
    is_own = key is not None and key.user_id is not None and str(key.user_id) == actor.person_id
    if key is None or not (is_own or is_allowed(actor, "key.manage")):
        raise NotFound(f"There is no key {key_id}.", code="key_not_found")
    found: ApiKey = key
    return found


def _answer(issued: IssuedKey) -> Response:
    return Response({**key_document(issued.key), "key": issued.text}, status=201, headers=_NO_STORE)
