"""The page that says why plugins ran, or did not."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from core.models import Collection, Event, Record
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host.services import enable_plugin
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant
from tests.admin_people import SignIn

PAGE = "/admin/settings/plugins/explain/"


@pytest.fixture
def record(in_tenant: Tenant, deliver_all: DeliverAll) -> Record:
    """A record about which the task manager was told."""
    enable_plugin("task-manager")
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    posts: Collection = create_collection(name="posts", schema=schema, has_pages=False)
    made = create_record(collection=posts, data={"title": "Hello"})
    publish_record(record_id=made.pk)
    deliver_all(in_tenant)
    return made


def event_of(record: Record, kind: str) -> Event:
    event: Event = Event.objects.get(type=kind, record_id=record.pk)
    return event


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_an_event_and_what_each_plugin_did(member_of: SignIn, in_tenant: Tenant, record: Record) -> None:
    event = event_of(record, "record.published")

    page = text(member_of(in_tenant), f"{PAGE}?event={event.pk}")

    assert 'id="plugin-task-manager"' in page
    assert "It did not run: it has no hook for record.published." in page
    assert "it had not been switched on when this happened" in page
    assert "What else happened to the record" in page


def test_events_are_found_by_either_id(member_of: SignIn, in_tenant: Tenant, record: Record) -> None:
    client = member_of(in_tenant)
    event = event_of(record, "record.created")

    assert f"?event={event.pk}" in text(client, PAGE)
    assert f"?event={event.pk}" in text(client, f"{PAGE}?record={record.pk}")
    assert f"?event={event.pk}" in text(client, f"{PAGE}?of={record.pk}")
    assert "Plugins that it concerned" in text(client, f"{PAGE}?of={event.pk}")
    assert "is no id: copy that of an event" in text(client, f"{PAGE}?of=hello")
    assert "No event and no record with the id" in text(client, f"{PAGE}?of={uuid4()}")


def test_the_ways_there(member_of: SignIn, in_tenant: Tenant, record: Record) -> None:
    client = member_of(in_tenant)

    assert f'href="{PAGE}"' in text(client, "/admin/settings/plugins/")
    history = text(client, f"/admin/core/record/{record.pk}/history/")
    assert f'href="{PAGE}?record={record.pk}"' in history
    editor = member_of(in_tenant, "editor")
    assert PAGE not in text(editor, f"/admin/core/record/{record.pk}/history/")


@pytest.mark.parametrize("query", ["event=1", "event=01900000-0000-7000-8000-000000000000", "record=x"])
def test_what_is_not_there(member_of: SignIn, in_tenant: Tenant, query: str) -> None:
    assert member_of(in_tenant).get(f"{PAGE}?{query}").status_code == 404


def test_another_tenants_event_is_not_there(
    member_of: SignIn, in_tenant: Tenant, other_tenant: Tenant, record: Record
) -> None:
    event = event_of(record, "record.published")

    client = member_of(other_tenant)

    assert client.get(f"{PAGE}?event={event.pk}").status_code == 404
    assert str(event.pk) not in text(client, f"{PAGE}?record={record.pk}")
    assert str(event.pk) not in text(client, f"{PAGE}?of={event.pk}").replace(
        f'value="{event.pk}"', ""
    ).replace(f"with the id {event.pk}", "")


def test_editors_may_not_look(member_of: SignIn, in_tenant: Tenant) -> None:
    assert member_of(in_tenant, "editor").get(PAGE).status_code == 403
