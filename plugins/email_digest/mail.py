"""The mail: what stands in it, and handing it to the mail server."""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from plugin_host.errors import AuthFailed, PluginError

from .models import Publication

# A mail is to be read: of an import of thousands it names some and counts the others.
LISTED: Final = 100


def digest_mail(site: str, publications: Sequence[Publication]) -> EmailMultiAlternatives:
    """Return the mail about these publications, without recipients."""
    context = {
        "site": site,
        "total": len(publications),
        "listed": publications[:LISTED],
        "more": max(len(publications) - LISTED, 0),
        "collections": Counter(one.collection for one in publications).most_common(),
        "authors": Counter(one.author for one in publications if one.author).most_common(),
    }
    mail = EmailMultiAlternatives(
        subject=f"{site}: {len(publications)} published",
        body=render_to_string("email_digest/digest.txt", context),
    )
    mail.attach_alternative(render_to_string("email_digest/digest.html", context), "text/html")
    return mail


def hand_over(mail: EmailMultiAlternatives, recipients: Sequence[str]) -> None:
    """Give a mail to the mail server of the installation, which is the operator's (`EMAIL_URL`).

    Raises:
        AuthFailed: The server refuses the installation's sign-in.
        PluginError: It does not take the mail. Permanent where it refuses every recipient.
    """
    # A list of recipients must not be shown to each of them.
    mail.bcc = list(recipients)
    try:
        with get_connection() as connection:
            mail.connection = connection
            mail.send()
    except smtplib.SMTPAuthenticationError as error:
        raise AuthFailed(
            "The mail server refuses the sign-in of this installation: the operator should check EMAIL_URL."
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise PluginError(
            "The mail server refuses every recipient: correct the addresses under Recipients.", permanent=True
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise PluginError(
            f"The mail could not be handed to the mail server ({type(error).__name__}). It is tried again; where it "
            "stays so, the operator should check EMAIL_URL."
        ) from error
