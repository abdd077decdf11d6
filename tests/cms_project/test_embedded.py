from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import environ
import kombu
import psycopg
import pytest
import redis

from cms_project.embedded import EmbeddedPostgres, EmbeddedValkey, process
from cms_project.embedded.process import LockHeld
from cms_project.embedded.urls import celery_broker_url, postgres_url
from core.errors import Unavailable

PROJECT = Path(__file__).resolve().parents[2]
ORPHAN_MAKER = """
import sys, time
from pathlib import Path
from cms_project.embedded import EmbeddedPostgres, EmbeddedValkey
servers = EmbeddedPostgres(Path(sys.argv[1], "postgres"), fsync=False), EmbeddedValkey(Path(sys.argv[1], "valkey"))
for server in servers:
    server.start()
print(*(server.pid for server in servers), flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' user can reach; pytest's own is private."""
    path = Path(tempfile.mkdtemp(prefix="tenantry-embedded-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_postgres_answers_the_owner_with_our_settings(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres") as server:
        owner = server.env()["DATABASE_OWNER_URL"]

        assert value(owner, "SELECT current_user") == "tenantry_owner"
        assert value(owner, "SELECT current_database()") == "tenantry"
        assert value(owner, "SHOW data_checksums") == "on"
        assert value(owner, "SHOW fsync") == "on"
        assert value(owner, "SHOW listen_addresses") == ""
        assert value(owner, "SELECT datlocprovider FROM pg_database WHERE datname = 'tenantry'") == "b"
        assert (
            value(owner, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            is False
        )
        assert value(owner, "SELECT 'Ä' < 'a'") is False


def test_postgres_keeps_its_data_over_a_second_start(folder: Path) -> None:
    with (
        EmbeddedPostgres(folder / "postgres") as server,
        psycopg.connect(server.env()["DATABASE_OWNER_URL"]) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()

    with EmbeddedPostgres(folder / "postgres") as server:
        assert value(server.env()["DATABASE_OWNER_URL"], "SELECT number FROM kept") == 7


def test_postgres_recovers_from_a_kill_at_the_same_address(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres") as server:
        owner = server.env()["DATABASE_OWNER_URL"]
        with psycopg.connect(owner) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        # A session that is open holds on to the dead server's shared memory for a moment.
        session = psycopg.connect(owner, autocommit=True)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert process.wait_until(lambda: server.pid is None, seconds=10)

        server.start()
        session.close()

        assert value(owner, "SELECT number FROM kept") == 7


def test_postgres_lets_only_its_user_to_the_socket(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres") as server:
        assert server.socket_dir is not None
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700


def test_data_in_use_is_refused_and_the_first_server_goes_on(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres", fsync=False) as server:
        with pytest.raises(LockHeld, match=f"is in use by process {os.getpid()}: stop that one first"):
            EmbeddedPostgres(folder / "postgres").start()

        assert value(server.admin_dsn, "SELECT 1") == 1


def test_servers_end_with_a_killed_parent_or_at_the_next_start(folder: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER, str(folder)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2

    parent.kill()
    parent.wait()
    parent.stdout.close()

    with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedValkey(folder / "valkey") as valkey:
        assert value(postgres.admin_dsn, "SELECT 1") == 1
        assert redis.Redis.from_url(valkey.url()).ping() is True
        assert not {postgres.pid, valkey.pid} & set(pids)
        assert [process.command_of(pid) for pid in pids] == ["", ""]


def test_lock_file_with_the_number_of_another_program_is_no_obstacle(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", fsync=False)
    server.start()
    server.stop()
    account = process.server_account(server.data_dir)
    with (folder / "other.log").open("wb") as log:
        other = process.spawn(["/bin/sleep", "600"], account, log=log, death_signal=signal.SIGKILL)
    lock_file = server.data_dir / "postmaster.pid"
    lock_file.write_text(f"{other.pid}\n{server.data_dir}\n0\n5432\n\n\n\nready\n")
    os.chown(lock_file, account.uid, account.gid)
    lock_file.chmod(0o600)

    with server:
        assert value(server.admin_dsn, "SELECT 1") == 1

    assert other.poll() is None
    other.kill()
    other.wait()


def test_too_long_a_path_moves_the_sockets_only(folder: Path) -> None:
    deep = folder / ("x" * 100)

    with (
        EmbeddedPostgres(deep / "postgres", fsync=False) as postgres,
        EmbeddedValkey(deep / "valkey") as valkey,
    ):
        assert postgres.data_dir == deep / "postgres"
        assert postgres.socket_dir is not None
        socket_dirs = [postgres.socket_dir, valkey.socket_path.parent]
        assert all(len(str(each)) < 60 and stat.S_IMODE(each.stat().st_mode) == 0o700 for each in socket_dirs)
        assert value(postgres.admin_dsn, "SELECT 1") == 1
        assert redis.Redis.from_url(valkey.url()).ping() is True

    assert [each.exists() for each in socket_dirs] == [False, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_private_home_of_root_stays_closed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)

    with (
        caplog.at_level(logging.WARNING),
        EmbeddedPostgres(home / "var" / "postgres", fsync=False) as postgres,
        EmbeddedValkey(home / "var" / "valkey") as valkey,
    ):
        assert postgres.data_dir.is_relative_to("/var/tmp")
        assert valkey.data_dir.parent == postgres.data_dir.parent
        assert f"their files lie in {postgres.data_dir.parent}" in caplog.text
        assert value(postgres.admin_dsn, "SELECT 1") == 1
        assert redis.Redis.from_url(valkey.url()).ping() is True

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    shutil.rmtree(postgres.data_dir.parent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_foreign_folder_at_the_fallback_place_is_refused(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    data = home / "postgres"
    with EmbeddedPostgres(data, fsync=False) as postgres:
        fallback = postgres.data_dir.parent
    os.chown(fallback, 65_534, 65_534)

    with pytest.raises(Unavailable, match="belongs to somebody else"):
        EmbeddedPostgres(data).start()

    shutil.rmtree(fallback)


def test_programs_are_copied_where_the_servers_user_cannot_reach_them(folder: Path) -> None:
    source = folder / "private"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "tool").write_text("#!/bin/sh\n")
    (source / "bin" / "tool").chmod(0o700)
    source.chmod(0o700)
    stranger = process.Account(uid=os.geteuid() + 4_321, gid=os.getegid() + 4_321, name="stranger")

    root = process.reachable_programs(source, ["bin"], folder, stranger, "tool-1")

    assert root == folder / "programs" / "tool-1"
    assert stat.S_IMODE((root / "bin" / "tool").stat().st_mode) == 0o755
    assert stranger.may_enter(root / "bin")
    assert stat.S_IMODE(source.stat().st_mode) == 0o700


def test_foreign_files_in_the_data_folder_are_reported_and_kept(folder: Path) -> None:
    data = folder / "postgres"
    data.mkdir()
    (data / "letter.txt").write_text("mine")

    with pytest.raises(Unavailable, match=r"initdb failed[\s\S]*exists but is not empty"):
        EmbeddedPostgres(data).start()

    assert (data / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("server", "variable"), [(EmbeddedPostgres, "DATABASE_URL"), (EmbeddedValkey, "REDIS_URL")]
)
def test_missing_wheel_names_the_variable_to_set(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: type[EmbeddedPostgres | EmbeddedValkey],
    variable: str,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(Unavailable, match=f"is not installed .* set {variable}"):
        server(folder / "data").start()


def test_valkey_keeps_writes_over_a_kill(folder: Path) -> None:
    with EmbeddedValkey(folder / "valkey") as server:
        client = redis.Redis.from_url(server.url())
        client.rpush("queue", *range(1_000))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert process.wait_until(lambda: server.pid is None, seconds=10)

        server.start()

        assert client.llen("queue") == 1_000
        client.close()


def test_valkey_evicts_nothing_and_listens_on_its_socket_only(folder: Path) -> None:
    with EmbeddedValkey(folder / "valkey") as server:
        client = redis.Redis.from_url(server.url(), decode_responses=True)
        settings = client.config_get("maxmemory-policy", "port", "appendonly", "appendfsync")
        client.close()

        assert settings == {
            "maxmemory-policy": "noeviction",
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700


def test_address_of_a_stopped_server_is_an_error(folder: Path) -> None:
    with pytest.raises(Unavailable, match="has not been started"):
        EmbeddedPostgres(folder / "postgres").database_urls()


@pytest.mark.parametrize("socket_dir", ["/tmp/run", "/tmp/with a blank & more"])
def test_postgres_url_is_read_alike_by_libpq_and_django(socket_dir: str) -> None:
    url = postgres_url(Path(socket_dir), user="a_owner", name="b")

    parsed = psycopg.conninfo.conninfo_to_dict(url)
    assert (parsed["host"], parsed["user"], parsed["dbname"]) == (socket_dir, "a_owner", "b")
    django = environ.Env.db_url_config(url)
    assert (django["OPTIONS"]["host"], django["USER"], django["NAME"]) == (socket_dir, "a_owner", "b")


def test_redis_url_leads_redis_and_celery_to_the_same_database(folder: Path) -> None:
    with EmbeddedValkey(folder / "with a blank" / "valkey") as server:
        url = server.url(db=3)
        with kombu.Connection(celery_broker_url(url)) as broker, broker.SimpleQueue("bell") as queue:
            queue.put({"rings": True})

        client = redis.Redis.from_url(url)
        assert client.llen("bell") == 1
        client.close()


@pytest.mark.parametrize("url", ["redis://localhost:6379/2", "rediss://user:word@cache.example.org/0"])
def test_other_redis_urls_reach_celery_unchanged(url: str) -> None:
    assert celery_broker_url(url) == url
