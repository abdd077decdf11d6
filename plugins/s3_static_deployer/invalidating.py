"""Telling CloudFront what has changed: many changes are one invalidation, and each is sent once.

Source: the CloudFront API reference, CreateInvalidation: an invalidation that is sent again with the same
`CallerReference` and the same paths is the same invalidation. "Invalidate files to remove content", CloudFront
Developer Guide: 3,000 paths may be on their way at once, 15 with a wildcard, and a wildcard counts as one path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from plugin_host.errors import PluginError

from .answers import as_trouble, not_understood
from .config import DeployerConfig
from .models import Invalidation, SiteObject

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

EVERYTHING: Final = "/*"
_KEPT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What CloudFront was told."""

    invalidations: int = 0
    paths: int = 0


def send_invalidations(client: CloudFrontClient, config: DeployerConfig) -> Sent:
    """Send what was begun before and failed, then all that has changed since.

    Raises:
        PluginError: as `answers.as_trouble` says; what was not sent is sent the next time.
    """
    sent = paths = 0
    while (invalidation := _unsent(config) or _gathered(config)) is not None:
        _send(client, invalidation)
        sent, paths = sent + 1, paths + len(invalidation.paths)
    if sent:
        old = Invalidation.objects.order_by("-created_at").values_list("pk", flat=True)[_KEPT:]
        Invalidation.objects.filter(pk__in=list(old)).delete()
    return Sent(invalidations=sent, paths=paths)


def _unsent(config: DeployerConfig) -> Invalidation | None:
    waiting = Invalidation.objects.filter(sent_at__isnull=True)
    waiting.exclude(distribution_id=config.distribution_id).delete()
    return waiting.order_by("created_at").first()


def _gathered(config: DeployerConfig) -> Invalidation | None:
    """Make one invalidation of everything that has changed; from then on it is sent until CloudFront has it."""
    with transaction.atomic():
        rows = list(
            SiteObject.objects.filter(place=config.place, is_to_invalidate=True)
            .select_for_update()
            .only("pk", "path")
            .order_by("path")
        )
        if not rows:
            return None
        paths = [quote(one, safe="/*~!'()") for row in rows for one in config.visited_paths(row.path)]
        if len(paths) > config.invalidation_max_paths:
            paths = [EVERYTHING]
        SiteObject.objects.filter(pk__in=[row.pk for row in rows]).update(is_to_invalidate=False)
        return Invalidation.objects.create(
            distribution_id=config.distribution_id, caller_reference=f"tenantry-{uuid4()}", paths=paths
        )


def _send(client: CloudFrontClient, invalidation: Invalidation) -> None:
    doing = f"invalidating {len(invalidation.paths)} addresses"
    try:
        with as_trouble("CloudFront", doing):
            answer = client.create_invalidation(
                DistributionId=invalidation.distribution_id,
                InvalidationBatch={
                    "CallerReference": invalidation.caller_reference,
                    "Paths": {"Quantity": len(invalidation.paths), "Items": invalidation.paths},
                },
            )
        number = answer.get("Invalidation", {}).get("Id", "")
        if not number:
            raise not_understood("CloudFront", doing, "there is no id in it")
    except PluginError as error:
        invalidation.problem = error.message[:1000]
        invalidation.save(update_fields=["problem"])
        raise
    invalidation.cloudfront_id, invalidation.sent_at, invalidation.problem = number, timezone.now(), ""
    invalidation.save(update_fields=["cloudfront_id", "sent_at", "problem"])
