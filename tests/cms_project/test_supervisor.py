from __future__ import annotations

import functools
import io
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from cms_project.embedded import EmbeddedValkey
from cms_project.embedded.process import command_of, wait_until
from cms_project.environment import PROJECT
from cms_project.supervisor import programs
from cms_project.supervisor.children import Child, describe_exit, python_program
from cms_project.supervisor.code_watch import CodeWatch
from cms_project.supervisor.console import Console
from cms_project.supervisor.options import Options, main
from cms_project.supervisor.progress import PATIENCE_SECONDS, queue_canary
from cms_project.supervisor.servers import Server
from cms_project.supervisor.up import Supervisor, check_port, check_servers, check_variables
from cms_project.worker_progress import PROGRESS_KEY, ProgressNote, queue_key
from core.errors import Conflict, Unavailable

MakeChild = Callable[[str], Child]


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def make_child(log: io.StringIO, tmp_path: Path) -> Iterator[MakeChild]:
    children: list[Child] = []

    def make(code: str) -> Child:
        program = python_program("child", "-u", "-c", code, environment=dict(os.environ), folder=tmp_path)
        child = Child(program, Console(log, colour=False))
        children.append(child)
        return child

    yield make
    for child in children:
        child.kill()


def until(condition: Callable[[], object], child: Child) -> None:
    """Do what the supervisor does, until the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        child.read()
        child.check(time.monotonic())


def test_output_of_a_child_stands_in_the_log_with_its_name(make_child: MakeChild, log: io.StringIO) -> None:
    child = make_child("import sys; print('from stdout'); print('from stderr', file=sys.stderr); input()")
    child.start()

    until(lambda: "from stderr" in log.getvalue(), child)

    assert log.getvalue().splitlines()[:2] == ["child    │ from stdout", "child    │ from stderr"]


def test_control_characters_of_a_child_do_not_reach_the_terminal() -> None:
    stream = io.StringIO()

    Console(stream, colour=False).line("web", "\x1b[2Jred \x1b[31mtext\x07")

    assert stream.getvalue() == "web      │ red text\n"


def test_log_without_a_reader_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", closefd=False) as stream:
        console = Console(stream)

        console.say("one")
        console.say("two")

        # What the stream still holds would be written when it closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    os.close(writer)


def test_child_that_died_is_started_again_with_a_growing_pause(
    make_child: MakeChild, log: io.StringIO
) -> None:
    child = make_child("print('alive', flush=True); raise SystemExit(3)")
    child.start()

    until(lambda: log.getvalue().count("alive") == 3, child)

    ends = [line for line in log.getvalue().splitlines() if "ended" in line]
    assert ends[:2] == [
        "tenantry │ child ended (exit status 3), starts again in 0.5 s.",
        "tenantry │ child ended (exit status 3), starts again in 1 s.",
    ]


def test_child_that_was_killed_is_started_again(make_child: MakeChild, log: io.StringIO) -> None:
    child = make_child("import os, time; print('alive', os.getpid(), flush=True); time.sleep(600)")
    child.start()
    until(lambda: "alive" in log.getvalue(), child)
    assert child.process is not None
    first = child.process.pid

    os.kill(first, signal.SIGKILL)
    until(lambda: log.getvalue().count("alive") == 2, child)

    assert "ended (signal SIGKILL)" in log.getvalue()
    assert child.process.pid != first


def test_what_a_dead_child_started_ends_too(make_child: MakeChild, log: io.StringIO) -> None:
    child = make_child(
        "import subprocess, sys, os, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('grandchild', other.pid, flush=True)\n"
        "time.sleep(600)"
    )
    child.start()
    until(lambda: "grandchild" in log.getvalue(), child)
    grandchild = int(log.getvalue().split("grandchild ")[1].split()[0])
    assert command_of(grandchild)
    assert child.process is not None

    os.kill(child.process.pid, signal.SIGKILL)
    until(lambda: not command_of(grandchild), child)

    assert child.restart_at is not None


def test_child_may_finish_when_asked_to_stop(make_child: MakeChild, log: io.StringIO) -> None:
    child = make_child(
        "import signal, time\n"
        "def end(*_): print('finished', flush=True); raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(600)"
    )
    child.start()
    until(lambda: "ready" in log.getvalue(), child)

    child.ask_to_stop()
    assert child.process is not None
    child.process.wait(30)
    child.kill()

    assert "finished" in log.getvalue()


def test_endless_line_does_not_wait_for_its_end(make_child: MakeChild, log: io.StringIO) -> None:
    child = make_child("import time; print('x' * 100_000, end='', flush=True); time.sleep(600)")
    child.start()

    until(lambda: log.getvalue().count("x") > 60_000, child)


@pytest.mark.parametrize(
    ("code", "text"), [(0, "exit status 0"), (-9, "signal SIGKILL"), (-200, "signal 200")]
)
def test_end_of_a_process_in_words(code: int, text: str) -> None:
    assert describe_exit(code) == text


# ── what is refused before anything starts


def test_busy_port_is_reported_with_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(Conflict, match=rf"Port {port} is in use\. Take another one: make run PORT=\d+"):
            check_port(Options(port=port))


def test_free_port_is_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    check_port(Options(port=port))


def test_unknown_address_is_reported() -> None:
    with pytest.raises(Conflict, match=r"no-such-host\.invalid is no address"):
        check_port(Options(host="no-such-host.invalid"))


@pytest.mark.parametrize(
    ("given", "needed"), [("DATABASE_URL", "DATABASE_OWNER_URL"), ("DATABASE_OWNER_URL", "DATABASE_URL")]
)
def test_half_a_database_configuration_is_refused(given: str, needed: str) -> None:
    with pytest.raises(Conflict, match=f"{given} is set but {needed} is not"):
        check_variables({given: "postgres://a@b/c"})


@pytest.mark.parametrize("name", ["DATABASE_OWNER_URL", "REDIS_URL"])
def test_server_of_the_operator_that_does_not_answer_is_named(tmp_path: Path, name: str) -> None:
    addresses = {
        "DATABASE_OWNER_URL": f"postgres://a@/b?host={tmp_path}",
        "REDIS_URL": f"unix://{tmp_path}/none",
    }

    with pytest.raises(Unavailable, match=f"{name} leads to no "):
        check_servers({name: addresses[name]})


def test_address_that_is_none_is_named() -> None:
    with pytest.raises(Unavailable, match="REDIS_URL leads to no Redis or Valkey"):
        check_servers({"REDIS_URL": "localhost:6379"})


@pytest.mark.parametrize(
    "arguments", [["--port", "0"], ["--port", "70000"], ["--port", "http"], ["--workers", "-1"], ["extra"]]
)
def test_wrong_arguments_end_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "manage.py up: error:" in capsys.readouterr().err


# ── changed code


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "package" / "__pycache__").mkdir(parents=True)
    (folder / "package" / "module.py").write_text("a = 1\n")
    return folder


def test_changed_made_and_removed_files_are_noticed_when_they_are_quiet(source: Path) -> None:
    watch = CodeWatch([source, source.with_name("absent")])
    module, made = source / "package" / "module.py", source / "package" / "made.html"

    assert watch.changes() == []
    module.write_text("a = 22\n")
    made.write_text("new")
    assert watch.changes() == []
    assert watch.changes() == [made, module]
    assert watch.changes() == []

    made.unlink()
    assert watch.changes() == []
    assert watch.changes() == [made]


@pytest.mark.parametrize(
    "name", ["package/__pycache__/module.pyc", "package/__pycache__/x.py", "package/data.json"]
)
def test_files_that_are_no_source_are_not_noticed(source: Path, name: str) -> None:
    watch = CodeWatch([source])

    (source / name).write_text("new")

    assert [watch.changes(), watch.changes()] == [[], []]


# ── a worker that does nothing


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[tuple[redis.Redis, dict[str, str], str]]:
    prefix = f"test-{os.getpid()}-{request.node.name[:40]}"
    url = os.environ["REDIS_URL"]
    client = redis.Redis.from_url(url)
    yield client, {"REDIS_URL": url, "DATABASE_ROLE_PREFIX": prefix}, prefix
    client.delete(queue_key(prefix), PROGRESS_KEY.format(prefix=prefix))
    client.close()


Broker = tuple[redis.Redis, dict[str, str], str]


def test_worker_is_stuck_when_messages_wait_and_it_took_none(broker: Broker) -> None:
    client, environment, prefix = broker
    client.rpush(queue_key(prefix), "message")

    reason = queue_canary(environment)(PATIENCE_SECONDS + 10)

    assert reason == f"1 messages wait and it took none for {PATIENCE_SECONDS + 10:.0f} s"


def test_worker_with_an_empty_queue_is_not_stuck(broker: Broker) -> None:
    assert queue_canary(broker[1])(PATIENCE_SECONDS * 10) is None


def test_worker_that_just_took_a_message_is_not_stuck(broker: Broker) -> None:
    client, environment, prefix = broker
    client.rpush(queue_key(prefix), "message")

    ProgressNote(environment["REDIS_URL"], prefix).write()

    assert queue_canary(environment)(PATIENCE_SECONDS * 10) is None


def test_worker_that_just_started_is_not_stuck(broker: Broker) -> None:
    client, environment, prefix = broker
    client.rpush(queue_key(prefix), "message")

    assert queue_canary(environment)(1) is None


def test_worker_is_not_blamed_for_a_broker_that_is_away(tmp_path: Path) -> None:
    canary = queue_canary({"REDIS_URL": f"unix://{tmp_path}/none.sock"})

    assert canary(PATIENCE_SECONDS * 10) is None


def test_note_to_a_broker_that_is_away_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ProgressNote(f"unix://{tmp_path}/none.sock", "test").write()

    assert "The worker's progress could not be noted" in caplog.text


def test_interpreter_of_the_children_is_ours(tmp_path: Path) -> None:
    program = python_program("web", "-m", "granian", environment={}, folder=tmp_path)

    assert program.command == (sys.executable, "-m", "granian")


# ── servers


def test_server_that_died_is_started_again_at_the_same_address(log: io.StringIO) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-supervised-"))
    folder.chmod(0o755)
    supervised = Server("valkey", EmbeddedValkey(folder / "valkey"), Console(log, colour=False))
    supervised.start()
    address, pid = supervised.server.env(), supervised.server.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: supervised.server.pid is None, seconds=10)
    supervised.check(time.monotonic())

    assert supervised.server.pid not in (None, pid)
    assert supervised.server.env() == address
    assert "valkey is gone, starting it again." in log.getvalue()
    supervised.stop()
    assert supervised.server.pid is None
    shutil.rmtree(folder)


# ── the whole, with processes that only pretend


@pytest.fixture
def supervisor(log: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setenv("TENANTRY_VAR_DIR", str(tmp_path))
    supervisor = Supervisor(Options(), Console(log, colour=False))
    for name in ("web", "worker", "beat"):
        code = f"import time; print('{name} begins', flush=True); time.sleep(600)"
        program = python_program(name, "-c", code, environment=dict(os.environ), folder=tmp_path)
        supervisor.children.append(Child(program, supervisor.console))
    for child in supervisor.children:
        child.start()
        until(functools.partial(has, log, f"{child.name} begins"), child)
    yield supervisor
    for child in supervisor.children:
        child.kill()


def has(log: io.StringIO, text: str) -> bool:
    return text in log.getvalue()


def pids(supervisor: Supervisor) -> dict[str, int]:
    return {child.name: child.process.pid for child in supervisor.children if child.process is not None}


def test_changed_code_starts_all_processes_again(supervisor: Supervisor, log: io.StringIO) -> None:
    before = pids(supervisor)

    supervisor.reload([PROJECT / "core" / name for name in ("a.py", "b.py", "c.py", "d.py")])

    assert "tenantry │ core/a.py, core/b.py, core/c.py and 1 more changed: starting again." in log.getvalue()
    assert not set(before.values()) & set(pids(supervisor).values())
    assert [command_of(pid) for pid in before.values()] == ["", "", ""]


def test_changed_migration_prepares_the_database_first(
    supervisor: Supervisor, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare = python_program(
        "prepare", "-c", "print('migrated')", environment=dict(os.environ), folder=tmp_path
    )
    monkeypatch.setattr(programs, "prepare", lambda environment: prepare)

    supervisor.reload([PROJECT / "core" / "migrations" / "0009_more.py"])

    assert "prepare  │ migrated" in log.getvalue()


def test_migration_that_fails_leaves_the_processes_running(
    supervisor: Supervisor, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare = python_program(
        "prepare", "-c", "raise SystemExit(1)", environment=dict(os.environ), folder=tmp_path
    )
    monkeypatch.setattr(programs, "prepare", lambda environment: prepare)

    supervisor.reload([PROJECT / "core" / "migrations" / "0009_more.py"])

    assert "failed, see above." in log.getvalue()
    assert all(child.running for child in supervisor.children)


def test_worker_that_does_nothing_is_started_again(supervisor: Supervisor, log: io.StringIO) -> None:
    before = pids(supervisor)
    supervisor.canary = lambda uptime_seconds: "5 messages wait and it took none for 100 s"

    supervisor.check_progress(time.monotonic())

    assert (
        "worker does not work (5 messages wait and it took none for 100 s): starting it again."
        in log.getvalue()
    )
    after = pids(supervisor)
    assert {name for name in before if before[name] != after[name]} == {"worker"}


def test_processes_stop_in_the_order_in_which_work_flows(
    supervisor: Supervisor, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    stop = Child.ask_to_stop

    def note_and_stop(child: Child) -> None:
        stopped.append(child.name)
        stop(child)

    monkeypatch.setattr(Child, "ask_to_stop", note_and_stop)
    supervisor.signals = 1

    supervisor.stop()

    assert stopped == ["web", "beat", "worker"]
    assert log.getvalue().endswith("tenantry │ Stopped.\n")


def test_web_and_worker_do_not_know_the_owners_address() -> None:
    login, owner = "postgres://login@host/name", "postgres://owner@host/name"
    environment = {"DATABASE_OWNER_URL": owner, "DATABASE_URL": login, "TENANTRY_DB_ROLE": "owner"}

    for program in programs.processes(Options(), environment):
        assert dict(program.environment) == {"DATABASE_URL": login, "TENANTRY_ENV_FILE": "-"}
    assert programs.prepare(environment).environment["DATABASE_OWNER_URL"] == owner
