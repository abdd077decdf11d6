"""From content to objects in the bucket, through deliveries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.db.models import Q

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.publishing import publish_record, unpublish_record
from core.services.records import delete_record, update_record
from plugin_host import content
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.testing import (
    DeliverAll,
    DeliveryRun,
    MakeContent,
    PluginEnabled,
    PluginScope,
    RunHook,
    RunTask,
    Tenant,
)
from s3_static_deployer.models import SiteObject
from tests.plugins.s3_static_deployer.conftest import KEYS
from tests.plugins.s3_static_deployer.local_aws import LocalAws

PLUGIN = "s3-static-deployer"
SITE = {
    "index.html",
    "articles/index.html",
    "feed.xml",
    "sitemap.xml",
    "robots.txt",
    "theme.css",
    "static/site/site.css",
}
TEA, MATCHA = "articles/green-tea/index.html", "articles/matcha/index.html"

type Site = Callable[[], dict[str, bytes]]


def own(runs: list[DeliveryRun]) -> list[tuple[str, str]]:
    return [(run.ended, run.error) for run in own_runs(runs)]


def own_runs(runs: list[DeliveryRun]) -> list[DeliveryRun]:
    return [run for run in runs if run.plugin == PLUGIN and run.hook.startswith("dvp_content_")]


@pytest.fixture
def site(tenant: Tenant, plugin_scope: PluginScope) -> Site:
    """What visitors get at each address now, under the names of objects."""

    def shown() -> dict[str, bytes]:
        with plugin_scope(PLUGIN, tenant):
            files = [content.site_file(path) for path in content.site_paths()]
        return {key_of(file.path): file.body for file in files}

    return shown


def key_of(path: str) -> str:
    name = path.strip("/")
    return name if "." in name else f"{name}/index.html".removeprefix("/")


@pytest.fixture
def as_people(tenant: Tenant) -> Callable[..., object]:
    def call(service: Callable[..., object], **arguments: object) -> object:
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            return service(**arguments)

    return call


def test_a_published_page_stands_in_the_bucket_as_visitors_get_it(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    site: Site,
) -> None:
    make_content(title="Green tea", body="Water, leaves, time.")

    assert own(deliver_all(tenant)) == [("done", "")]

    assert aws.keys(bucket) == {*SITE, TEA}
    assert aws.bodies(bucket) == site()
    page = aws.object(bucket, TEA)
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["CacheControl"] == "public, max-age=60"
    assert page["Metadata"] == {"tenantry-sha256": hashlib.sha256(page["Body"]).hexdigest()}
    assert aws.object(bucket, "feed.xml")["ContentType"] == "application/atom+xml; charset=utf-8"
    assert aws.object(bucket, "static/site/site.css")["CacheControl"] == "public, max-age=86400"


def test_what_has_not_changed_is_not_sent_again(
    tenant: Tenant, aws: LocalAws, bucket: str, make_content: MakeContent, deliver_all: DeliverAll, site: Site
) -> None:
    make_content(title="Green tea", body="Water")
    deliver_all(tenant)
    aws.forget()

    make_content(title="Matcha", body="Powder")
    deliver_all(tenant)

    assert set(aws.puts(bucket)) == {MATCHA, "index.html", "articles/index.html", "feed.xml", "sitemap.xml"}
    assert len(aws.puts(bucket)) == 5
    assert aws.bodies(bucket) == site()


def test_a_redelivery_changes_nothing_and_an_old_one_does_not_bring_old_content_back(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    site: Site,
    as_people: Callable[..., object],
) -> None:
    page = make_content(title="Green tea", body="The first text")
    (first,) = own_runs(deliver_all(tenant))
    make_content(page["content_id"], body="The second text")
    deliver_all(tenant)
    before = aws.bodies(bucket)
    aws.forget()

    as_people(replay_delivery, delivery_id=first.id)
    assert own(deliver_all(tenant)) == [("done", "")]

    assert aws.bodies(bucket) == before == site()
    assert b"The second text" in before[TEA]
    assert aws.puts(bucket) == []


@pytest.mark.parametrize("ending", [unpublish_record, delete_record], ids=["unpublished", "deleted"])
def test_a_page_that_is_taken_away_goes_and_the_lists_follow(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    site: Site,
    as_people: Callable[..., object],
    ending: Callable[..., object],
) -> None:
    page = make_content(title="Green tea", body="Water")
    make_content(title="Matcha", body="Powder")
    deliver_all(tenant)
    aws.s3.put_object(Bucket=bucket, Key="articles/mine.txt", Body=b"by hand")

    as_people(ending, record_id=page["content_id"])
    deliver_all(tenant)

    assert aws.keys(bucket) == {*SITE, MATCHA, "articles/mine.txt"}
    assert aws.bodies(bucket) == {**site(), "articles/mine.txt": b"by hand"}
    assert b"green-tea" not in aws.object(bucket, "sitemap.xml")["Body"]


def test_a_page_that_moves_leaves_a_redirect_until_another_takes_the_address(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    site: Site,
    as_people: Callable[..., object],
) -> None:
    page = make_content(title="Green tea", body="Water")
    deliver_all(tenant)

    as_people(update_record, record_id=page["content_id"], data={}, merge=True, slug="sencha")
    as_people(publish_record, record_id=page["content_id"])
    deliver_all(tenant)

    moved = aws.object(bucket, TEA)
    assert moved["WebsiteRedirectLocation"] == "/articles/sencha/"
    assert b'url=/articles/sencha/"' in moved["Body"]
    assert aws.bodies(bucket) == {**site(), TEA: moved["Body"]}

    # Once more: both old addresses lead to the page at once, not to each other.
    as_people(update_record, record_id=page["content_id"], data={}, merge=True, slug="gyokuro")
    as_people(publish_record, record_id=page["content_id"])
    deliver_all(tenant)
    for old in (TEA, "articles/sencha/index.html"):
        assert aws.object(bucket, old)["WebsiteRedirectLocation"] == "/articles/gyokuro/"

    make_content(title="Green tea", body="Another one")
    deliver_all(tenant)
    assert "WebsiteRedirectLocation" not in aws.object(bucket, TEA)
    assert b"Another one" in aws.object(bucket, TEA)["Body"]

    as_people(unpublish_record, record_id=page["content_id"])
    deliver_all(tenant)
    assert aws.bodies(bucket) == site()


@pytest.mark.parametrize(
    ("style", "key"),
    [
        ("folder", "web/articles/green-tea/index.html"),
        ("html", "web/articles/green-tea.html"),
        ("exact", "web/articles/green-tea"),
    ],
)
def test_files_stand_in_the_folder_and_are_named_as_the_tenant_wants(
    tenant: Tenant,
    aws: LocalAws,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    style: str,
    key: str,
) -> None:
    bucket = aws.make_bucket()
    config = {
        "bucket": bucket,
        "prefix": "web",
        "page_style": style,
        "acl": "public-read",
        "storage_class": "STANDARD_IA",
        "encryption": "AES256",
        "cache_rules": [{"path": "/articles/*", "cache_control": "public, max-age=5"}],
    }
    plugin_enabled(PLUGIN, tenant, config=config, secrets=KEYS)
    make_content(title="Green tea", body="Water")

    deliver_all(tenant)

    stored = aws.object(bucket, key)
    assert (stored["CacheControl"], stored["StorageClass"], stored["ServerSideEncryption"]) == (
        "public, max-age=5",
        "STANDARD_IA",
        "AES256",
    )
    assert {"web/index.html", "web/feed.xml", "web/sitemap.xml"} < aws.keys(bucket)
    grants = aws.s3.get_object_acl(Bucket=bucket, Key=key)["Grants"]
    assert any(grant.get("Permission") == "READ" for grant in grants)


def test_a_new_style_of_names_takes_the_old_files_away(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    make_content(title="Green tea", body="Water")
    deliver_all(tenant)

    plugin_enabled(PLUGIN, tenant, config={"bucket": bucket, "page_style": "html"})
    assert run_task(f"{PLUGIN}.deploy-all").ended == "done"

    assert aws.keys(bucket) == {
        *(SITE - {"articles/index.html"}),
        "articles.html",
        "articles/green-tea.html",
    }


def test_two_tenants_have_their_own_buckets_and_keys(
    tenant: Tenant,
    other_tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
) -> None:
    other_bucket = aws.make_bucket()
    other_keys = {
        "access_key_id": "AKIDTENANTTWO0000002",
        "secret_access_key": "other+secret/of+forty+000002",
    }
    plugin_enabled(PLUGIN, other_tenant, config={"bucket": other_bucket}, secrets=other_keys)
    make_content(title="Mine", body="My own text")
    make_content(tenant=other_tenant, title="Theirs", body="Their own text")

    for one in (tenant, other_tenant):
        deliver_all(one, waiting=True)

    assert aws.keys(bucket) == {*SITE, "articles/mine/index.html"}
    assert aws.keys(other_bucket) == {*SITE, "articles/theirs/index.html"}
    assert not any(b"Their" in body or b"theirs" in body for body in aws.bodies(bucket).values())
    assert not any(b"My own" in body or b"/mine" in body for body in aws.bodies(other_bucket).values())
    signed = {(request.path.split("/")[1], request.access_key) for request in aws.seen}
    assert signed == {(bucket, KEYS["access_key_id"]), (other_bucket, other_keys["access_key_id"])}


def test_content_without_pages_is_none_of_its_business(
    tenant: Tenant, aws: LocalAws, bucket: str, make_content: MakeContent, deliver_all: DeliverAll
) -> None:
    make_content(title="Draft", published=False)

    assert own(deliver_all(tenant)) == []
    assert aws.seen == []


def test_many_deliveries_at_once_leave_the_site_as_it_is(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    run_hook: RunHook,
    site: Site,
    plugin_scope: PluginScope,
) -> None:
    pages = [make_content(title=f"Tea {number}", body="Water") for number in range(8)]

    def deliver(page: dict[str, Any]) -> None:
        try:
            run_hook(PLUGIN, "dvp_content_published", page["content_id"], page, {"attempt": 1})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(pages)) as pool:
        list(pool.map(deliver, pages))

    assert aws.bodies(bucket) == site()
    with plugin_scope(PLUGIN, tenant):
        assert not SiteObject.objects.filter(Q(is_stale=True) | Q(is_sure=False)).exists()
