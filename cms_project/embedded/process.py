"""What both embedded servers share: whom they run as, where their files lie, how they start and stop.

PostgreSQL refuses to run as root, so under root both servers run as an unprivileged user that exists already. That
user must reach the programs and the data: where the project lies in a private home, copies of the programs and the data
go to a folder of our own under `/var/tmp`. No user is made and no folder of anybody else is opened.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import logging
import os
import platform
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from core.errors import Unavailable

logger = logging.getLogger(__name__)

# sockaddr_un holds 104 bytes on macOS and 108 on Linux, the closing zero included.
MAX_SOCKET_PATH_BYTES = 100
POLL_SECONDS = 0.02
PR_SET_PDEATHSIG = 1
IS_LINUX = platform.system() == "Linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The operating system's user that a server runs as."""

    uid: int
    gid: int
    name: str

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def may_enter(self, folder: Path) -> bool:
        """Whether this user can reach what lies in the folder, by the mode bits of it and all its parents."""
        return all(self._may_pass(part) for part in (folder, *folder.parents))

    def _may_pass(self, folder: Path) -> bool:
        info = folder.stat()
        if info.st_uid == self.uid:
            return bool(info.st_mode & stat.S_IXUSR)
        if info.st_gid == self.gid:
            return bool(info.st_mode & stat.S_IXGRP)
        return bool(info.st_mode & stat.S_IXOTH)


def server_account(data_dir: Path) -> Account:
    """The user for a server: ourselves, or under root one that exists and has no rights.

    Data that is there already keeps its owner: PostgreSQL refuses a folder of somebody else.
    """
    uid = os.geteuid()
    if uid != 0:
        return (
            _account(pwd.getpwuid(uid))
            if _has_name(uid)
            else Account(uid=uid, gid=os.getegid(), name=str(uid))
        )
    if data_dir.is_dir() and data_dir.stat().st_uid != 0 and _has_name(data_dir.stat().st_uid):
        return _account(pwd.getpwuid(data_dir.stat().st_uid))
    for name in ("postgres", "nobody"):
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise Unavailable(
        "Root may not run PostgreSQL and this system has neither a user `postgres` nor `nobody`: "
        "run as another user, or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)


def _has_name(uid: int) -> bool:
    # Containers run under numbers that no user has.
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def server_home(data_dir: Path) -> Path:
    """The folder in which the server's files can really lie: that of `data_dir`, or one under `/var/tmp`.

    Says so in the log when it is another one. The same `data_dir` always leads to the same folder.
    """
    home = data_dir.absolute().parent
    home.mkdir(parents=True, exist_ok=True)
    account = server_account(data_dir)
    if not account.is_other or account.may_enter(home.resolve()):
        return home
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    fallback = Path("/var/tmp") / f"tenantry-{digest}"  # checked below, and the data must survive
    _make_own_folder(fallback)
    logger.warning(
        "%s is not reachable for the user %s, which has to run the servers: their files lie in %s.",
        home,
        account.name,
        fallback,
    )
    return fallback


def _make_own_folder(folder: Path) -> None:
    # A stranger may have made it first, as a link or with open doors: /var/tmp is everybody's.
    try:
        folder.mkdir(mode=0o711)
        folder.chmod(0o711)
    except FileExistsError:
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o022:
            raise Unavailable(
                f"{folder} belongs to somebody else: remove it, or move the project out of a private home."
            ) from None


def make_private_folder(folder: Path, account: Account) -> None:
    """Make the folder, only its owner (the server's user) may look into it."""
    folder.mkdir(parents=True, exist_ok=True)
    if account.is_other:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def reachable_programs(
    source: Path, parts: Sequence[str], home: Path, account: Account, version: str
) -> Path:
    """The root of the programs' folders as the server's user can run them; a copy in `home` where needed.

    Args:
        source: Folder that holds the parts, normally `site-packages`.
        parts: Paths below it which the programs need, their relative places kept.
        version: Names the copy, so that an update makes a new one.
    """
    if not account.is_other or account.may_enter(source.resolve()):
        return source
    copy = home / "programs" / version
    if not copy.is_dir():
        work = copy.with_name(f"{copy.name}.{os.getpid()}")
        for part in parts:
            target = work / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if (source / part).is_dir():
                shutil.copytree(source / part, target)
            else:
                shutil.copy2(source / part, target)
        # Whatever our umask is, the other user must be able to read them.
        for folder, _, files in os.walk(copy.parent):
            Path(folder).chmod(0o755)  # programs, no data
            for name in files:
                path = Path(folder, name)
                path.chmod(0o755 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o644)
        work.rename(copy)
    return copy


def socket_folder(wanted: Path, file_name: str, account: Account) -> tuple[Path, bool]:
    """A private folder whose socket has a path that the system accepts, and whether it is a temporary one."""
    if len(os.fsencode(wanted / file_name)) < MAX_SOCKET_PATH_BYTES:
        make_private_folder(wanted, account)
        return wanted, False
    # Not $TMPDIR first: on macOS that alone is half of the length.
    folder = Path(tempfile.mkdtemp(prefix="tenantry-", dir="/tmp"))  # mkdtemp makes it private
    make_private_folder(folder, account)
    return folder, True


class LockHeld(Unavailable):
    """Another process works with the same data.

    Args:
        holder: Its process id, as far as known.
    """

    default_code = "in_use"

    def __init__(self, data: Path, holder: str) -> None:
        super().__init__(f"{data} is in use by process {holder}: stop that one first.")
        self.holder = holder


class DataLock:
    """Keeps a second process away from the same data; the system frees it when its holder dies."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def of(cls, data: Path) -> Self:
        """Take the lock of a data folder, in a file beside it.

        Raises:
            LockHeld: Another process holds it.
        """
        file = data.with_name(f"{data.name}.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise LockHeld(data, holder) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return cls(file)

    def release(self) -> None:
        self._file.close()


def spawn(
    command: Sequence[str], account: Account, *, log: IO[bytes], death_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start a server as a child in its own session: Ctrl-C at the terminal reaches us, not it.

    Args:
        death_signal: What Linux sends to the child when this thread dies without stopping it.
    """
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=environment,
        start_new_session=True,
        preexec_fn=die_with_parent(death_signal),  # noqa: PLW1509  # one C call, loaded before the fork
        umask=0o077,
        user=account.uid if account.is_other else None,
        group=account.gid if account.is_other else None,
        extra_groups=[] if account.is_other else None,
    )


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that has Linux end the child when our thread dies; nothing where the system cannot."""
    if not IS_LINUX:
        return None
    # Loaded before the fork: a lock of the loader, held by another thread, would never be freed in the child.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def set_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)

    return set_signal


def command_of(pid: int) -> str:
    """The command line of a running process; "" when there is none (a zombie counts as gone)."""
    if IS_LINUX:
        try:
            return (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
                .strip()
            )
        except OSError:
            return ""
    found = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return "" if "<defunct>" in found.stdout else found.stdout.strip()


def end_orphan(pid: int, *, marker: str, signals: Sequence[signal.Signals]) -> None:
    """End a server that a killed predecessor of ours left behind, and wait until it is gone.

    Args:
        marker: Text of its command line, so that a number which the system gave to another program is left alone.
        signals: From gentle to hard, ten seconds each.

    Raises:
        Unavailable: It does not end.
    """
    for each in signals:
        if marker not in command_of(pid):
            return
        logger.warning("Ending process %s, left over from an earlier run.", pid)
        try:
            os.kill(pid, each)
        except ProcessLookupError:
            return
        if wait_until(lambda: marker not in command_of(pid), seconds=10):
            return
    raise Unavailable(f"Process {pid} of an earlier run does not end: end it by hand (kill -9 {pid}).")


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll until the condition holds; False when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def stop_child(child: subprocess.Popen[bytes], signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Stop a child by ever harder signals, each with its seconds to act, and reap it."""
    for each, seconds in signals:
        if child.poll() is not None:
            return
        child.send_signal(each)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    if child.poll() is None:
        child.kill()
        child.wait()


def last_lines(path: Path, count: int = 8) -> str:
    """The end of a log, for an error message."""
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
