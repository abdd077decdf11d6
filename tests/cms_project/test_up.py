"""`manage.py up` as a stranger meets it: a real start, real faults, a real end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cms_project.embedded.process import command_of, wait_until
from cms_project.environment import PROJECT, read_variables

START_SECONDS = 120

# One start serves all of them.


class Up:
    """One `manage.py up` over a folder of its own, its log in a file."""

    def __init__(self, folder: Path, port: int, *options: str, **variables: str) -> None:
        self.log_path = folder / f"up-{port}-{len(list(folder.glob('up-*')))}.log"
        bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        environment = {
            **bare,
            "TENANTRY_ENV_FILE": "-",
            "TENANTRY_VAR_DIR": str(folder / "var"),
            **variables,
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "manage.py",
                    "up",
                    "--port",
                    str(port),
                    "--no-demo",
                    "--no-reload",
                    *options,
                ],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def wait_for(self, text: str, count: int = 1) -> None:
        def ready() -> bool:
            assert self.process.poll() is None or text in self.log, self.log
            return self.log.count(text) >= count

        assert wait_until(ready, seconds=START_SECONDS), self.log

    def end(self) -> int:
        return self.process.wait(START_SECONDS)

    def children(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def status(port: int) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/livez", headers={"Host": "localhost"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            code: int = answer.status
    except urllib.error.HTTPError as error:
        with error:
            code = error.code
    return code


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tenantry-up-"))
    # Under root the servers run as another user, who has to get in.
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(folder: Path, port: int) -> Iterator[Up]:
    up = Up(folder, port)
    try:
        up.wait_for("Tenantry runs")
        # The worker is up as well.
        up.wait_for("ready.")
        yield up
    finally:
        up.process.terminate()
        up.end()


def test_web_server_answers(running: Up, port: int) -> None:
    assert status(port) < 500


def test_addresses_are_printed(running: Up, port: int) -> None:
    assert f"http://localhost:{port}/admin/" in running.log


def test_secrets_are_kept_for_commands_beside_it(running: Up, folder: Path) -> None:
    path = folder / "var" / "dev.env"

    assert {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "MASTER_KEYS"} <= read_variables(
        path
    ).keys()
    assert path.stat().st_mode & 0o777 == 0o600


def test_command_beside_it_finds_the_servers(running: Up, folder: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "TENANTRY_ENV_FILE": "-",
        "TENANTRY_VAR_DIR": str(folder / "var"),
    }

    outcome = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--check"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert outcome.returncode == 0, outcome.stderr


def test_second_run_from_the_same_folder_is_refused(running: Up, folder: Path) -> None:
    second = Up(folder, free_port())

    assert second.end() == 1
    assert second.log == (
        f"Tenantry already runs from {folder / 'var'} (process {running.process.pid}): "
        "use that one, or stop it first.\n"
    )


def test_busy_port_is_reported_before_anything_starts(running: Up, folder: Path, port: int) -> None:
    other = Up(folder, port, TENANTRY_VAR_DIR=str(folder / "other"))

    assert other.end() == 1
    assert re.fullmatch(rf"Port {port} is in use\. Take another one: make run PORT=\d+\n", other.log)
    assert not (folder / "other" / "postgres").exists()


def test_half_a_configuration_starts_nothing(folder: Path) -> None:
    other = Up(
        folder,
        free_port(),
        TENANTRY_VAR_DIR=str(folder / "other"),
        DATABASE_URL="postgres://a@127.0.0.1:1/b",
    )

    assert other.end() == 1
    assert other.log.startswith("DATABASE_URL is set but DATABASE_OWNER_URL is not.")
    assert not (folder / "other" / "valkey").exists()


def test_killed_processes_come_back(running: Up, port: int) -> None:
    commands = {
        name: pid for pid in running.children() for name in ("granian", "celery") if name in command_of(pid)
    }
    assert commands.keys() == {"granian", "celery"}

    for pid in commands.values():
        os.kill(pid, signal.SIGKILL)

    running.wait_for("web ended (signal SIGKILL), starts again in 0.5 s.")
    assert wait_until(lambda: _answers(port), seconds=START_SECONDS), running.log


def test_killed_database_comes_back_under_the_running_processes(running: Up, port: int) -> None:
    postgres = next(pid for pid in running.children() if "bin/postgres" in command_of(pid))

    os.kill(postgres, signal.SIGKILL)

    running.wait_for("postgres is gone, starting it again.")
    running.wait_for("postgres is ready", count=2)
    assert wait_until(lambda: _answers(port), seconds=START_SECONDS), running.log


def test_interrupt_stops_everything_and_the_next_run_keeps_data_and_secrets(
    running: Up, folder: Path, port: int
) -> None:
    children = running.children()
    before = read_variables(folder / "var" / "dev.env")

    running.process.send_signal(signal.SIGINT)

    assert running.end() == 0
    assert running.log.rstrip().endswith("tenantry │ Stopped.")
    assert [command_of(pid) for pid in children] == ["" for _ in children]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))

    second = Up(folder, port)
    second.wait_for("Tenantry runs")

    assert "migrations to apply" not in second.log
    assert read_variables(folder / "var" / "dev.env") == before

    # Twice: at once.
    second.process.send_signal(signal.SIGTERM)
    second.wait_for("Stopping.")
    second.process.send_signal(signal.SIGTERM)
    assert second.end() == 0


def _answers(port: int) -> bool:
    try:
        return status(port) < 500
    except OSError:
        return False
