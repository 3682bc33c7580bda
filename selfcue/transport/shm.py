"""Files in shared memory: names that say whose they are, a lock that dies with its owner, and what sweeps up after it.

A file is named ``selfcue-BOOT-PID-SERIAL.KIND``: eight digits of the kernel's boot id, the owner's pid, a counter. Its
owner holds a lock on it for life; the kernel lets go of the lock when the owner dies, however it dies. ``reap`` removes
what nobody holds and whose pid is gone. ``multiprocessing.shared_memory`` is not used: before Python 3.13 its resource
tracker unlinks the segments of other processes.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import re
import secrets
import stat
from functools import cache
from pathlib import Path

from selfcue.errors import BadInputError, SelfcueError

NAME = re.compile(r"selfcue-(?P<boot>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})-(?P<serial>[0-9]{1,12})\.(?P<kind>ring|proof)")
PROOF_BYTES = 16
_serial = itertools.count()


class NoRoomError(SelfcueError):
    """Shared memory is full, or not to be had; the array has to take another way."""


class GoneError(BadInputError):
    """A file that was there is there no more; its owner has taken it out of use."""


def folder() -> Path:
    """Return where shared memory is mounted: ``SELFCUE_SHM``, by default ``/dev/shm``."""
    return Path(os.environ.get("SELFCUE_SHM", "/dev/shm"))  # noqa: S108 - the point of the matter


@cache
def boot() -> str:
    """Return what tells this run of the kernel from the last: pids begin anew with each."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:8]
    except OSError:
        return "00000000"


def create(kind: str, size: int) -> tuple[Path, int]:
    """Make a file of ``size`` bytes that belongs to this process; return its path and the descriptor that holds it.

    The memory is taken now: where there is too little of it, this fails, and not some later write with SIGBUS.

    Raises:
        NoRoomError: full, or there is no shared memory here.
    """
    path = folder() / f"selfcue-{boot()}-{os.getpid()}-{next(_serial)}.{kind}"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NoRoomError(f"{path}: cannot be made ({error.strerror})") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        os.close(fd)
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.ENOMEM, errno.EDQUOT):
            raise NoRoomError(f"{folder()}: no room for {size} bytes ({error.strerror})") from error
        raise
    return path, fd


def open_checked(name: str, *, kind: str, least: int, most: int) -> tuple[int, int]:
    """Open a file of another process of this user; return descriptor and size.

    Raises:
        BadInputError: not such a name, not ours, gone, or of a size outside ``least`` to ``most``.
    """
    match = NAME.fullmatch(name)
    if match is None or match["kind"] != kind:
        raise BadInputError(f"{name[:80]!r} is no name of a {kind} in shared memory")
    try:
        fd = os.open(folder() / name, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        kind_of_error = GoneError if isinstance(error, FileNotFoundError) else BadInputError
        raise kind_of_error(f"{name}: cannot be opened ({error.strerror})") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or not least <= status.st_size <= most:
        os.close(fd)
        raise BadInputError(f"{name}: {status.st_size} bytes of user {status.st_uid}; not a {kind} for this process")
    return fd, status.st_size


class Proof:
    """A file with a random number: whoever can read it back to us sees the same shared memory."""

    def __init__(self) -> None:
        self.number = secrets.token_bytes(PROOF_BYTES)
        self.path, self._fd = create("proof", PROOF_BYTES)
        os.pwrite(self._fd, self.number, 0)

    @property
    def name(self) -> str:
        return self.path.name

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def proved(name: str, number: bytes) -> bool:
    """Return whether the file ``name`` is here and holds ``number``."""
    try:
        fd, _ = open_checked(name, kind="proof", least=PROOF_BYTES, most=PROOF_BYTES)
    except BadInputError:
        return False
    try:
        return secrets.compare_digest(os.pread(fd, PROOF_BYTES, 0), number)
    finally:
        os.close(fd)


def held(name: str) -> bool:
    """Return whether the owner of the file ``name`` lives: its lock tells, also from inside a container."""
    if NAME.fullmatch(name) is None:
        return False
    try:
        fd = os.open(folder() / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def alive(pid: int) -> bool:
    """Return whether a process of that number runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True


def reap() -> list[str]:
    """Remove the files of dead processes; return their names. Files of the living, here or in a container, stay."""
    removed = []
    try:
        names = sorted(entry.name for entry in os.scandir(folder()) if entry.name.startswith("selfcue-"))
    except OSError:
        return []
    for name in names:
        match = NAME.fullmatch(name)
        if match is None or (match["boot"] == boot() and alive(int(match["pid"]))):
            continue
        if _nobody_holds(folder() / name):
            removed.append(name)
    return removed


def _nobody_holds(path: Path) -> bool:
    """Remove ``path`` where its owner's lock is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
