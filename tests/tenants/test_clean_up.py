"""What has ended is taken away, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import RefreshToken, Session, Tenant
from tenants.tasks import clean_up
from tests.tenants.people import PASSWORD, browser, host_of, make_member


def test_ended_sign_ins_are_deleted_and_others_stay(tenant: Tenant) -> None:
    ended, lasting = make_member(tenant), make_member(tenant)
    clients = {user: browser(host_of(tenant), user) for user in (ended, lasting)}
    for user in clients:
        body = {"email": user.email, "password": PASSWORD}
        Client(headers={"host": host_of(tenant)}).post("/api/v1/auth/token", body, "application/json")
    long_ago = timezone.now() - timedelta(days=8)
    with platform_scope(PlatformWork.CLEAN_UP):
        Session.objects.filter(user=ended).update(expire_date=long_ago)
        RefreshToken.objects.filter(user=ended).update(expires_at=long_ago)

    clean_up()

    with platform_scope(PlatformWork.CLEAN_UP):
        for model in (Session, RefreshToken):
            of_tenant = model.objects.filter(tenant=tenant)
            assert {row.user_id for row in of_tenant} == {lasting.pk}
    assert clients[lasting].get("/api/v1/auth/me").status_code == 200
