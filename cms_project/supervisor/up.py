"""The order of things: check, servers, preparation, processes; then keep them alive; then stop them in turn."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import psycopg
import redis

from cms_project import environment as variables
from cms_project.embedded import EmbeddedPostgres, EmbeddedValkey
from cms_project.embedded.process import DataLock, LockHeld
from cms_project.supervisor import programs
from cms_project.supervisor.addresses import welcome
from cms_project.supervisor.children import Child, Program
from cms_project.supervisor.code_watch import LOOK_SECONDS, CodeWatch
from cms_project.supervisor.console import Console
from cms_project.supervisor.options import Options
from cms_project.supervisor.probe import WebProbe
from cms_project.supervisor.progress import LOOK_SECONDS as PROGRESS_SECONDS
from cms_project.supervisor.progress import Canary, queue_canary
from cms_project.supervisor.servers import Server
from core.errors import Conflict, TenantryError, Unavailable

TICK_SECONDS: Final = 0.1
WATCHED: Final = ("cms_project", "core", "tenants", "plugin_host", "plugins", "templates", "examples")
# While code changes nobody waits for hooks: their deliveries start again.
RELOAD_STOP_SECONDS: Final = 2.0
# A web server that cannot start must not keep deliveries from being made.
LONGEST_WAIT_FOR_WEB_SECONDS: Final = 8.0


def run(options: Options) -> int:
    """Run everything until a signal ends it; return the exit status."""
    console = Console()
    try:
        variables.load_environment_file()
        return Supervisor(options, console).run()
    except TenantryError as error:
        console.error(error.message)
        return 1


class Stopped(Exception):
    """A signal asked us to stop while something was awaited."""


class Supervisor:
    """Owns all processes of one `manage.py up`."""

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.console = console
        self.environment: dict[str, str] = dict(os.environ)
        self.var = variables.var_dir(self.environment)
        self.servers: list[Server] = []
        self.children: list[Child] = []
        self.signals = 0
        self.canary: Canary | None = None
        self._probe: WebProbe | None = None
        self._began_at = time.monotonic()

    def run(self) -> int:
        self.var.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            check_variables(self.environment)
            check_port(self.options)
            self._catch_signals()
            self._start_servers()
            self._prepare()
            self.children = [
                Child(program, self.console) for program in programs.processes(self.options, self.environment)
            ]
            self._start_processes()
            self._watch()
        except Stopped:
            pass
        finally:
            self.stop()
            lock.release()
        return 0

    def _lock(self) -> DataLock:
        try:
            return DataLock.of(self.var / "up")
        except LockHeld as error:
            raise Conflict(
                f"Tenantry already runs from {self.var} (process {error.holder}): use that one, or stop it first."
            ) from error

    # --- starting

    def _start_servers(self) -> None:
        environment = self.environment
        path = variables.development_file(environment)
        stored = variables.read_variables(path)
        made = variables.make_development_secrets(stored)
        if not environment.get("DATABASE_URL"):
            postgres = EmbeddedPostgres(self.var / "postgres")
            self._start_server("postgres", postgres)
            prefix = environment.get("DATABASE_ROLE_PREFIX") or "tenantry"
            made.update(postgres.env(prefix=prefix))
        if not environment.get("REDIS_URL"):
            valkey = EmbeddedValkey(self.var / "valkey")
            self._start_server("valkey", valkey)
            made.update(valkey.env())
        check_servers(environment)
        made.update(
            {
                "DEBUG": "true",
                "PUBLIC_SCHEME": "http",
                "PUBLIC_PORT": str(self.options.port),
                # A listener on this machine may receive webhooks.
                "OUTBOUND_ALLOW": "127.0.0.1:*,localhost:*",
            }
        )
        own = {name: value for name, value in made.items() if not environment.get(name)}
        # An operator who names the keys at times and at times not must still find the ones made here.
        kept = {name: value for name, value in stored.items() if name in ("SECRET_KEY", "MASTER_KEYS")}
        variables.write_variables(path, {**kept, **own})
        environment.update(own)
        environment.update({"TENANTRY_VAR_DIR": str(self.var), "PYTHONUNBUFFERED": "1"})
        # Set on some machines; each start would compile everything anew.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")

    def _start_server(self, name: str, server: EmbeddedPostgres | EmbeddedValkey) -> None:
        supervised = Server(name, server, self.console)
        supervised.start()
        self.servers.append(supervised)

    def _prepare(self) -> None:
        self._run_once(programs.prepare(self.environment))
        if self.options.demo and database_is_empty(self.environment["DATABASE_OWNER_URL"]):
            self.console.say("The database is empty: seeding the demo.")
            self._run_once(programs.demo(self.environment))

    def _run_once(self, program: Program) -> None:
        """Run a program to its end, its output in the log."""
        child = Child(program, self.console)
        child.start()
        try:
            while child.running:
                self._pump([child])
                if self.signals:
                    raise Stopped
            child.read()
            code = child.process.returncode if child.process else 0
            if code != 0:
                raise Unavailable(f"`{' '.join(program.command[1:])}` failed, see above.")
        finally:
            child.kill()

    def _start_processes(self) -> None:
        """Start the web server, and the others when it answers: together they would make it wait for a core."""
        web, *others = self.children
        web.start()
        for child in others:
            child.restart_at = time.monotonic() + LONGEST_WAIT_FOR_WEB_SECONDS
        self._probe = WebProbe(self.options)

    # --- running

    def _watch(self) -> None:
        watch = CodeWatch([variables.PROJECT / name for name in WATCHED]) if self.options.reload else None
        self.canary = self.canary or queue_canary(self.environment)
        next_look = time.monotonic() + LOOK_SECONDS
        next_progress = time.monotonic() + PROGRESS_SECONDS
        while not self.signals:
            self._pump(self.children)
            now = time.monotonic()
            for server in self.servers:
                server.check(now)
            for child in self.children:
                child.check(now)
            self._announce()
            if watch and now >= next_look:
                next_look = now + LOOK_SECONDS
                if changed := watch.changes():
                    self.reload(changed)
            if now >= next_progress:
                next_progress = now + PROGRESS_SECONDS
                self.check_progress(now)

    def _pump(self, children: Sequence[Child]) -> None:
        """Wait a moment for output of the children and log it."""
        with selectors.DefaultSelector() as selector:
            for child in children:
                if child.output is not None:
                    selector.register(child.output, selectors.EVENT_READ, child)
            for key, _ in selector.select(TICK_SECONDS):
                child = key.data
                child.read()

    def _announce(self) -> None:
        """Once the web server answers, say where."""
        if self._probe is None or not self._probe.answered():
            return
        self._probe = None
        for child in self.children:
            if child.process is None:
                child.start()
        seconds = time.monotonic() - self._began_at
        self.console.say(welcome(self.options, self.environment, seconds=seconds))

    def reload(self, changed: Sequence[Path]) -> None:
        """Start all processes again with the new code."""
        names = ", ".join(str(path.relative_to(variables.PROJECT)) for path in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        self.console.say(f"{names}{more} changed: starting again.")
        for child in self.children:
            child.ask_to_stop()
        self._wait_for(self.children, RELOAD_STOP_SECONDS)
        if any("migrations" in path.parts for path in changed):
            try:
                self._run_once(programs.prepare(self.environment))
            except Unavailable as error:
                self.console.error(error.message)
        for child in self.children:
            child.kill()
            child.failures = 0
            child.start()

    def check_progress(self, now: float) -> None:
        """Start a worker again that lives but does nothing."""
        worker = next((child for child in self.children if child.name == "worker" and child.running), None)
        if worker is None or self.canary is None:
            return
        if reason := self.canary(now - worker.started_at):
            self.console.say(f"worker does not work ({reason}): starting it again.")
            worker.kill()
            worker.start()

    # --- stopping

    def _catch_signals(self) -> None:
        def note(number: int, frame: FrameType | None) -> None:
            self.signals += 1

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup the end of the terminal is not ours.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, note)

    def stop(self) -> None:
        """Stop in the order in which work flows: no new requests, no new schedules, then the work, then the servers."""
        if self.signals:
            self.console.say("Stopping. Ctrl-C again ends everything at once.")
        order = {"web": 0, "beat": 1, "worker": 2}
        for child in sorted(self.children, key=lambda each: order.get(each.name, 1)):
            child.ask_to_stop()
            self._wait_for([child], child.program.stop_seconds)
            if child.running:
                self.console.say(f"{child.name} does not stop, so it is killed.")
            child.kill()
        for server in reversed(self.servers):
            server.stop()
        if self.signals:
            self.console.say("Stopped.")

    def _wait_for(self, children: Sequence[Child], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(child.running for child in children) and time.monotonic() < deadline and self.signals < 2:
            self._pump(self.children)


def check_variables(environment: dict[str, str]) -> None:
    """Refuse half a configuration.

    Raises:
        Conflict: One of the two database addresses is missing.
    """
    owner, login = environment.get("DATABASE_OWNER_URL"), environment.get("DATABASE_URL")
    if login and not owner:
        raise Conflict(
            "DATABASE_URL is set but DATABASE_OWNER_URL is not. The application signs in as a role that owns nothing; "
            "migrations need the address of the role that owns the database (with CREATEROLE), for example "
            "DATABASE_OWNER_URL=postgres://tenantry_owner:…@host/tenantry. Unset both to use the embedded PostgreSQL."
        )
    if owner and not login:
        raise Conflict(
            "DATABASE_OWNER_URL is set but DATABASE_URL is not: set it to the same database with another role, for "
            "example postgres://tenantry_login:…@host/tenantry; `manage.py db_roles` makes that role."
        )


def check_servers(environment: dict[str, str]) -> None:
    """Ask the operator's own servers for an answer, so that a wrong address is said in one line.

    Raises:
        Unavailable: One of them does not answer.
    """
    if address := environment.get("DATABASE_OWNER_URL"):
        try:
            psycopg.connect(address, connect_timeout=5).close()
        except psycopg.Error as error:
            raise Unavailable(f"DATABASE_OWNER_URL leads to no database: {str(error).strip()}") from error
    if address := environment.get("REDIS_URL"):
        try:
            with redis.Redis.from_url(address, socket_timeout=5, socket_connect_timeout=5) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise Unavailable(f"REDIS_URL leads to no Redis or Valkey: {error}") from error


def check_port(options: Options) -> None:
    """Refuse a port that is taken, before anything is started.

    Raises:
        Conflict: The message names a free one.
    """
    if port_is_free(options.host, options.port):
        return
    nearby = range(options.port + 1, min(options.port + 50, 65_536))
    free = next((port for port in nearby if port_is_free(options.host, port)), 0)
    raise Conflict(f"Port {options.port} is in use. Take another one: make run PORT={free or 'NNNN'}")


def port_is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise Conflict(f"{host} is no address of this machine ({error.strerror}).") from error
    with socket.socket(family, kind, protocol) as listener:
        # As the server does, so that connections which are just closing do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(1)
        except PermissionError as error:
            raise Conflict(
                f"Port {port} needs more rights than this user has: take one above 1023."
            ) from error
        except OSError:
            return False
    return True


def database_is_empty(owner_url: str) -> bool:
    """Whether there is no tenant yet."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        row = connection.execute("SELECT EXISTS (SELECT FROM tenants_tenant)").fetchone()
    return row is not None and not row[0]
