"""Who works on which object, and what is known of it afterwards.

Several deliveries and the comparison of everything may want the same object at the same time, and each of them may
die in the middle. So an address is first marked as stale, then taken, worked on, and noted. Whoever changes the mark
meanwhile makes the note fail, and the work is done again with the site as it is then. So the last one who stores an
object has seen the site's last state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from .config import DeployerConfig
from .models import SiteObject

# As long as a hook may run, and a little more.
_WORK_SECONDS: Final = 330


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of an object.

    Args:
        row: As it was taken, with the new values.
        is_same: Whether nothing of the row has changed.
        has_changed: Whether visitors get something else now.
    """

    row: SiteObject
    is_same: bool = False
    has_changed: bool = False


class Ledger:
    """What is known of the objects of one place.

    Args:
        config: Of the tenant in scope.
    """

    def __init__(self, config: DeployerConfig) -> None:
        self._config = config
        self._worker = uuid4()

    @property
    def rows(self) -> QuerySet[SiteObject]:
        """All rows of the place."""
        return SiteObject.objects.filter(place=self._config.place)

    def mark(self, paths: Iterable[str]) -> None:
        """Note that the objects of some addresses may not be what they should."""
        revision = uuid4()
        SiteObject.objects.bulk_create(
            [
                SiteObject(
                    place=self._config.place,
                    path=path,
                    key=self._config.key_of(path),
                    is_stale=True,
                    revision=revision,
                )
                for path in dict.fromkeys(paths)
            ],
            update_conflicts=True,
            unique_fields=["tenant", "place", "path"],
            update_fields=["is_stale", "revision"],
        )

    def stale_paths(self) -> list[str]:
        """Return the marked addresses on which nobody works."""
        return list(self._free(self.rows).order_by("path").values_list("path", flat=True))

    def paths_of_record(self, record_id: UUID | str) -> list[str]:
        """Return every address at which a record's page has stood."""
        return list(self.rows.filter(record_id=record_id).values_list("path", flat=True))

    def take(self, paths: Sequence[str]) -> list[SiteObject]:
        """Take the objects of marked addresses that nobody works on; `is_sure` is as it was before."""
        with transaction.atomic():
            rows = list(self._free(self.rows.filter(path__in=paths)).select_for_update(skip_locked=True))
            SiteObject.objects.filter(pk__in=[row.pk for row in rows]).update(
                worker=self._worker,
                worked_on_until=timezone.now() + timedelta(seconds=_WORK_SECONDS),
                is_sure=False,
            )
        return rows

    def note(self, done: Sequence[Done], *, compared_in: str = "") -> list[str]:
        """Keep what became of objects; return the addresses that have to be done again."""
        with transaction.atomic():
            current = {
                row.pk: row.revision
                for row in SiteObject.objects.filter(
                    pk__in=[one.row.pk for one in done], worker=self._worker
                ).select_for_update()
            }
            kept = [one for one in done if current.get(one.row.pk) == one.row.revision]
            again = [one.row.path for one in done if current.get(one.row.pk) != one.row.revision]
            self._keep_as_they_were([one.row for one in kept if one.is_same], compared_in)
            self._keep([one for one in kept if not one.is_same], compared_in)
            self._give_back_unsure(again)
        return again

    def give_back(self, rows: Sequence[SiteObject]) -> None:
        """Let others work on objects that this worker could not bring up to date."""
        SiteObject.objects.filter(pk__in=[row.pk for row in rows], worker=self._worker).update(
            worker=None, worked_on_until=None
        )

    def _give_back_unsure(self, paths: Sequence[str]) -> None:
        if paths:
            self.rows.filter(path__in=paths).update(
                is_stale=True, is_sure=False, revision=uuid4(), worker=None, worked_on_until=None
            )

    def _keep_as_they_were(self, rows: Sequence[SiteObject], compared_in: str) -> None:
        if rows:
            compared = {"compared_in": compared_in} if compared_in else {}
            SiteObject.objects.filter(pk__in=[row.pk for row in rows]).update(
                is_stale=False, is_sure=True, worker=None, worked_on_until=None, **compared
            )

    def _keep(self, done: Sequence[Done], compared_in: str) -> None:
        for one in done:
            row = one.row
            row.is_stale, row.is_sure = False, True
            row.worker = row.worked_on_until = None
            row.compared_in = compared_in or row.compared_in
            row.is_to_invalidate |= one.has_changed and bool(self._config.distribution_id)
        # Every row is there, so this updates; it is much quicker than `bulk_update`.
        SiteObject.objects.bulk_create(
            [one.row for one in done],
            update_conflicts=True,
            unique_fields=["tenant", "place", "path"],
            update_fields=_NOTED,
        )

    def _free(self, rows: QuerySet[SiteObject]) -> QuerySet[SiteObject]:
        return rows.filter(
            Q(worked_on_until__isnull=True) | Q(worked_on_until__lt=timezone.now()), is_stale=True
        )


_NOTED: Final[Sequence[str]] = (
    "record_id",
    "key",
    "kind",
    "redirect_to",
    "sha256",
    "headers",
    "etag",
    "size_bytes",
    "stored_at",
    "is_sure",
    "is_stale",
    "worker",
    "worked_on_until",
    "is_to_invalidate",
    "compared_in",
)
