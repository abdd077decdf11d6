"""Routes of plugins: where they stand, who gets in, and as what they run."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import Client
from django.urls import include, path, re_path, reverse
from django.views.decorators.csrf import csrf_exempt
from pytest_django.fixtures import Settings
from rest_framework import viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView

from cms_project import urls_tenant
from core.actors import system_actor
from core.api.plain_views import nothing_here
from core.scope import current_actor, require_tenant, tenant_scope
from plugin_host.auth import allow_anonymous, require_admin, require_auth
from plugin_host.base import Plugin
from plugin_host.context import PluginContext
from plugin_host.errors import PluginError
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.runtime_state import current_run
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin, save_config
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing.host import application
from plugin_host.urls import api_urlpatterns
from tenants.admin_site import tenant_site
from tenants.models import Role, Tenant
from tests.tenants.people import browser, host_of, make_key_text, make_member

BASE = "/api/v1/plugins/shop"


class ItemViewSet(viewsets.ViewSet):
    """A DRF view that says nothing about permissions."""

    def list(self, request: Request) -> Response:
        return Response({"actor": current_actor().label, "user": str(request.user)})

    def create(self, request: Request) -> Response:
        return Response({"made": request.data}, status=201)

    @action(detail=False, permission_classes=[AllowAny])
    def open(self, request: Request) -> Response:
        return Response({"open": True})


class Careless(APIView):
    """Takes all permissions away, which is no permission for everybody."""

    permission_classes = []

    def get(self, request: Request) -> Response:
        return Response("careless")


class Teapots(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return True


class Custom(APIView):
    permission_classes = [Teapots]

    def get(self, request: Request) -> Response:
        return Response("custom")


class Dynamic(APIView):
    def get_permissions(self) -> list[Any]:
        raise RuntimeError("cannot say")

    def get(self, request: Request) -> Response:
        return Response("dynamic")


class OwnCredentials(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        return (_Machine(), None) if request.headers.get("X-Machine") == "7" else None

    def authenticate_header(self, request: Request) -> str:
        return "Machine"


class _Machine:
    is_authenticated = True
    pk = None


class Machine(APIView):
    authentication_classes = [OwnCredentials]

    def get(self, request: Request) -> Response:
        return Response("machine")


@api_view(["GET"])
@permission_classes([AllowAny])
def open_framework_view(request: Request) -> Response:
    return Response("open")


class AdminsOnly(APIView):
    permission_classes = [require_admin]

    def get(self, request: Request) -> Response:
        return Response("admins")


def plain(request: HttpRequest) -> HttpResponse:
    run = current_run()
    assert run is not None
    return JsonResponse(
        {
            "actor": current_actor().label,
            "tenant": require_tenant().tenant_slug,
            "plugin": run.plugin_id,
            "config": dict(run.config),
        }
    )


@require_admin
def admins_plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("admins")


@require_auth
def members_plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("members")


@allow_anonymous
def open_plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"open for {request.user}")


@allow_anonymous
@csrf_exempt
def receiver(request: HttpRequest) -> HttpResponse:
    return HttpResponse("received")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    run = current_run()
    assert run is not None
    return HttpResponse(run.plugin_id)


def refusing(request: HttpRequest) -> HttpResponse:
    raise PluginError("The shop is closed.", code="closed")


def returning_nothing(request: HttpRequest) -> Any:
    return None


def returning_text(request: HttpRequest) -> Any:
    return "x"


def returning_coroutine(request: HttpRequest) -> Any:
    return asynchronous(request)


async def returning_nothing_later(request: HttpRequest) -> Any:
    return None


def leaving(request: HttpRequest) -> HttpResponse:
    raise SystemExit(2)


async def leaving_later(request: HttpRequest) -> HttpResponse:
    raise SystemExit(2)


class Leaving(APIView):
    def get(self, request: Request) -> Response:
        raise SystemExit(2)


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        for _ in range(2):
            run = current_run()
            yield (run.plugin_id if run is not None else "nobody").encode() + b";"

    return StreamingHttpResponse(parts())


class Shop(Plugin):
    name = "shop"
    version = "1.0.0"

    made: ClassVar[list[str]] = []

    def register(self, ctx: PluginContext) -> None:
        router = DefaultRouter(trailing_slash=True)
        router.register("items", ItemViewSet, basename="item")
        ctx.include_router(router)
        ctx.include_router(
            [
                path("", plain, name="home"),
                path("plain", plain, name="plain"),
                path("slashed/", plain),
                re_path(r"^number/(?P<number>\d+)/$", lambda request, number: HttpResponse(number)),
                path("below/", include([path("deeper", plain)])),
                path("careless", Careless.as_view()),
                path("custom", Custom.as_view()),
                path("dynamic", Dynamic.as_view()),
                path("machine", Machine.as_view()),
                path("admins", AdminsOnly.as_view()),
                path("admins-plain", admins_plain),
                path("members-plain", members_plain),
                path("open", open_plain),
                path("open-framework", open_framework_view),
                path("receiver", receiver),
                path("async", asynchronous),
                path("refusing", refusing),
                path("streaming", streaming),
                path("nothing", returning_nothing),
                path("text", returning_text),
                path("coroutine", returning_coroutine),
                path("nothing-later", returning_nothing_later),
                path("leaving", leaving),
                path("leaving-later", leaving_later),
                path("leaving-framework", Leaving.as_view()),
                path("own", self.own),
            ]
        )

    def own(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(self is Shop.template))

    template: ClassVar[Any] = None


@pytest.fixture
def shop(tenant: Tenant, settings: Settings) -> Iterator[LoadedPlugins]:
    """The plugin above, on for `tenant`, with its routes at the tenants' hosts."""
    with use_plugins(LoadedPlugins()) as loaded:
        PluginRegistry().register(Shop)
        Shop.template = loaded.plugins["shop"].template
        urls = ModuleType("urls_with_shop")
        urls.__dict__.update(
            urlpatterns=[
                path("admin/", tenant_site.urls),
                path("api/v1/", include(api_urlpatterns())),
                re_path("^api", nothing_here),
            ],
            handler404=urls_tenant.handler404,
            handler500=urls_tenant.handler500,
        )
        settings.TENANT_URLCONF = urls
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            save_config("shop", {"colour": "red"})
            enable_plugin("shop")
        yield loaded
    forget_tenant_plugins()


@pytest.fixture
def visitor(tenant: Tenant) -> Client:
    return browser(host_of(tenant))


def headers(tenant: Tenant, role: str = Role.EDITOR, **fields: Any) -> dict[str, str]:
    key = make_key_text(tenant, make_member(tenant, role), **fields)
    return {"Authorization": f"Bearer {key}"}


def in_tenant(tenant: Tenant) -> Any:
    return tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests"))


CLOSED = [
    "items",
    "",
    "/plain",
    "/slashed",
    "/number/5",
    "/below/deeper",
    "/careless",
    "/custom",
    "/dynamic",
    "/admins",
    "/admins-plain",
    "/members-plain",
    "/async",
    "/streaming",
    "/refusing",
    "/own",
]


def address(route: str) -> str:
    return f"{BASE}/{route}" if route and not route.startswith("/") else BASE + route


@pytest.mark.parametrize("route", CLOSED)
def test_callers_without_credentials_are_asked_for_some(
    shop: LoadedPlugins, visitor: Client, route: str
) -> None:
    answer = visitor.get(address(route))

    assert answer.status_code == 401, answer.content
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("route", CLOSED)
def test_bad_credentials_are_refused(shop: LoadedPlugins, visitor: Client, route: str) -> None:
    answer = visitor.get(address(route), headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "route", ["items", "", "/plain", "/slashed", "/below/deeper", "/careless", "/custom"]
)
def test_a_member_gets_in_without_trailing_slash(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client, route: str
) -> None:
    answer = visitor.get(address(route), headers=headers(tenant))

    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("route", ["/items/", "/slashed/", "/plain/", "/"])
def test_with_a_trailing_slash_there_is_nothing(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client, route: str
) -> None:
    assert visitor.get(f"{BASE}{route}", headers=headers(tenant)).status_code == 404


@pytest.mark.parametrize("route", ["/items/open", "/open", "/open-framework", "/receiver"])
def test_what_opens_itself_is_open(shop: LoadedPlugins, visitor: Client, route: str) -> None:
    assert visitor.get(f"{BASE}{route}").status_code == 200


def test_a_view_runs_as_its_plugin_for_the_tenant(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client
) -> None:
    member = make_member(tenant)
    token = make_key_text(tenant, member)

    answer = visitor.get(f"{BASE}/plain", headers={"Authorization": f"Bearer {token}"}).json()

    assert answer == {
        "actor": answer["actor"],
        "tenant": tenant.slug,
        "plugin": "shop",
        "config": {"colour": "red"},
    }
    assert current_run() is None


def test_a_streamed_body_is_made_in_the_plugins_run(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client
) -> None:
    answer = visitor.get(f"{BASE}/streaming", headers=headers(tenant))

    assert b"".join(answer) == b"shop;shop;"


def test_a_method_of_the_class_runs_on_the_tenants_instance(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client
) -> None:
    assert visitor.get(f"{BASE}/own", headers=headers(tenant)).content == b"False"


async def test_async_views_are_guarded_and_run_as_the_plugin(shop: LoadedPlugins, tenant: Tenant) -> None:
    allowed = await sync_to_async(headers)(tenant)
    transport = httpx.ASGITransport(app=application)

    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host_of(tenant)}") as client:
        refused = await client.get(f"{BASE}/async")
        answer = await client.get(f"{BASE}/async", headers=allowed)

    assert refused.status_code == 401
    assert (answer.status_code, answer.text) == (200, "shop")
    assert current_run() is None


@pytest.mark.parametrize("route", ["/admins", "/admins-plain"])
def test_known_callers_without_the_right_are_forbidden(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client, route: str
) -> None:
    assert visitor.get(f"{BASE}{route}", headers=headers(tenant)).status_code == 403
    assert visitor.get(f"{BASE}{route}", headers=headers(tenant, Role.ADMIN)).status_code == 200


@pytest.mark.parametrize("route", ["/plain", "/items", "/custom", "/members-plain"])
def test_a_key_for_other_things_is_forbidden(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client, route: str
) -> None:
    narrow = headers(tenant, scopes=["record.read:posts"])

    assert visitor.get(f"{BASE}{route}", headers=narrow).status_code == 403


def test_a_view_with_its_own_sign_in_keeps_it(shop: LoadedPlugins, visitor: Client) -> None:
    assert visitor.get(f"{BASE}/machine", headers={"X-Machine": "7"}).status_code == 200
    refused = visitor.get(f"{BASE}/machine")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")


def test_what_a_view_raises_becomes_a_problem(shop: LoadedPlugins, tenant: Tenant, visitor: Client) -> None:
    answer = visitor.get(f"{BASE}/refusing", headers=headers(tenant))

    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["detail"]) == ("closed", "The shop is closed.")


@pytest.mark.parametrize(
    ("route", "fault"),
    [
        ("/nothing", "returned None"),
        ("/text", "returned a value of type str"),
        ("/coroutine", "returned a value of type coroutine"),
        ("/nothing-later", "returned None"),
        ("/leaving", "raised SystemExit"),
        ("/leaving-later", "raised SystemExit"),
        ("/leaving-framework", "raised SystemExit"),
    ],
)
def test_a_view_without_an_answer_is_a_problem_too(
    shop: LoadedPlugins,
    tenant: Tenant,
    visitor: Client,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    route: str,
    fault: str,
) -> None:
    # Where the mistake got past the host, Django would show a page with its settings here.
    settings.DEBUG = True
    visitor.raise_request_exception = False

    answer = visitor.get(BASE + route, headers=headers(tenant))

    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["correlation_id"]
    assert [
        str(record.exc_info[1]).partition(":")[0].partition(", which")[0]
        for record in caplog.records
        if record.name == "tenantry.web" and record.exc_info
    ] == [f"The view of plugin shop at {BASE}{route} {fault}"]


# What is paused is there, and says when to come back.
@pytest.mark.parametrize(("switch", "status"), [(disable_plugin, 404), (pause_plugin, 503)])
def test_off_means_off_for_every_route(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client, switch: Any, status: int
) -> None:
    allowed = headers(tenant, Role.ADMIN)
    with in_tenant(tenant):
        switch("shop")

    for route in [*CLOSED, "/open", "/receiver", "/items/open", "/open-framework", "/machine"]:
        for sent in (allowed, {}):
            answer = visitor.get(address(route), headers=sent)
            assert answer.status_code == status, route
            assert answer["Content-Type"] == "application/problem+json"


def test_where_a_plugin_is_off_it_looks_as_if_nothing_was_there(
    shop: LoadedPlugins, other_tenant: Tenant
) -> None:
    client = browser(host_of(other_tenant))

    off, nothing = client.get(f"{BASE}/open").json(), client.get("/api/v1/plugins/nothing/open").json()

    ignored = {"correlation_id", "detail"}
    assert {key: value for key, value in off.items() if key not in ignored} == {
        key: value for key, value in nothing.items() if key not in ignored
    }
    assert off["detail"].replace("shop", "nothing") == nothing["detail"]


def test_another_tenants_credentials_are_none(
    shop: LoadedPlugins, tenant: Tenant, other_tenant: Tenant, visitor: Client
) -> None:
    assert visitor.get(f"{BASE}/plain", headers=headers(other_tenant)).status_code == 401


def test_a_session_needs_the_csrf_token(shop: LoadedPlugins, tenant: Tenant) -> None:
    client = browser(host_of(tenant), make_member(tenant), checks_csrf=True)

    assert client.get(f"{BASE}/plain").status_code == 200
    for route in ("/plain", "/items", "/open"):
        assert client.post(f"{BASE}{route}", {}, content_type="application/json").status_code == 403, route


def test_a_key_needs_no_csrf_token(shop: LoadedPlugins, tenant: Tenant) -> None:
    client = browser(host_of(tenant), checks_csrf=True)
    allowed = headers(tenant)

    assert client.post(f"{BASE}/plain", {}, headers=allowed).status_code == 200
    answer = client.post(f"{BASE}/items", {"a": 1}, content_type="application/json", headers=allowed)
    assert (answer.status_code, answer.json()) == (201, {"made": {"a": 1}})
    # Who opens a route and takes the check away as well has said so twice.
    assert client.post(f"{BASE}/receiver", {}).status_code == 200


@pytest.mark.parametrize("route", ["/plain", "/open", "/receiver"])
def test_plain_views_are_limited_like_others(
    shop: LoadedPlugins, tenant: Tenant, visitor: Client, settings: Settings, route: str
) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "caller": "1/h", "anonymous": "1/h"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    sent = headers(tenant) if route == "/plain" else {}

    assert visitor.get(f"{BASE}{route}", headers=sent).status_code == 200
    refused = visitor.get(f"{BASE}{route}", headers=sent)

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0


def test_routes_have_names_in_the_plugins_namespace(shop: LoadedPlugins, settings: Settings) -> None:
    urls = settings.TENANT_URLCONF

    assert reverse("plugin-shop:plain", urlconf=urls) == f"{BASE}/plain"
    assert reverse("plugin-shop:home", urlconf=urls) == BASE
    assert reverse("plugin-shop:item-list", urlconf=urls) == f"{BASE}/items"
