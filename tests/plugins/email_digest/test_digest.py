"""From a publication to a mail at a real mail server, over days, retries and lost processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest

import email_digest.plugin
from core.errors import Invalid
from email_digest.models import Publication
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.models import DeliveryHistory
from plugin_host.models.schedule import ScheduledItem
from plugin_host.services import save_config
from plugin_host.testing import Clock, DeliverAll, MakeContent, PluginEnabled, RunDue, RunTask, TaskRun
from plugin_host.testing.types import PluginScope
from tenants.models import Tenant
from tests.mailbox import Mailbox

TASK = "email-digest.send"
RECIPIENTS = ["ann@example.org", "bob@example.org"]


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with Mailbox() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


@pytest.fixture
def site(in_tenant: Tenant, plugin_enabled: PluginEnabled) -> Tenant:
    plugin_enabled("email-digest", in_tenant, config={"recipients": RECIPIENTS})
    return in_tenant


def parts(message: Message[str, str]) -> dict[str, str]:
    found = {}
    for part in message.walk():
        raw = part.get_payload(decode=True)
        if isinstance(raw, bytes):
            found[part.get_content_type()] = raw.decode()
    return found


def figures(run: TaskRun) -> tuple[Any, Any]:
    return run.data["published"], run.data["mails"]


def test_the_mail_has_titles_links_numbers_and_authors(
    site: Tenant, mailbox: Mailbox, make_content: MakeContent, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    first = make_content(title="Slow <food>", published=True, author="Ann")
    make_content(title="Fast food", published=True, author="Ann")
    make_content(title="A draft", published=False)
    deliver_all(site)

    run = run_task(TASK)

    assert (run.ended, *figures(run)) == ("done", 2, 2)
    (mail,) = mailbox.mails
    assert mail.recipients == tuple(RECIPIENTS)
    assert mail.message["Subject"] == f"{site.slug}: 2 published"
    assert not any(name in str(mail.message) for name in RECIPIENTS)  # nobody sees the others
    text, html = parts(mail.message)["text/plain"], parts(mail.message)["text/html"]
    assert f"* Slow <food> (articles, Ann)\n  {first['url']}\n" in text.replace("\r\n", "\n")
    assert "By collection: articles 2." in text
    assert "By author: Ann 2." in text
    assert "A draft" not in text
    assert f'<a href="{first["url"]}">Slow &lt;food&gt;</a>' in html


def test_each_publication_is_in_one_mail_over_days_and_replays(
    site: Tenant, mailbox: Mailbox, make_content: MakeContent, deliver_all: DeliverAll, run_due: RunDue
) -> None:
    now = datetime.now(UTC)
    run_due()
    for day in range(1, 4):
        make_content(title=f"Day {day}", published=True)
        deliver_all(site)
        for delivery in DeliveryHistory.objects.filter(plugin="email-digest", reason="event"):
            replay_delivery(delivery_id=delivery.pk)
        deliver_all(site)
        at = now + timedelta(days=day)
        assert [figures(run) for run in run_due(now=at) if run.item_id == TASK] == [(1, 2)]
        assert [figures(run) for run in run_due(now=at) if run.item_id == TASK] == []

    told = [
        [day for day in range(1, 4) if f"Day {day}" in parts(mail.message)["text/plain"]]
        for mail in mailbox.mails
    ]
    assert told == [[1], [2], [3]]


def test_a_delivery_that_comes_twice_is_one_publication(
    site: Tenant, mailbox: Mailbox, make_content: MakeContent, deliver_all: DeliverAll, run_hook: Any
) -> None:
    content = make_content(title="Once", published=True)
    deliver_all(site)
    known = Publication.objects.get()
    metadata = {"event_id": str(known.pk), "occurred_at": "2026-01-01T12:00:00Z"}

    run_hook("email-digest", "dvp_content_published", content["content_id"], content, metadata)

    assert Publication.objects.count() == 1


@pytest.mark.parametrize(("send_empty", "mails"), [(False, 0), (True, 1)])
def test_where_nothing_happened(
    site: Tenant, mailbox: Mailbox, run_task: RunTask, send_empty: bool, mails: int
) -> None:
    save_config("email-digest", {"recipients": RECIPIENTS, "send_empty": send_empty})

    assert run_task(TASK).ended == "done"
    assert len(mailbox.mails) == mails
    if mails:
        assert "Nothing was published" in parts(mailbox.mails[0].message)["text/plain"]


@pytest.mark.parametrize(
    ("answers", "ended", "said"),
    [
        ({"MAIL": "451 later"}, "", "could not be handed to the mail server (SMTPSenderRefused)"),
        ({"DATA": "554 no"}, "", "could not be handed to the mail server (SMTPDataError)"),
        ({"RCPT": "550 nobody"}, "dead", "refuses every recipient: correct the addresses under Recipients"),
        ({"AUTH": "535 wrong"}, "dead", "refuses the sign-in of this installation"),
    ],
)
def test_a_server_that_refuses_and_everything_comes_with_the_next_mail(
    site: Tenant,
    mailbox: Mailbox,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    settings: Any,
    answers: dict[str, str],
    ended: str,
    said: str,
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "tenantry", "pass-phrase-7391"
    mailbox.answers = {"AUTH": "235 welcome", **answers}
    make_content(title="First", published=True)
    deliver_all(site)

    run = run_task(TASK)

    assert run.ended == ended
    assert said in run.error
    assert "pass-phrase" not in run.error + str(run.log)
    assert mailbox.mails == []
    mailbox.answers = {"AUTH": "235 welcome"}
    make_content(title="Second", published=True)
    deliver_all(site)
    assert figures(run_task(TASK)) == (2, 2)


def test_a_retry_of_the_same_run_sends_it(
    site: Tenant,
    mailbox: Mailbox,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_due: RunDue,
    run_task: RunTask,
) -> None:
    mailbox.answers = {"DATA": "451 later"}
    make_content(title="First", published=True)
    deliver_all(site)
    assert run_task(TASK).ended == ""

    mailbox.answers = {}
    (run,) = [run for run in run_due(waiting=True) if run.item_id == TASK]

    assert (run.attempt, run.ended, *figures(run)) == (2, "done", 1, 2)
    assert len(mailbox.mails) == 1


def test_a_server_that_hangs_is_given_up_after_a_while(
    site: Tenant,
    mailbox: Mailbox,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    settings: Any,
) -> None:
    mailbox.hangs = True
    settings.EMAIL_TIMEOUT = 0.3
    make_content(title="First", published=True)
    deliver_all(site)

    run = run_task(TASK)

    assert run.ended == ""  # tried again
    assert "The mail could not be handed to the mail server (" in run.error


def test_a_process_that_is_lost_behind_the_server_sends_nothing_twice(
    site: Tenant,
    mailbox: Mailbox,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    run_due: RunDue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_content(title="First", published=True)
    deliver_all(site)
    hand_over = email_digest.mail.hand_over

    def hand_over_and_die(*arguments: Any) -> None:
        hand_over(*arguments)
        raise ConnectionAbortedError("the process is gone")

    monkeypatch.setattr("email_digest.mail.hand_over", hand_over_and_die)
    assert run_task(TASK).ended == ""
    monkeypatch.undo()
    make_content(title="Second", published=True)
    deliver_all(site)
    (run,) = [run for run in run_due(waiting=True) if run.item_id == TASK]

    assert run.data == {"published": 1, "mails": 0, "unsure": True}
    assert len(mailbox.mails) == 1
    assert figures(run_task(TASK)) == (1, 2)
    assert "First" not in parts(mailbox.mails[1].message)["text/plain"]


def test_a_mail_about_many_names_some(
    site: Tenant, mailbox: Mailbox, run_task: RunTask, plugin_scope: PluginScope
) -> None:
    with plugin_scope("email-digest", site):
        Publication.objects.bulk_create(
            Publication(collection="articles", title=f"Post {number}", published_at=datetime.now(UTC))
            for number in range(250)
        )

    assert figures(run_task(TASK)) == (250, 2)
    text = parts(mailbox.mails[0].message)["text/plain"]
    assert (text.count("* Post"), "… and 150 more." in text) == (100, True)


def test_old_rows_go(
    site: Tenant,
    mailbox: Mailbox,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    clock: Clock,
) -> None:
    make_content(title="First", published=True)
    deliver_all(site)
    run_task(TASK)
    clock.advance(days=89)
    run_task(TASK)
    assert Publication.objects.count() == 1
    clock.advance(days=2)
    run_task(TASK)
    assert Publication.objects.count() == 0


def test_tenants_get_their_own(
    site: Tenant,
    other_tenant: Tenant,
    mailbox: Mailbox,
    make_content: MakeContent,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    plugin_enabled("email-digest", other_tenant, config={"recipients": ["cleo@example.org"]})
    make_content(title="Ours", published=True)
    make_content(title="Theirs", published=True, tenant=other_tenant)
    deliver_all(site)
    deliver_all(other_tenant, waiting=True)

    run_task(TASK)

    (mail,) = mailbox.mails
    assert mail.recipients == tuple(RECIPIENTS)
    assert "Theirs" not in mail.message.as_string()


@pytest.mark.parametrize(
    ("config", "cron"),
    [({}, "0 7 * * *"), ({"hour": 18}, "0 18 * * *"), ({"days": "weekdays"}, "0 7 * * 1-5")],
)
def test_when_it_is_sent(site: Tenant, run_due: RunDue, config: dict[str, Any], cron: str) -> None:
    save_config("email-digest", {"recipients": RECIPIENTS, **config})
    run_due()

    item = ScheduledItem.objects.get(item_id=TASK)
    assert item.definition["schedule"]["cron_expression"] == cron


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody",
        "ann@example.org, bob@example.org",
        "ann@example.org\nBcc: eve@example.org",
        "Ann <ann@example.org>",
        "ann@@example.org",
        "",
    ],
)
def test_what_is_no_address_is_refused(
    in_tenant: Tenant, plugin_enabled: PluginEnabled, recipient: str
) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("email-digest", in_tenant, config={"recipients": [recipient]})

    assert {error.pointer for error in caught.value.errors} == {"/config/recipients/0"}


def test_a_title_cannot_reach_a_header(
    site: Tenant, mailbox: Mailbox, make_content: MakeContent, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    make_content(title="Hello\r\nBcc: eve@example.org", published=True)
    deliver_all(site)

    run_task(TASK)

    (mail,) = mailbox.mails
    assert mail.message["Bcc"] is None
    assert mail.recipients == tuple(RECIPIENTS)
