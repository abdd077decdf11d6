"""Whoever one is in one tenant, ids of another are nothing: 404 from every address, whatever is asked.

The addresses come from the URLconf, so a new route (a plugin's too) is crawled without a word here. The ids are the
keys of every row that the other tenant has in any tenant-owned table.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.publishing import publish_record
from core.tenancy.models import TenantOwned
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.registry import loaded_plugins
from plugin_host.seo.learning import apply_learning
from plugin_host.seo.receiving import receive_metrics
from plugin_host.testing.schedule import run_task
from tenants.models import Role, Tenant
from tests.core.api.content import make_collection, make_record
from tests.fixtures import MakeTenant
from tests.tenants.people import browser, host_of, make_key_text, make_member, program

JSON: Final = "application/json"
# Parameters that name something which is the same for all tenants, or a part of what another parameter names.
OF_NOBODY: Final = frozenset({"plugin_id", "version", "app_label"})
# Addresses whose last parameter is a word of a plugin's schema.
OF_PLUGINS: Final = ("/api/v1/admin/plugins/<plugin_id>/secrets/",)
# What else a plugin needs before it can be switched on.
PLUGINS: Final[Mapping[str, tuple[dict[str, Any], dict[str, str]]]] = {
    "ahrefs-integration": ({"target": "example.com"}, {"api_key": "key-of-nobody-at-ahrefs"}),
    "email-digest": ({"recipients": ["ann@example.org"]}, {}),
    "gsc-integration": ({"property": "sc-domain:example.com"}, {"service_account_key": "{}"}),
    "s3-static-deployer": (
        {"bucket": "no-bucket-of-anybody"},
        {"access_key_id": "AKIDNOBODY0000000001", "secret_access_key": "no+secret/of+anybody"},
    ),
    "webhooks": (
        {"endpoints": [{"name": "crm", "url": "http://127.0.0.1:9/"}]},
        {"signing_secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
    ),
    "task-manager": ({"keep_completed_days": 30}, {}),
}
BODIES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"data": {"title": "x"}, "title": "x", "schema": {}, "role": "viewer", "name": "x", "done": True},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An address with holes."""

    template: str
    parameters: tuple[str, ...]
    methods: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        path = self.template
        for name, value in values.items():
            path = path.replace(f"<{name}>", value)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """The other tenant, as far as somebody could name its things.

    Args:
        ids: model -> key of one of its rows.
        names: parameter -> values that exist there.
        marks: Texts that stand in its rows and nowhere else.
    """

    tenant: Tenant
    ids: Mapping[type[Any], UUID]
    names: Mapping[str, tuple[str, ...]]
    marks: tuple[str, ...] = field(default=())


def routes_of(urlconf: str, below: str) -> list[Route]:
    """Return every address below a path that is written as a route, not as a regular expression."""
    return sorted(_walk(get_resolver(urlconf).url_patterns, "/", below), key=lambda route: route.template)


def _walk(patterns: Iterable[Any], prefix: str, below: str) -> Iterator[Route]:
    for pattern in patterns:
        if not isinstance(pattern.pattern, RoutePattern):
            continue
        template = prefix + _without_converters(str(pattern.pattern), pattern.pattern.converters)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, template, below)
        elif isinstance(pattern, URLPattern) and template.startswith(below):
            names = tuple(name for name in _names(template))
            yield Route(template=template, parameters=names, methods=_methods(pattern.callback))


def _without_converters(route: str, converters: Mapping[str, Any]) -> str:
    for name in converters:
        start = route.index(f"{name}>")
        opening = route.rindex("<", 0, start + 1)
        route = f"{route[:opening]}<{route[start:]}"
    return route


def _names(template: str) -> Iterator[str]:
    for part in template.split("<")[1:]:
        yield part.split(">")[0]


def _methods(view: Any) -> tuple[str, ...]:
    if actions := getattr(view, "actions", None):
        return tuple(actions)
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is None:
        # A plain view answers reads; whether it takes more nobody can tell from outside.
        return ("get",)
    return tuple(
        name
        for name in cls.http_method_names
        if hasattr(cls, name) and name not in {"options", "head", "trace"}
    )


def furnish(tenant: Tenant, own_collection: str, mark: str) -> None:
    """Give a tenant a row in as many tables as can be reached by using it."""
    owner = program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN))
    for plugin_id in loaded_plugins().plugins:
        config, own_secrets = PLUGINS.get(plugin_id, ({}, {}))
        where = f"/api/v1/admin/plugins/{plugin_id}"
        owner.patch(f"{where}/settings", config, JSON)
        for name, value in own_secrets.items():
            owner.put(f"{where}/secrets/{name}", {"value": value}, JSON)
        answer = owner.post(f"{where}/enable", {}, JSON)
        assert answer.status_code == 200, (plugin_id, answer.content)
    run_task(tenant, "task-manager.tidy-up")
    make_collection(tenant)
    make_collection(tenant, own_collection)
    for collection in ("posts", own_collection):
        record = make_record(tenant, mark, collection=collection, views=7)
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            publish_record(record_id=record.pk)
            poor = {
                "page": f"https://{host_of(tenant)}/{mark}",
                "clicks": 1,
                "impressions": 9000,
                "position": 3,
            }
            usual = [poor | {"page": f"/{mark}/{number}", "clicks": 900} for number in range(6)]
            receive_metrics("webhooks", SEOMetricsPayload("gsc", host_of(tenant), {"rows": [poor, *usual]}))
            apply_learning("webhooks", "low_click_rate", record.pk, {"title": f"{mark} again"})
    user = make_member(tenant, Role.EDITOR, email=f"{mark}@example.org")
    make_key_text(tenant, name=mark)
    answer = program(host_of(tenant), make_key_text(tenant, user)).post(
        "/api/v1/plugins/task-manager/tasks", {"title": mark}, JSON
    )
    assert answer.status_code == 201, answer.content


def ids_of(tenant: Tenant) -> dict[type[Any], UUID]:
    """Return one key of each tenant-owned table in which the tenant has rows."""
    found: dict[type[Any], UUID] = {}
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        for model in apps.get_models():
            if issubclass(model, TenantOwned) and (key := model.objects.values_list("pk", flat=True).first()):
                found[model] = key
    return found


@pytest.fixture(scope="module")
def mark() -> str:
    return f"mark{secrets.token_hex(8)}"


@pytest.fixture
def stranger(make_tenant: MakeTenant, mark: str) -> Stranger:
    tenant = make_tenant(name=f"{mark} Ltd")
    furnish(tenant, f"only-{mark}", mark)
    return Stranger(
        tenant=tenant,
        ids=ids_of(tenant),
        names={
            "name": (f"only-{mark}",),
            "collection": (f"only-{mark}",),
            "host": (host_of(tenant),),
            "slug": (tenant.slug, mark),
            "key": (mark,),
        },
        marks=(mark, host_of(tenant)),
    )


@pytest.fixture
def home(make_tenant: MakeTenant) -> Tenant:
    tenant = make_tenant()
    furnish(tenant, "only-here", f"here{secrets.token_hex(4)}")
    return tenant


def callers(tenant: Tenant) -> dict[str, Client]:
    """Return everybody who can be somebody in a tenant; the first two are tried with everything."""
    host = host_of(tenant)
    people = {role: make_member(tenant, role) for role in Role.values}
    found = {
        "owner's session": browser(host, people[Role.OWNER]),
        "owner's key": program(host, make_key_text(tenant, people[Role.OWNER])),
    }
    for role in Role.values:
        if role != Role.OWNER:
            found[f"{role}'s session"] = browser(host, people[role])
            found[f"{role}'s key"] = program(host, make_key_text(tenant, people[role]))
            found[f"{role} service key"] = program(host, make_key_text(tenant, role=role))
    found["narrow key"] = program(host, make_key_text(tenant, scopes=["record.read:posts", "plugin.use:*"]))
    return found


def values_for(route: Route, stranger: Stranger, *, all_ids: bool) -> Iterator[dict[str, str]]:
    """Yield ways to fill an address with things of the stranger."""
    choices = []
    for name in route.parameters:
        if name == "plugin_id":
            choices.append(tuple(loaded_plugins().plugins)[:2])
        elif name == "version":
            choices.append(("1",))
        elif name in stranger.names:
            # Beside the stranger's own a name that both have: the id behind it decides then.
            also = ("posts",) if name in {"name", "collection"} and len(route.parameters) > 1 else ()
            choices.append(stranger.names[name] + also)
        else:
            choices.append(tuple(_ids_for(name, stranger, all_ids=all_ids)))
    for values in product(*choices):
        yield dict(zip(route.parameters, values, strict=True))


def _ids_for(name: str, stranger: Stranger, *, all_ids: bool) -> Iterator[str]:
    kind = name.removesuffix("_id").replace("member", "membership").replace("key", "apikey")
    for model, key in stranger.ids.items():
        of_a_plugin = name in {"id", "pk"} and model._meta.app_label.startswith("plugin_")
        if all_ids or of_a_plugin or model.__name__.lower() == kind:
            yield str(key)


def test_ids_of_another_tenant_are_nothing_to_anybody(home: Tenant, stranger: Stranger) -> None:
    routes = [
        route
        for route in routes_of(settings.TENANT_URLCONF, "/api/")
        if set(route.parameters) - OF_NOBODY and not route.template.startswith(OF_PLUGINS)
    ]
    asked = 0
    found: set[str] = set()
    for number, (who, client) in enumerate(callers(home).items()):
        for route in routes:
            for values in values_for(route, stranger, all_ids=number < 2):
                path = route.filled(values)
                for method in route.methods:
                    for body in BODIES if method in {"post", "put", "patch"} else BODIES[:1]:
                        answer = (
                            getattr(client, method)(path, body, JSON) if method != "get" else client.get(path)
                        )
                        asked += 1
                        if answer.status_code != 404:
                            found.add(f"{who}: {method} {route.template} {values} -> {answer.status_code}")
                        if any(mark in answer.text for mark in stranger.marks if mark not in path):
                            found.add(f"{who}: {method} {route.template} tells of the other tenant")
    assert not found, "\n".join(sorted(found)[:40])
    # So that a change of the URLconf cannot empty this test in silence.
    assert asked > 500
    assert {route.template for route in routes} >= {
        "/api/v1/collections/<name>/records/<record_id>/publish",
        "/api/v1/api-keys/<key_id>",
        "/api/v1/tenant/members/<member_id>",
        "/api/v1/admin/plugins/<plugin_id>/deliveries/<delivery_id>",
        "/api/v1/seo/metrics/<metrics_id>",
    }
    assert any(route.template.startswith("/api/v1/plugins/") for route in routes)


def test_lists_tell_nothing_of_another_tenant(home: Tenant, stranger: Stranger) -> None:
    marks = (*stranger.marks, *(str(key) for key in stranger.ids.values()))
    told = set()
    answered = 0
    for who, client in callers(home).items():
        for route in routes_of(settings.TENANT_URLCONF, "/api/"):
            if route.parameters or "get" not in route.methods:
                continue
            answer = client.get(route.template)
            answered += answer.status_code == 200
            if any(mark in answer.text for mark in marks):
                told.add(f"{who}: {route.template}")
    assert not told
    assert answered > 50


def test_the_administration_knows_no_ids_of_another_tenant(home: Tenant, stranger: Stranger) -> None:
    """Django sends somebody who asks for what is not there back to the start, so the answer is compared with that."""
    routes = [
        route
        for route in routes_of(settings.TENANT_URLCONF, "/admin/")
        if "object_id" in route.parameters or any(name.endswith("_id") for name in route.parameters)
    ]
    client = browser(host_of(home), make_member(home, Role.OWNER))
    asked = 0
    for route in routes:
        for key in stranger.ids.values():
            nobody = uuid4()
            answers = []
            for one in (key, nobody):
                values = dict.fromkeys(route.parameters, str(one)) | {"app_label": "core"}
                answer = client.get(route.filled(values))
                asked += 1
                place = answer.headers.get("Location", "").replace(str(one), "…")
                answers.append((answer.status_code, place))
                assert not any(mark in answer.text for mark in stranger.marks), (route.template, one)
            assert answers[0] == answers[1], (route.template, answers)
            assert answers[0][0] != 200, route.template
    assert asked > 20


def test_pages_of_another_tenant_are_not_there(home: Tenant, stranger: Stranger) -> None:
    client = Client(headers={"host": host_of(home)})
    (collection,), (slug,) = stranger.names["collection"], stranger.names["key"]

    for path in (f"/{collection}", f"/{collection}/{slug}", f"/posts/{slug}"):
        assert Client(headers={"host": host_of(stranger.tenant)}).get(path).status_code == 200, path
        assert client.get(path).status_code == 404, path
    for path in ("/", "/feed.xml", "/sitemap.xml", "/posts"):
        assert stranger.marks[0] not in client.get(path).text
