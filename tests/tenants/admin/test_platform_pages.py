"""The platform's admin."""

from __future__ import annotations

import secrets

from django.test import Client

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import Domain, Tenant, User
from tests.admin_people import PASSWORD, PLATFORM_HOST, SignIn, client_at
from tests.core.admin.test_records import refusal_in

TENANTS = "/admin/tenants/tenant/"
PEOPLE = "/admin/tenants/user/"


def test_an_operator_sees_every_tenant(operator: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    assert operator.get("/admin/").status_code == 200
    for one in (tenant, other_tenant):
        assert one.slug in operator.get(f"{TENANTS}?q={one.slug}").content.decode()
        assert f"{one.slug}.test" in operator.get(f"{TENANTS}{one.pk}/change/").content.decode()


def test_a_tenant_is_made_with_its_hosts(operator: Client) -> None:
    slug = f"t{secrets.token_hex(6)}"

    operator.post(
        f"{TENANTS}add/",
        {"slug": slug, "plan": "pro", "time_zone": "Europe/Berlin", "hosts": f"{slug}.test\nwww.{slug}.test"},
    )

    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
        made = Tenant.objects.get(slug=slug)
        hosts = Domain.objects.filter(tenant=made).order_by("-is_primary").values_list("host", flat=True)
        assert (made.plan, list(hosts)) == ("pro", [f"{slug}.test", f"www.{slug}.test"])
    assert client_at(f"{slug}.test").get("/admin/login/").status_code == 200


def test_a_wrong_tenant_is_refused_with_all_faults(operator: Client) -> None:
    page = operator.post(
        f"{TENANTS}add/",
        {"slug": "X", "plan": "free", "time_zone": "Mars", "hosts": "http://no.host"},
    ).content.decode()

    text = refusal_in(page)
    assert "3 to 50 lower-case letters" in text
    assert "is no time zone" in text
    assert "Write the host name alone" in text


def test_a_suspended_tenant_answers_again_after_resuming(operator: Client, tenant: Tenant) -> None:
    visitor = client_at(f"{tenant.slug}.test")

    operator.post(f"{TENANTS}{tenant.pk}/suspend/")
    assert visitor.get("/admin/login/").status_code == 503

    operator.post(f"{TENANTS}{tenant.pk}/resume/")
    assert visitor.get("/admin/login/").status_code == 200


def test_an_operator_is_made(operator: Client) -> None:
    email = f"{secrets.token_hex(6)}@people.test"

    weak = operator.post(f"{PEOPLE}add/", {"email": email, "password": "short"}).content.decode()
    assert "too short" in refusal_in(weak)

    operator.post(f"{PEOPLE}add/", {"email": email, "name": "Second", "password": PASSWORD})
    with platform_scope(PlatformWork.PEOPLE, actor=system_actor("tests")):
        assert User.objects.get(email=email).is_staff
    signed_in = client_at(PLATFORM_HOST).post("/admin/login/", {"username": email, "password": PASSWORD})
    assert signed_in.status_code == 302


def test_tenants_pages_are_not_on_the_platform_and_the_reverse(
    operator: Client, member_of: SignIn, tenant: Tenant
) -> None:
    assert operator.get("/admin/core/record/").status_code == 404
    assert operator.get("/admin/tenants/membership/").status_code == 404
    assert member_of(tenant).get(PEOPLE).status_code == 404


def test_what_operators_do_is_in_the_audit_log(operator: Client, tenant: Tenant) -> None:
    operator.post(f"{TENANTS}{tenant.pk}/suspend/")

    page = operator.get(f"/admin/core/platformauditentry/?q={tenant.name}").content.decode()

    assert "tenant.suspended" in page
