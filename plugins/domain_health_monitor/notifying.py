"""Telling people and other plugins that the state of a domain has changed."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from django.core.mail import EmailMessage
from django.utils import timezone

from plugin_host.errors import PluginError

if TYPE_CHECKING:
    from .models import StatusChange

TOPIC: Final = "domain-health.changed"


def send_mail_about(change: StatusChange, recipients: Sequence[str], *, tenant: str) -> None:
    """Send a mail about a change, unless it was sent before.

    Raises:
        PluginError: The mail server does not take it; permanent where it refuses all recipients.
    """
    if change.mailed_at is not None:
        return
    text = (
        f"{change.host} is {change.current}; it was {change.previous} before.\n\n"
        f"{change.message}\n\n"
        f"Tenant: {tenant}\n"
        f"Since: {change.changed_at:%Y-%m-%d %H:%M} UTC\n\n"
        "Sent by the domain health monitor. Its page in the admin has all domains; "
        "its configuration has who gets these mails.\n"
    )
    # A list of recipients must not be shown to each of them.
    message = EmailMessage(
        subject=f"{change.host}: {change.current}"[:200],
        body=text,
        bcc=list(recipients),
        headers={"Message-ID": f"<{change.event_id}@domain-health-monitor.tenantry>"},
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise PluginError(
            "The mail server refuses every recipient: correct the addresses under 'Mail to'.", permanent=True
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise PluginError(
            f"The mail could not be handed to the mail server ({type(error).__name__}): "
            "the operator should check EMAIL_URL."
        ) from error
    change.mailed_at = timezone.now()
    change.save(update_fields=["mailed_at"])


def payload_of(change: StatusChange) -> dict[str, Any]:
    """Return what other plugins get over the bus; `change_id` is the same when it comes twice."""
    return {
        "change_id": str(change.event_id),
        "domain": change.host,
        "previous": change.previous,
        "current": change.current,
        "message": change.message,
        "changed_at": change.changed_at.isoformat(),
    }
