"""What a running system stands on, for ``selfcue doctor``: shared memory, descriptors, sockets, time, who runs here."""

from __future__ import annotations

import importlib.metadata
import os
import resource
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from selfcue.directory import FolderDirectory, current_domain
from selfcue.transport import shm

LEAST_SHM_BYTES = 256 << 20
LEAST_DESCRIPTORS = 1024


@dataclass(frozen=True)
class Ground:
    """One thing that was looked at. ``mend``: the command that helps; empty where all is well."""

    name: str
    found: str
    what_for: str
    mend: str = ""


def look() -> list[Ground]:
    """Return everything, in the order in which a user needs it. Starts and imports nothing heavy."""
    return [_shared_memory(shm.folder()), _descriptors(), _sockets(), _messaging(), _parents(), _service(), _running()]


def _shared_memory(folder: Path) -> Ground:
    what_for = "pictures between processes without copies over sockets"
    mend = "mount it: sudo mount -o remount,size=1G /dev/shm (Docker: --shm-size=1g)"
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return Ground("shared memory", f"{folder}: missing", what_for, mend)
    found = f"{folder}: {usage.free / 2**20:.0f} of {usage.total / 2**20:.0f} MiB free"
    return Ground("shared memory", found, what_for, "" if usage.free >= LEAST_SHM_BYTES else mend)


def _descriptors() -> Ground:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    mend = "" if soft >= LEAST_DESCRIPTORS else f"ulimit -n {min(65536, hard)}; in a unit: LimitNOFILE=65536"
    return Ground("descriptors", f"{soft} (at most {hard})", "sockets and logs of each process", mend)


def _sockets() -> Ground:
    directory = FolderDirectory()
    where = "" if os.environ.get("XDG_RUNTIME_DIR") else " (XDG_RUNTIME_DIR is not set)"
    return Ground(
        "sockets", f"{directory.folder}{where}", "processes find each other there; SELFCUE_DOMAIN keeps apart"
    )


def _messaging() -> Ground:
    import zmq

    curve = "with" if zmq.has("curve") else "without"
    found = f"libzmq {zmq.zmq_version()}, pyzmq {importlib.metadata.version('pyzmq')}, {curve} CURVE"
    mend = "" if zmq.has("curve") else "pip install --force-reinstall pyzmq (the wheel has CURVE)"
    return Ground("messaging", found, "the bus; CURVE keys secure links to other machines", mend)


def _parents() -> Ground:
    tied = hasattr(os, "pidfd_open")
    found = "the kernel tells" if tied else "asked twice a second"
    return Ground("end of a parent", found, "children end with a supervisor that was killed")


def _service() -> Ground:
    found = "systemd" if Path("/run/systemd/system").is_dir() else "no systemd"
    if os.environ.get("NOTIFY_SOCKET"):
        found += ", which started this"
    return Ground("service manager", found, "selfcue unit NAME: a robot that starts by itself")


def _running() -> Ground:
    cards = [card for card in FolderDirectory().cards() if card.nodes]
    names = ", ".join(card.name for card in cards) or "nothing"
    return Ground("running here", f"{names} in domain {current_domain()} on {socket.gethostname()}", "selfcue top")
