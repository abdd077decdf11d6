"""What the tests of webhooks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.models import Record
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host.testing.host import DeliveryRun
from webhooks.models import Attempt, EndpointState, Sending

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

SwitchOn = Callable[..., None]


def publish(title: str = "Slow food", collection: str = "posts") -> Record:
    """Make a record and publish it."""
    record = create_record(collection=collection, data={"body": "Hello"}, title=title)
    return publish_record(record_id=record.pk)


def of_hook(runs: list[DeliveryRun], hook: str = "dvp_content_published") -> list[DeliveryRun]:
    """Return the runs of one hook of the plugin."""
    return [run for run in runs if (run.plugin, run.hook) == ("webhooks", hook)]


def sending(endpoint: str = "crm") -> Sending:
    """Return what an endpoint is owed, of which there is one."""
    found: Sending = Sending.objects.get(endpoint=endpoint)
    return found


def statuses(endpoint: str = "crm") -> list[str]:
    """Return how an endpoint's messages stand, oldest event first."""
    return list(
        Sending.objects.filter(endpoint=endpoint).order_by("message_id").values_list("status", flat=True)
    )


def state(endpoint: str = "crm") -> EndpointState:
    """Return how an endpoint fares."""
    found: EndpointState = EndpointState.objects.get(name=endpoint)
    return found


def tries(endpoint: str = "crm") -> list[tuple[Any, ...]]:
    """Return the log of an endpoint, first try first: number, status, reason."""
    rows = Attempt.objects.filter(endpoint=endpoint).order_by("id")
    return list(rows.values_list("number", "status", "reason"))
