"""`auth/...`: signing in and out, and who one is."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import logout
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.bodies import TEXT, Body, object_schema
from core.api.views import ApiView
from core.errors import Forbidden, Unauthenticated
from core.scope import current_actor, current_scope
from tenants.api.documents import ME, TOKENS, tokens_document
from tenants.authentication import Credentials, enter_tenant_to_sign_in
from tenants.models import User
from tenants.permissions import allowed_actions
from tenants.services.people import change_own_password
from tenants.services.tokens import end_family, end_token, issue_tokens, refresh_tokens
from tenants.throttling import client_address

SIGN_IN: Final = Body(
    object_schema(
        {"email": TEXT, "password": {"type": "string", "maxLength": 4096}}, required=("email", "password")
    )
)
REFRESH: Final = Body(object_schema({"refresh_token": TEXT}, required=("refresh_token",)))
LOGOUT: Final = Body(object_schema({"refresh_token": TEXT}))
PASSWORD: Final = Body(
    object_schema(
        {"current_password": TEXT, "new_password": {"type": "string", "maxLength": 4096}},
        required=("current_password", "new_password"),
    )
)
_NO_STORE: Final = {"Cache-Control": "no-store"}


class TokenView(ApiView):
    """Signing in for programs. On a platform host `X-Tenant` names the tenant."""

    # What a client sends along by habit, such as an access token that has expired, does not matter here.
    authentication_classes = []
    permission_classes = [AllowAny]
    needs_tenant = False

    @extend_schema(
        tags=["auth"],
        summary="Sign in with e-mail address and password",
        request=SIGN_IN.openapi,
        responses={200: TOKENS},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        wanted = SIGN_IN.read(request)
        enter_tenant_to_sign_in(request)
        pair = issue_tokens(
            email=wanted["email"], password=wanted["password"], address=client_address(request._request)
        )
        return Response(tokens_document(pair), headers=_NO_STORE)


class RefreshView(ApiView):
    """Exchanging a refresh token, which works once, for new tokens."""

    authentication_classes = []
    permission_classes = [AllowAny]
    needs_tenant = False

    @extend_schema(
        tags=["auth"],
        summary="Exchange a refresh token for new tokens",
        request=REFRESH.openapi,
        responses={200: TOKENS},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        wanted = REFRESH.read(request)
        enter_tenant_to_sign_in(request)
        pair = refresh_tokens(refresh_token=wanted["refresh_token"])
        return Response(tokens_document(pair), headers=_NO_STORE)


class LogoutView(ApiView):
    """Ending the sign-in that the request carries."""

    permission_classes = [AllowAny]
    needs_tenant = False

    @extend_schema(tags=["auth"], summary="End this sign-in", request=LOGOUT.openapi, responses={204: None})
    def post(self, request: Request) -> Response:
        wanted = LOGOUT.read(request)
        credentials: Any = request.auth
        if "refresh_token" in wanted:
            if credentials is None:
                enter_tenant_to_sign_in(request)
            end_token(refresh_token=wanted["refresh_token"])
        if isinstance(credentials, Credentials) and credentials.family is not None:
            end_family(family=credentials.family)
        elif isinstance(credentials, Credentials) and credentials.kind == "session":
            logout(request._request)
        elif "refresh_token" not in wanted:
            raise Unauthenticated("There is no sign-in to end: send the access token or the refresh token.")
        return Response(status=204)


class MeView(ApiView):
    """Who is calling."""

    needs_tenant = False

    @extend_schema(tags=["auth"], summary="Say who is calling and what they may do", responses={200: ME})
    def get(self, request: Request) -> Response:
        actor, scope, user = current_actor(), current_scope(), request.user
        person = (
            {"id": str(user.pk), "email": user.email, "name": user.name} if isinstance(user, User) else None
        )
        return Response(
            {
                "kind": actor.kind,
                "id": actor.id,
                "label": actor.label,
                "role": actor.role,
                "scopes": sorted(actor.scopes) if actor.scopes is not None else None,
                "tenant": scope.tenant_slug or None if scope is not None else None,
                "user": person,
                "actions": allowed_actions(actor),
            },
            headers=_NO_STORE,
        )


class PasswordView(ApiView):
    """Changing one's own password, which ends all of one's sign-ins."""

    needs_tenant = False

    @extend_schema(
        tags=["auth"], summary="Change one's own password", request=PASSWORD.openapi, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        user: Any = request.user
        if current_actor().kind != "user" or not isinstance(user, User):
            raise Forbidden("Only a person who is signed in has a password.")
        wanted = PASSWORD.read(request)
        change_own_password(
            user=user,
            current_password=wanted["current_password"],
            new_password=wanted["new_password"],
            address=client_address(request._request),
        )
        return Response(status=204)
