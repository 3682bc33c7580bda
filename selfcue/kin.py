"""Keeps a family of processes together: a child ends with its parent, and takes with it what it started itself.

Two lines of defence against a parent that is gone without a word (``kill -9``). The kernel sends the child TERM at that
moment (parent-death signal), upon which it ends in order. A thread of the child waits on the parent too: a child that
has not ended ``GRACE_S`` later kills its whole process group, itself and its own children. Without the second line a
node that hangs would live on, and with it a camera that nobody else can open.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time

GRACE_S = 2.0
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.5


def end_with_parent(parent_pid: int, *, grace_s: float = GRACE_S) -> None:
    """Tie this process, the leader of its own process group, to its parent. Ends at once where that is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(1)
    threading.Thread(target=_outlive_by, args=(parent_pid, grace_s), name="kin", daemon=True).start()


def _outlive_by(parent_pid: int, grace_s: float) -> None:
    _await_end(parent_pid)
    time.sleep(grace_s)
    kill_group(os.getpid())


def _await_end(parent_pid: int) -> None:
    """Wait until the parent has ended; where the kernel can tell, without waking up in between."""
    try:
        descriptor = os.pidfd_open(parent_pid)
    except (AttributeError, OSError):
        while os.getppid() == parent_pid:
            time.sleep(_POLL_S)
        return
    try:
        if os.getppid() == parent_pid:  # else the number may be another's by now
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            poller.poll()
    finally:
        os.close(descriptor)


def kill_group(leader_pid: int) -> None:
    """Kill every process of the group that ``leader_pid`` leads, where there still is one."""
    try:
        os.killpg(leader_pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def has_ended(pid: int) -> bool:
    """Tell whether child ``pid`` has ended, leaving its number taken: its group can still be named without doubt."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
