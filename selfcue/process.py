"""The main program of a child: ``python -m selfcue.process RUN_DIR PROCESS[,PROCESS…] PARENT_PID [again]``.

The supervisor starts it. Given more than one process of the run, it runs each in a thread of its own (``selfcue run
--one-process``). It ends when its parent ends, whatever happens to the parent. What goes wrong is left for the
supervisor as one line in ``logs/PROCESS.error.json``; everything else goes to standard error, the process's log.
``again`` says that the process was here before and died: it joins those that are there and waits for nobody.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

import msgspec

from selfcue import kin, logs
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.host import Host
from selfcue.system import System

AGAIN = "again"
TOGETHER = "all"
"""Name of the only child in a one-process run."""
_LEAVE_S = 2.0


class Failure(msgspec.Struct, frozen=True):
    """Why a process ended: one line for the user and the exit code that goes with it."""

    exit_code: int
    line: str


def error_file(run_dir: Path, process: str) -> Path:
    """Return where ``process`` of the run in ``run_dir`` says why it failed."""
    return run_dir / "logs" / f"{process}.error.json"


def main(argv: list[str]) -> int:
    """Run one child to its end (see the module); return the exit code."""
    run_dir, processes = Path(argv[1]), argv[2].split(",")
    kin.end_with_parent(int(argv[3]))
    faulthandler.enable()
    try:
        system = System.read(run_dir)
        logs.begin(run_dir, [node.name for process in processes for node in system.spec.processes[process]])
        directory = FolderDirectory(system.domain)
        hosts = {
            process: Host(system, process, run_dir, directory, again=AGAIN in argv[4:], sharers=len(processes))
            for process in processes
        }
    except SelfcueError as error:
        return _fail(run_dir, processes[0], error, log=_log_of(processes))
    _obey_signals(list(hosts.values()))
    if len(hosts) == 1:
        return _live(hosts[processes[0]], run_dir, processes[0], log=processes[0])
    return _live_in_threads(hosts, run_dir)


def _log_of(processes: list[str]) -> str:
    return processes[0] if len(processes) == 1 else TOGETHER


def _live(host: Host, run_dir: Path, process: str, *, log: str) -> int:
    try:
        host.run()
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _fail(run_dir, process, error, log=log)
    return 0


def _live_in_threads(hosts: dict[str, Host], run_dir: Path) -> int:
    codes: dict[str, int] = {}
    ended = threading.Event()

    def live(process: str) -> None:
        codes[process] = _live(hosts[process], run_dir, process, log=TOGETHER)
        if codes[process]:
            for other in hosts.values():
                other.abort.set()
        if codes[process] or len(codes) == len(hosts):
            ended.set()

    threads = [threading.Thread(target=live, args=(process,), name=process, daemon=True) for process in hosts]
    for thread in threads:
        thread.start()
    ended.wait()
    deadline = time.monotonic() + _LEAVE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    code = next((code for code in codes.values() if code), 0)
    if any(thread.is_alive() for thread in threads):  # a node hangs: threads cannot be stopped, processes can
        sys.stderr.flush()
        os._exit(code or 1)
    return code


def _obey_signals(hosts: list[Host]) -> None:
    def on_signal(number: int, _frame: FrameType | None) -> None:
        for host in hosts:
            if number == signal.SIGTERM or len(hosts) == 1 or host.leads:
                host.stop.set()
            if number == signal.SIGTERM:
                host.abort.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)


def _fail(run_dir: Path, process: str, error: Exception, *, log: str) -> int:
    if isinstance(error, SelfcueError):
        failure = Failure(error.exit_code, str(error))
    else:
        traceback.print_exception(error)  # a fault of the program: the traceback goes to the log
        line = f"{process}: {type(error).__name__}: {error} (a fault of the program; see logs/{log}.log)"
        failure = Failure(1, line)
    sys.stderr.write(failure.line + "\n")
    path = error_file(run_dir, process)
    aside = path.with_suffix(".tmp")
    aside.write_bytes(msgspec.json.encode(failure))
    aside.replace(path)
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv))
