"""Caches that every process drops at once; the other process is a real one."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psycopg
import pytest
from django.db import connection, transaction

from core import stamps
from core.stamps import StampedCache, announce_change


def wait_until_hearing() -> None:
    deadline = time.monotonic() + 20
    while not stamps._listener.is_hearing():
        assert time.monotonic() < deadline, "the listener never connected"


def counting(name: str) -> tuple[StampedCache[str, str], list[str]]:
    loaded: list[str] = []

    def load(key: str) -> str:
        loaded.append(key)
        return f"{key}-{len(loaded)}"

    return StampedCache(name, load, key_of=str), loaded


def test_value_is_loaded_once() -> None:
    wait_until_hearing()
    cache, loaded = counting("test_once")
    assert [cache.get("a"), cache.get("a"), cache.get("b")] == ["a-1", "a-1", "b-2"]
    assert loaded == ["a", "b"]


def test_announced_key_is_loaded_again_and_no_other() -> None:
    wait_until_hearing()
    cache, loaded = counting("test_announced")
    cache.get("a"), cache.get("b")
    announce_change("test_announced", "a")
    cache.get("a"), cache.get("b")
    assert loaded == ["a", "b", "a"]


def test_change_counts_once_more_after_the_commit() -> None:
    """Another thread may have loaded the old row between the announcement and the commit."""
    wait_until_hearing()
    cache, loaded = counting("test_commit")
    with transaction.atomic():
        announce_change("test_commit", "a")
        cache.get("a")
    cache.get("a")
    assert loaded == ["a", "a"]


def test_another_process_is_heard() -> None:
    wait_until_hearing()
    cache, loaded = counting("test_process")
    cache.get("a")
    script = (
        "import django; django.setup(); from core.stamps import announce_change; "
        "announce_change('test_process', 'a')"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ.copy())
    deadline = time.monotonic() + 20
    while len(loaded) == 1:
        cache.get("a")
        assert time.monotonic() < deadline, "the announcement never came"
    assert loaded == ["a", "a"]


def test_nothing_is_cached_while_nothing_can_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, loaded = counting("test_deaf")
    monkeypatch.setattr(stamps._listener, "hearing", False)
    monkeypatch.setattr(stamps._listener, "is_hearing", lambda: False)
    cache.get("a"), cache.get("a")
    assert loaded == ["a", "a"]


def test_lost_listener_drops_everything_and_comes_back() -> None:
    wait_until_hearing()
    cache, loaded = counting("test_lost")
    cache.get("a")
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tenantry stamps' "
            "AND datname = %s",
            [connection.settings_dict["NAME"]],
        )
    deadline = time.monotonic() + 20
    while len(loaded) == 1:
        cache.get("a")
        assert time.monotonic() < deadline, (
            "an entry outlived the connection that would have heard of its change"
        )
    wait_until_hearing()


def test_forked_process_hears_for_itself() -> None:
    """It has its parent's entries, but not the thread that would hear of their changes."""
    script = """
import os, time
import django
django.setup()
from core import stamps
from core.stamps import StampedCache
cache = StampedCache("test_fork", lambda key: os.getpid(), key_of=str)
def wait():
    deadline = time.monotonic() + 20
    while not stamps.is_hearing():
        assert time.monotonic() < deadline, "the listener never connected"
wait()
assert cache.get("a") == os.getpid()
child = os.fork()
if not child:
    seen_deaf = stamps.is_hearing()
    first = cache.get("a")
    wait()
    kept = cache.get("a") == cache.get("a") == os.getpid()
    os._exit(0 if not seen_deaf and first == os.getpid() and kept else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, env=os.environ.copy())
