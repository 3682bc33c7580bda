"""The main program of one process of a run: ``python -m selfcue.process RUN_DIR PROCESS`` (the supervisor's business).

It ends when its parent ends, whatever happens to the parent. What goes wrong is left for the supervisor as one line in
``logs/PROCESS.error.json``; everything else goes to standard error, which is the process's log.
"""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

import msgspec

from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.host import Host
from selfcue.system import System

_PR_SET_PDEATHSIG = 1


class Failure(msgspec.Struct, frozen=True):
    """Why a process ended: one line for the user and the exit code that goes with it."""

    exit_code: int
    line: str


def error_file(run_dir: Path, process: str) -> Path:
    """Return where ``process`` of the run in ``run_dir`` says why it failed."""
    return run_dir / "logs" / f"{process}.error.json"


def main(argv: list[str]) -> int:
    """Run one process to its end; ``argv``: program, run's folder, process, parent's pid. Return the exit code."""
    run_dir, process = Path(argv[1]), argv[2]
    die_with_parent(int(argv[3]))
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        system = System.read(run_dir)
        host = Host(system, process, run_dir, FolderDirectory(system.domain))
        _obey_signals(host)
        host.run()
    except SelfcueError as error:
        return _fail(run_dir, process, Failure(error.exit_code, str(error)))
    except Exception as error:  # noqa: BLE001 - the last line of defence: the traceback goes to the log
        traceback.print_exc()
        line = f"{process}: {type(error).__name__}: {error} (a fault of the program; see logs/{process}.log)"
        return _fail(run_dir, process, Failure(1, line))
    return 0


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process when its parent ends (Linux); end at once where it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(1)


def _obey_signals(host: Host) -> None:
    def on_signal(number: int, _frame: FrameType | None) -> None:
        host.stop.set()
        if number == signal.SIGTERM:
            host.abort.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)


def _fail(run_dir: Path, process: str, failure: Failure) -> int:
    sys.stderr.write(failure.line + "\n")
    error_file(run_dir, process).write_bytes(msgspec.json.encode(failure))
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv))
