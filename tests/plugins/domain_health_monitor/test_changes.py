"""From when on a change counts, and who is told of it: through the host, with a real mail server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.actors import system_actor
from core.scope import tenant_scope
from domain_health_monitor import DomainHealthMonitor
from domain_health_monitor.models import StatusChange, WatchedDomain
from plugin_host.base import Plugin
from plugin_host.bus import Message, on_message
from plugin_host.models import HealthVerdict
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.services import save_config
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing.host import DeliverAll, PluginEnabled
from plugin_host.testing.schedule import run_due
from tenants.models import Tenant
from tenants.services.directory import add_domain, remove_domain
from tests.mailbox import Mailbox

from .conftest import Internet
from .sites import SECURE_HEADERS, Behaviour, answering

ID = "domain-health-monitor"
GOOD, SLOW, BAD = answering(headers=SECURE_HEADERS), answering(404), answering(500)


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        yield tenant


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with Mailbox() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


class Watch:
    """A tenant with one domain whose answers are said look by look."""

    def __init__(self, tenant: Tenant, web: Internet, deliver_all: DeliverAll) -> None:
        self.tenant, self._deliver_all = tenant, deliver_all
        self.host = f"{tenant.slug}.test"
        self._now: Behaviour = GOOD
        self._hours = itertools.count(1)

        async def behave(*arguments: Any) -> None:
            await self._now(*arguments)

        web.domain(self.host, https=behave)

    def look(self, behaviour: Behaviour) -> str:
        """Have the host look once; return what counts then."""
        self._now = behaviour
        runs = run_due(self.tenant, now=timezone.now() + timedelta(hours=next(self._hours)))
        assert [run.target for run in runs if run.kind == "check"] == [self.host]
        return HealthVerdict.objects.get(plugin=ID, target=self.host).status

    def deliver(self, *, waiting: bool = False) -> list[str]:
        """Run the deliveries that are due; return how those of changes ended."""
        ran = self._deliver_all(self.tenant, waiting=waiting)
        return [str(one.ended) for one in ran if one.hook == "dvp_health_status_changed"]


@pytest.fixture
def watch(inside: Tenant, web: Internet, deliver_all: DeliverAll) -> Watch:
    return Watch(inside, web, deliver_all)


def test_a_change_counts_when_enough_looks_in_a_row_agree(
    watch: Watch, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled(ID, watch.tenant, config={"confirmations": 3})

    looks = [GOOD, BAD, BAD, BAD, GOOD, GOOD, GOOD]

    assert [watch.look(one) for one in looks] == [
        "healthy",
        "healthy",
        "healthy",
        "unhealthy",
        "unhealthy",
        "unhealthy",
        "healthy",
    ]
    assert len(watch.deliver()) == 2
    changes = StatusChange.objects.order_by("changed_at").values_list("previous", "current")
    assert list(changes) == [("healthy", "unhealthy"), ("unhealthy", "healthy")]


def test_a_domain_that_flaps_is_not_told(watch: Watch, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled(ID, watch.tenant)

    looks = [GOOD, BAD, GOOD, BAD, GOOD, SLOW, GOOD]

    assert {watch.look(one) for one in looks} == {"healthy"}
    assert watch.deliver() == []
    assert StatusChange.objects.count() == 0


def test_looks_that_are_worse_in_different_ways_agree(watch: Watch, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled(ID, watch.tenant)

    assert [watch.look(one) for one in (GOOD, BAD, SLOW)] == ["healthy", "healthy", "degraded"]


def test_a_new_domain_that_is_in_trouble_is_unknown_until_confirmed(
    watch: Watch, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled(ID, watch.tenant)

    assert [watch.look(BAD), watch.look(BAD)] == ["unknown", "unhealthy"]


def test_what_is_not_confirmed_yet_is_said(watch: Watch, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled(ID, watch.tenant)
    watch.look(GOOD)
    watch.look(BAD)

    verdict = HealthVerdict.objects.get(plugin=ID)

    assert "answers 500" in verdict.message
    assert verdict.details[-1]["message"] == (
        "Found unhealthy 1 of 2 times in a row: until then it counts as healthy."
    )


def test_the_same_look_again_counts_once(watch: Watch, plugin_enabled: PluginEnabled) -> None:
    from domain_health_monitor.examination import Examination
    from domain_health_monitor.findings import broken, good
    from domain_health_monitor.history import note_examination

    fine = Examination(host="again.test", details=(good("https", "Fine."),))
    bad = Examination(host="again.test", details=(broken("https", "Bad."),))
    note_examination(fine, look="1", confirmations=2)

    assert [note_examination(bad, look=look, confirmations=2).status for look in ("2", "2", "3")] == [
        "healthy",
        "healthy",
        "unhealthy",
    ]


def test_a_change_is_mailed_once_to_each_recipient(
    watch: Watch, plugin_enabled: PluginEnabled, mailbox: Mailbox
) -> None:
    wanted = ["ops@example.org", "owner@example.org"]
    plugin_enabled(ID, watch.tenant, config={"confirmations": 1, "notify_emails": wanted})
    watch.look(GOOD)
    watch.look(BAD)

    assert watch.deliver() == ["done"]

    (mail,) = mailbox.mails
    assert mail.recipients == ("ops@example.org", "owner@example.org")
    assert mail.message["Subject"] == f"{watch.host}: unhealthy"
    assert "example.org" not in str(mail.message["To"])
    assert f"{watch.host} is unhealthy; it was healthy before." in mail.text
    assert "answers 500" in mail.text
    assert f"Tenant: {watch.tenant.slug}" in mail.text
    change = StatusChange.objects.get()
    assert change.mailed_at is not None
    assert change.announced_at is None


def test_a_mail_server_that_refuses_for_now_is_tried_again_and_the_change_is_kept_once(
    watch: Watch, plugin_enabled: PluginEnabled, mailbox: Mailbox, settings: Any
) -> None:
    config = {"confirmations": 1, "notify_emails": ["ops@example.org"]}
    plugin_enabled(ID, watch.tenant, config=config)
    watch.look(GOOD)
    watch.look(BAD)
    settings.EMAIL_PORT = 1

    assert watch.deliver() == [""]
    settings.EMAIL_PORT = mailbox.port
    assert watch.deliver(waiting=True) == ["done"]

    assert (len(mailbox.mails), StatusChange.objects.count()) == (1, 1)


def test_recipients_that_are_refused_for_good_end_it(
    watch: Watch, plugin_enabled: PluginEnabled, mailbox: Mailbox
) -> None:
    config = {"confirmations": 1, "notify_emails": ["nobody@example.org"]}
    plugin_enabled(ID, watch.tenant, config=config)
    mailbox.refuse_with = "550 no such person"
    watch.look(GOOD)
    watch.look(BAD)

    assert watch.deliver() == ["dead"]
    assert mailbox.mails == []


def test_other_plugins_checks_are_not_recorded(
    watch: Watch, plugin_enabled: PluginEnabled, deliver_all: DeliverAll
) -> None:
    plugin_enabled(ID, watch.tenant)
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    config = {"endpoints": [{"name": "crm", "url": "http://127.0.0.1:9/nobody"}]}
    plugin_enabled("webhooks", watch.tenant, config=config, secrets={"signing_secret": secret})
    run_due(watch.tenant)

    ran = [one for one in deliver_all(watch.tenant) if one.hook == "dvp_health_status_changed"]

    assert [one.plugin for one in ran] == [ID]
    assert StatusChange.objects.count() == 0


class Listener(Plugin):
    """Keeps what it hears."""

    name = "listener"
    version = "1.0.0"
    heard: list[Any] = []

    @on_message("domain-health.changed")
    async def hear(self, message: Message) -> None:
        self.heard.append((message.sender, message.payload))


def test_other_plugins_are_told_over_the_bus(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Listener, "heard", [])
    with use_plugins(LoadedPlugins()) as loaded:
        for plugin in (DomainHealthMonitor(), Listener()):
            PluginRegistry().register(plugin)
            PluginRegistry().enable(plugin.name, tenant=watch.tenant.pk)
        assert loaded.plugins.keys() == {ID, "listener"}
        save_config(ID, {"confirmations": 1, "announce": True})
        watch.look(GOOD)
        watch.look(BAD)

        assert watch.deliver() == ["done"]
    forget_tenant_plugins()

    change = StatusChange.objects.get()
    assert change.announced_at is not None
    ((sender, payload),) = Listener.heard
    assert sender == ID
    assert payload == {
        "change_id": str(change.event_id),
        "domain": watch.host,
        "previous": "healthy",
        "current": "unhealthy",
        "message": change.message,
        "changed_at": change.changed_at.isoformat(),
    }


def test_what_is_known_of_a_domain_goes_with_it(
    watch: Watch, web: Internet, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled(ID, watch.tenant)
    other = f"www.{watch.host}"
    web.domain(other)
    add_domain(host=other)
    run_due(watch.tenant)
    assert set(WatchedDomain.objects.values_list("host", flat=True)) == {watch.host, other}

    remove_domain(host=other)
    run_due(watch.tenant)

    assert list(WatchedDomain.objects.values_list("host", flat=True)) == [watch.host]
