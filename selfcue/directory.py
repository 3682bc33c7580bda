"""Who is here: every process of a system leaves a card in one folder per domain. No daemon, no configuration.

A card is JSON: ``{name, pid, started, endpoint, link, topics}``. The folder lies under ``XDG_RUNTIME_DIR`` (or the
temporary folder) and is private to the user. A card whose process is gone is removed by whoever meets it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import psutil

from selfcue.errors import UsageError
from selfcue.transport import shm

MAX_IPC_PATH = 100
_LEFT = (".pub", ".link", ".bell", ".calls", ".clock", ".tmp")


class Card(msgspec.Struct, frozen=True):
    """One process of the system.

    Attributes:
        started: tells a process from a later one with the same pid (see ``started_at``).
        topics: published topics with their types.
        clock: where the owner of the clock takes part in lock-step; empty for all others.
        link: where subscribers say what they want, and where big arrays and reliable messages come from.
        desk: where calls are answered (``selfcue.calls``); empty where none are.
        calls: name of each call to its types, ``Request -> Reply``.
        nodes: names of the nodes that live there.
        hears: topics that it subscribes to.
        run_dir: folder of the run that it belongs to; empty for tools.
    """

    name: str
    pid: int
    started: float
    endpoint: str
    topics: dict[str, str] = {}
    clock: str = ""
    link: str = ""
    desk: str = ""
    calls: dict[str, str] = {}
    nodes: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    run_dir: str = ""


class Directory(Protocol):
    """Finds the processes of one system."""

    def endpoint(self, name: str, purpose: str) -> str:
        """Return the address that process ``name`` binds for ``purpose``."""
        ...

    def enter(self, card: Card) -> None: ...

    def leave(self, name: str) -> None: ...

    def cards(self) -> list[Card]:
        """Return the living, by name."""
        ...


def current_domain() -> str:
    """Return ``SELFCUE_DOMAIN`` (default 0): it keeps systems on one machine apart."""
    domain = os.environ.get("SELFCUE_DOMAIN", "0")
    if not domain or len(domain) > 32 or not all(c.isalnum() or c in "-_" for c in domain):
        raise UsageError(f"SELFCUE_DOMAIN={domain!r}: use up to 32 letters, digits, '-' or '_'")
    return domain


def this_process(name: str, endpoint: str, topics: dict[str, str], clock: str = "", link: str = "") -> Card:
    """Return the card of the calling process."""
    return Card(name, os.getpid(), started_at(os.getpid()), endpoint, topics, clock, link)


def started_at(pid: int) -> float:
    """Return when process ``pid`` began, in seconds since boot where the kernel tells, else since the epoch.

    psutil adds the moment of the boot as the wall clock sees it now, and so every process would seem another one as
    soon as the clock is set, which on a robot without a battery for its clock happens at every start.

    Raises:
        psutil.Error: there is no such process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return psutil.Process(pid).create_time()


class FolderDirectory:
    """Cards as files; for processes of one user on one machine."""

    def __init__(self, domain: str | None = None) -> None:
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or Path(tempfile.gettempdir()) / f"selfcue-{os.getuid()}")
        self.folder = base / "selfcue" / (domain or current_domain())
        self._short = len(str(self.folder)) + 40 > MAX_IPC_PATH
        if self._short:  # a socket's path has its limit; another base must still be another place
            place = hashlib.blake2b(os.fsencode(base.resolve()), digest_size=4).hexdigest()
            self.folder = Path(tempfile.gettempdir()) / f"selfcue-{os.getuid()}-{place}" / (domain or current_domain())
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.sweep()

    def endpoint(self, name: str, purpose: str) -> str:
        path = self.folder / f"{name}-{os.getpid()}.{purpose}"
        if len(str(path)) > MAX_IPC_PATH:
            raise UsageError(f"{path}: socket path longer than {MAX_IPC_PATH}; use shorter names or XDG_RUNTIME_DIR")
        return f"ipc://{path}"

    def enter(self, card: Card) -> None:
        taken = [other for other in self.cards() if other.name == card.name and other.pid != card.pid]
        if taken:
            raise UsageError(
                f"process {card.name!r} (pid {taken[0].pid}) already runs in domain {self.folder.name!r}; "
                "stop it, or set SELFCUE_DOMAIN to another name"
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self.folder / f"{card.name}.{card.pid}.tmp"
        aside.write_bytes(msgspec.json.encode(card))
        aside.replace(self.folder / f"{card.name}.json")

    def leave(self, name: str) -> None:
        path = self.folder / f"{name}.json"
        card = _read(path)
        if card is not None and card.pid == os.getpid():
            path.unlink(missing_ok=True)
        for left in self.folder.glob(f"{name}-{os.getpid()}.*"):
            left.unlink(missing_ok=True)
        if self._short:  # nobody else sweeps the temporary folder
            with suppress(OSError):
                self.folder.rmdir()
                self.folder.parent.rmdir()

    def cards(self) -> list[Card]:
        living = []
        for path in sorted(self.folder.glob("*.json")):
            card = _read(path)
            if card is None:
                continue
            if _alive(card):
                living.append(card)
            else:
                self._remove(path, card)
        return living

    def sweep(self) -> None:
        """Remove what processes left that were killed: cards, sockets and shared memory carry their pid."""
        self.cards()
        shm.reap()
        for path in self.folder.glob("*"):  # whoever left last may have taken the folder along
            pid = path.stem.rpartition("." if path.suffix == ".tmp" else "-")[2]
            if path.suffix in _LEFT and pid.isdigit() and not _runs(int(pid)):
                path.unlink(missing_ok=True)

    def _remove(self, path: Path, card: Card) -> None:
        path.unlink(missing_ok=True)
        for left in self.folder.glob(f"{card.name}-{card.pid}.*"):
            left.unlink(missing_ok=True)


@dataclass
class MemoryDirectory:
    """Cards in memory; for the threads of one process."""

    _cards: dict[str, Card] = field(default_factory=dict)

    def endpoint(self, name: str, purpose: str) -> str:
        return f"inproc://{id(self)}-{name}-{purpose}"

    def enter(self, card: Card) -> None:
        self._cards[card.name] = card

    def leave(self, name: str) -> None:
        self._cards.pop(name, None)

    def cards(self) -> list[Card]:
        return [self._cards[name] for name in sorted(self._cards)]


def _read(path: Path) -> Card | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError):
        return None


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _alive(card: Card) -> bool:
    try:
        return abs(started_at(card.pid) - card.started) < 0.5
    except psutil.Error:
        return False
