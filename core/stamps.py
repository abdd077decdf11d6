"""Caches that every process drops as soon as the row behind them changes.

Whoever changes such a row calls `announce_change` in the same transaction. PostgreSQL tells all processes after the
commit (NOTIFY), and each forgets that one entry. A process that cannot hear (no listener yet, connection lost,
transaction-pooling proxy without DATABASE_LISTEN_URL) caches nothing, so it is slower but never wrong.

    hosts = StampedCache("hosts", load_host, key_of=str)
    hosts.get("acme.example")
    announce_change("hosts", "acme.example")    # or no key: all of them
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from django.db import connection, transaction

_logger = logging.getLogger("tenantry.stamps")
_CHANNEL = "tenantry_stamps"
_EVERYTHING = "*"
_MISSING: Any = object()
_RECONNECT_SECONDS = 1.0
# A link that died in silence is noticed by then; until then a cached entry may be that old.
_HEARTBEAT_SECONDS = 5.0


class StampedCache[K: Hashable, V]:
    """A bounded cache in this process's memory whose entries fall out when `announce_change` names them.

    Args:
        name: Names the cache in announcements; one cache per name and process.
        load: Makes the value of a key; it may answer None, which is kept as well.
        key_of: Makes the key of the text that announcements name it by.
        max_entries: The least recently loaded entry makes room.
    """

    _all: ClassVar[weakref.WeakValueDictionary[str, StampedCache[Any, Any]]] = weakref.WeakValueDictionary()

    def __init__(
        self, name: str, load: Callable[[K], V], *, key_of: Callable[[str], K], max_entries: int = 10_000
    ) -> None:
        self.name = name
        self._load = load
        self._key_of = key_of
        self._max_entries = max_entries
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._generation = 0
        self._lock = threading.Lock()
        self._all[name] = self

    def get(self, key: K) -> V:
        """Return the value of `key`, loading it where it is not known or may have changed."""
        # The flag first: nearly always it is up, and a call takes as long as the rest.
        if _listener.hearing or _listener.is_hearing():
            value = self._entries.get(key, _MISSING)
            if value is not _MISSING:
                return value  # type: ignore[no-any-return]  # the sentinel is gone
        generation = self._generation
        loaded = self._load(key)
        if _listener.is_hearing():
            self._keep(key, loaded, generation)
        return loaded

    def _keep(self, key: K, value: V, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return  # it changed while it was being loaded
            self._entries[key] = value
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def drop(self, key: str = _EVERYTHING) -> None:
        """Forget one entry, named as in announcements, or all, in this process alone."""
        with self._lock:
            self._generation += 1
            if key == _EVERYTHING:
                self._entries.clear()
            else:
                self._entries.pop(self._key_of(key), None)


def announce_change(name: str, key: str = _EVERYTHING) -> None:
    """Have every process forget an entry of the cache `name` once the current transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [_CHANNEL, f"{name}\n{key}"])
    _drop(name, key)
    transaction.on_commit(lambda: _drop(name, key))


def drop_all() -> None:
    """Forget everything in this process."""
    for cache in list(StampedCache._all.values()):
        cache.drop()


def _drop(name: str, key: str) -> None:
    if (cache := StampedCache._all.get(name)) is not None:
        cache.drop(key)


def is_hearing() -> bool:
    """Say whether this process hears of changes, and so keeps anything at all."""
    return _listener.is_hearing()


class _Listener:
    """The thread that hears announcements; one per process, started at first need and again after a fork."""

    def __init__(self) -> None:
        self._started = False
        self.hearing = False
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        atexit.register(self._stopped.set)
        # Told, instead of asking for the process's number each time: that is a system call.
        os.register_at_fork(after_in_child=self._forget_parent)

    def is_hearing(self) -> bool:
        if not self._started:
            self._start()
        return self.hearing

    def _forget_parent(self) -> None:
        # A forked child has the flags, but neither the thread nor the connection.
        self._started = self.hearing = False
        self._lock = threading.Lock()

    def _start(self) -> None:
        with self._lock:
            if self._started:
                return
            self._started = True
            drop_all()
            if _address() is not None:
                threading.Thread(target=self._listen_for_ever, name="stamps", daemon=True).start()

    def _listen_for_ever(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                if not self._stopped.is_set():
                    _logger.warning("changes are not heard, nothing is cached until they are: %s", error)
            finally:
                self.hearing = False
            self._stopped.wait(_RECONNECT_SECONDS)

    def _listen(self) -> None:
        address = _address()
        with psycopg.connect(**address, autocommit=True) as listening:  # type: ignore[arg-type]  # keywords of libpq
            listening.execute(f"LISTEN {_CHANNEL}")
            # What changed before LISTEN took hold was not heard.
            drop_all()
            self.hearing = True
            while not self._stopped.is_set():
                for notice in listening.notifies(timeout=_HEARTBEAT_SECONDS):
                    name, _, key = notice.payload.partition("\n")
                    _drop(name, key)
                listening.execute("SELECT 1")


def _address() -> dict[str, Any] | None:
    """Return libpq's keywords for the listening connection; None where nothing can be heard."""
    database = settings.DATABASES["default"]
    if url := settings.DATABASE_LISTEN_URL:
        return {"conninfo": url}
    if database["OPTIONS"].get("scope_mode") == "transaction":
        return None
    wanted = {
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "host": database["HOST"] or database["OPTIONS"].get("host"),
        "port": database["PORT"],
        "application_name": "tenantry stamps",
    }
    return {key: value for key, value in wanted.items() if value}


_listener = _Listener()
