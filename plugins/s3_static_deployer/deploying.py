"""Bringing the bucket into the state of the site."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.utils import timezone

from plugin_host import content
from plugin_host.errors import NotFound

from .bucket import Bucket, StoredFile, redirect_file
from .config import DeployerConfig
from .ledger import Done, Ledger
from .models import SiteObject

# How often an object is done again because the site changed meanwhile; then it is left to the next run.
_ROUNDS: Final = 4
_AT_ONCE: Final = 100
# From here on a site map may have parts, so all addresses are asked for.
_LARGE_SITE: Final = 40_000


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was done."""

    stored: int = 0
    redirected: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def all(self) -> int:
        """How many objects were looked at."""
        return self.stored + self.redirected + self.removed + self.unchanged

    def as_data(self) -> dict[str, int]:
        """Return the figures as JSON."""
        return {
            "stored": self.stored,
            "redirected": self.redirected,
            "removed": self.removed,
            "unchanged": self.unchanged,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to stand at an address; without a file, nothing."""

    file: StoredFile | None = None
    record_id: UUID | None = None


@dataclass(slots=True, kw_only=True)
class Batch:
    """Objects on which work has begun."""

    rows: Sequence[SiteObject]
    done: list[Done] = field(default_factory=list)
    storing: list[tuple[SiteObject, Future[str]]] = field(default_factory=list)
    removing: list[SiteObject] = field(default_factory=list)
    # Objects under keys that are not used any more.
    left_over: list[str] = field(default_factory=list)


class Deployment:
    """One piece of work on a tenant's bucket.

    Args:
        is_careful: Look at each object before it counts as unchanged.
        listed: Key -> ETag of everything in the bucket, where that is known.
    """

    def __init__(
        self,
        config: DeployerConfig,
        bucket: Bucket,
        *,
        is_careful: bool = False,
        listed: Mapping[str, str] | None = None,
    ) -> None:
        self.ledger = Ledger(config)
        self.tally = Tally()
        self._config = config
        self._bucket = bucket
        self._is_careful = is_careful
        self._listed = listed
        # Where the record that has changed is now, as far as its event says.
        self._path_of_event = ""

    def renew_record(self, record_id: str, *, path: str, collection: str) -> None:
        """Bring everything up to date that follows from a change of a record.

        Args:
            path: Where its page stands or stood; empty where it has none.
        """
        own = {*self.ledger.paths_of_record(record_id), *filter(None, [path])}
        if not own:
            return
        self._path_of_event = path
        # All are marked first: what this run does not come to is left to the next one.
        self.ledger.mark([*own, *self._paths_that_follow(collection)])
        self.work(sorted(own), record_id=record_id)
        self.catch_up()

    def catch_up(self) -> None:
        """Bring everything up to date that is marked as stale."""
        stale = self.ledger.stale_paths()
        for start in range(0, len(stale), _AT_ONCE):
            self.work(stale[start : start + _AT_ONCE])

    def work(self, paths: Sequence[str], *, record_id: str | None = None) -> None:
        """Bring marked objects up to date; those on which somebody else works are left to them."""
        with self._uploads() as pool:
            for _ in range(_ROUNDS):
                rows = self.ledger.take(paths)
                if not rows:
                    return
                paths = self._finish(self._begin(rows, pool, record_id=record_id))

    def deploy_all(self, *, run: str, report: Callable[[int, int], None]) -> None:
        """Compare every object with the site, and put right what differs.

        Args:
            run: Names this comparison, the same in each of its attempts: what an earlier one has compared is left out.
            report: Gets how many are done, and of how many.
        """
        site = content.site_paths()
        known = self.ledger.rows.exclude(kind=SiteObject.NOTHING, is_sure=True, is_stale=False)
        compared = set(
            self.ledger.rows.filter(compared_in=run, is_stale=False).values_list("path", flat=True)
        )
        on_site = set(site)
        gone = [path for path in known.values_list("path", flat=True) if path not in on_site]
        total = len(on_site) + len(gone)
        # Pages first, then the lists and feeds that name them. What has gone comes last: it may lead to a page.
        for paths in ([*reversed(site)], gone):
            todo = [path for path in paths if path not in compared]
            before = total - len(todo) if paths is gone else len(on_site) - len(todo)
            for done in self._compare(todo, run):
                report(before + done, total)
        self.catch_up()
        report(total, total)

    def _compare(self, todo: Sequence[str], run: str) -> Iterator[int]:
        """Bring objects up to date; yield how many are done, from time to time."""
        begun: Batch | None = None
        with self._uploads() as pool:
            for start in range(0, len(todo), _AT_ONCE):
                yield start
                paths = todo[start : start + _AT_ONCE]
                self.ledger.mark(paths)
                previous, begun = begun, None
                try:
                    # Rendered while the ones before are on their way.
                    begun = self._begin(self.ledger.take(paths), pool)
                finally:
                    if previous is not None:
                        self._finish(previous, compared_in=run)
            if begun is not None:
                self._finish(begun, compared_in=run)

    def _paths_that_follow(self, collection: str) -> list[str]:
        """Return the addresses of lists, feed and site maps that name a record of a collection."""
        ledger = self.ledger
        paths = ["/", f"/{collection}", "/feed.xml", "/sitemap.xml"]
        if not ledger.rows.filter(path="/theme.css").exists():
            # The first deployment: what every page needs besides.
            paths += [path for path in content.site_paths() if _is_no_page(path)]
        elif ledger.rows.count() > _LARGE_SITE:
            paths += [path for path in content.site_paths() if path.startswith("/sitemap-")]
        return paths

    @contextmanager
    def _uploads(self) -> Iterator[ThreadPoolExecutor]:
        pool = ThreadPoolExecutor(self._config.parallel_uploads, thread_name_prefix="s3-upload")
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(
        self, rows: Sequence[SiteObject], pool: ThreadPoolExecutor, *, record_id: str | None = None
    ) -> Batch:
        batch = Batch(rows=rows)
        try:
            files = {row.path: None for row in rows} | {
                file.path: file for file in content.site_files([row.path for row in rows])
            }
            for row in rows:
                if record_id is not None and row.record_id is None:
                    row.record_id = UUID(record_id)
                self._begin_one(row, self._wanted(row, files), batch, pool)
        except BaseException:
            for _, storing in batch.storing:
                storing.cancel()
            self._finish(batch)
            raise
        return batch

    def _begin_one(self, row: SiteObject, wanted: Wanted, batch: Batch, pool: ThreadPoolExecutor) -> None:
        file = wanted.file
        if file is None:
            if self._may_remove(row):
                batch.removing.append(row)
            else:
                batch.done.append(self._nothing(row, has_changed=False))
            return
        checksum, headers = file.sha256, self._headers_of(file)
        kind = SiteObject.REDIRECT if file.redirect_to else SiteObject.FILE
        is_same = (
            row.is_sure
            and (row.kind, row.key, row.sha256, row.headers, row.record_id)
            == (kind, file.key, checksum, headers, wanted.record_id)
            and self._stands(row)
        )
        if is_same:
            self.tally.unchanged += 1
            batch.done.append(Done(row=row, is_same=True))
            return
        if row.kind and row.key != file.key:
            batch.left_over.append(row.key)
        row.kind, row.key, row.sha256, row.headers = kind, file.key, checksum, headers
        row.record_id, row.redirect_to, row.size_bytes = wanted.record_id, file.redirect_to, len(file.body)
        batch.storing.append((row, pool.submit(self._bucket.store, file, checksum)))

    def _finish(self, batch: Batch, *, compared_in: str = "") -> list[str]:
        """Wait for what is on its way, keep what became of it, and return what has to be done again."""
        failure: BaseException | None = None
        for row, storing in batch.storing:
            try:
                if failure is not None:
                    storing.cancel()  # those that have begun end by themselves
                if not storing.cancelled():
                    row.etag, row.stored_at = storing.result(), timezone.now()
                    batch.done.append(Done(row=row, has_changed=True))
                    if row.kind == SiteObject.REDIRECT:
                        self.tally.redirected += 1
                    else:
                        self.tally.stored += 1
            except Exception as error:  # noqa: BLE001 - raised below, when the others are noted
                failure = failure or error
        if failure is None:
            failure = self._remove(batch)
        again = self.ledger.note(batch.done, compared_in=compared_in)
        noted = {one.row.pk for one in batch.done}
        self.ledger.give_back([row for row in batch.rows if row.pk not in noted])
        if failure is not None:
            raise failure
        return again

    def _remove(self, batch: Batch) -> Exception | None:
        keys = [*(row.key for row in batch.removing), *batch.left_over]
        if not keys:
            return None
        try:
            self._bucket.remove(keys)
        except Exception as error:  # noqa: BLE001 - returned, and raised when the others are noted
            return error
        batch.done += [self._nothing(row, has_changed=True) for row in batch.removing]
        self.tally.removed += len(batch.removing)
        return None

    def _nothing(self, row: SiteObject, *, has_changed: bool) -> Done:
        row.kind, row.redirect_to, row.sha256, row.headers = SiteObject.NOTHING, "", "", ""
        row.etag, row.size_bytes, row.stored_at = "", 0, None
        return Done(row=row, has_changed=has_changed)

    def _wanted(self, row: SiteObject, files: dict[str, content.SiteFile | None]) -> Wanted:
        file = _file(row.path, files)
        cache_control = self._config.cache_control_of(row.path)
        key = self._config.key_of(row.path)
        if file is not None:
            stored = StoredFile(
                key=key, body=file.body, content_type=file.content_type, cache_control=cache_control
            )
            return Wanted(file=stored, record_id=file.record_id)
        if row.record_id is not None and (target := self._page_of(row, files)):
            redirect = redirect_file(key, self._config.location_of(target), cache_control=cache_control)
            return Wanted(file=redirect, record_id=row.record_id)
        return Wanted(record_id=row.record_id)

    def _page_of(self, row: SiteObject, files: dict[str, content.SiteFile | None]) -> str | None:
        """Return where the page now is that stood at an address."""
        assert row.record_id is not None  # asked for moved pages only
        for path in filter(None, [self._path_of_event, *self.ledger.paths_of_record(row.record_id)]):
            file = _file(path, files)
            if file is not None and file.record_id == row.record_id:
                return path
        return None

    def _stands(self, row: SiteObject) -> bool:
        """Say whether the bucket has the object that is noted, as far as it is to be looked at."""
        if self._listed is not None:
            return self._listed.get(row.key) == row.etag
        return not self._is_careful or self._bucket.etag_of_own(row.key) == row.etag

    def _may_remove(self, row: SiteObject) -> bool:
        """Say whether there is an object of this plugin; what somebody else put there stays."""
        if row.kind == SiteObject.NOTHING and row.is_sure:
            return False
        if self._listed is not None and row.key not in self._listed:
            return False
        return self._bucket.etag_of_own(row.key) is not None

    def _headers_of(self, file: StoredFile) -> str:
        config = self._config
        values = [
            file.content_type,
            file.cache_control,
            file.redirect_to,
            config.acl,
            config.storage_class,
            config.encryption,
        ]
        return sha256(json.dumps(values).encode()).hexdigest()


def _file(path: str, files: dict[str, content.SiteFile | None]) -> content.SiteFile | None:
    if path not in files:
        try:
            files[path] = content.site_file(path)
        except NotFound:
            files[path] = None
    return files[path]


def _is_no_page(path: str) -> bool:
    """Say whether an address is one of the site itself, not of a record."""
    return path.count("/") == 1 or "." in path
