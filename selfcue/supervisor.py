"""Starts the processes of a run, watches them, and stops them: on time, and all of them.

Order of a stop (Ctrl-C, the end of the supervisor itself; a failed process begins at 2):

1. INT to the owner of the clock, which ends its tick, takes a snapshot and tells all others to stop (live: INT to all);
2. after ``STOP_S`` TERM to whatever is left: every wait ends, nodes still save their work;
3. after ``ABORT_S`` more KILL.

Children also die with the supervisor (parent-death signal), so nothing is left behind by ``kill -9`` either.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from selfcue.errors import SelfcueError
from selfcue.process import Failure, error_file
from selfcue.system import System

if TYPE_CHECKING:
    from typing_extensions import Self

STOP_S = 1.2
ABORT_S = 0.8
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Supervisor:
    """Runs one system; a context manager that leaves no process behind."""

    def __init__(self, system: System, run_dir: Path) -> None:
        self._system, self._run_dir = system, run_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping_since: float | None = None
        self._first_death: Failure | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        while self.alive():
            self._push()
            time.sleep(0.01)

    def start(self) -> None:
        """Start every process of the system, each with its own log ``logs/PROCESS.log``."""
        (self._run_dir / "logs").mkdir(parents=True, exist_ok=True)
        self._system.write(self._run_dir)
        environment = {**os.environ, **{name: os.environ.get(name, "1") for name in _ONE_THREAD}}
        environment["SELFCUE_DOMAIN"] = self._system.domain
        environment["PYTHONSAFEPATH"] = "1"  # the folder where a run is started must not shadow a package
        for process in self._system.spec.processes:
            error_file(self._run_dir, process).unlink(missing_ok=True)
            with (self._run_dir / "logs" / f"{process}.log").open("ab") as log:
                self._children[process] = subprocess.Popen(
                    [sys.executable, "-m", "selfcue.process", str(self._run_dir), process, str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,  # Ctrl-C of the terminal reaches the supervisor alone
                )

    def alive(self) -> list[str]:
        """Return the processes that still run; begins a stop when one failed."""
        left = [process for process, child in self._children.items() if child.poll() is None]
        for process, child in self._children.items():
            if self._first_death is None and self._stopping_since is None and child.returncode not in (None, 0):
                self._first_death = Failure(1, self._death(process, child.returncode))
        if left and self._first_death is not None and self._stopping_since is None:
            self._stopping_since = time.monotonic() - STOP_S  # the others wait for the dead: go straight to TERM
        if left:
            self._push()
        return left

    def stop(self) -> None:
        """Begin to stop everything; ``alive`` carries it through."""
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            owner = self._system.owner
            whom = [owner[0]] if owner and self._running(owner[0]) else list(self._children)
            for process in whom:
                self._signal(process, signal.SIGINT)

    def _push(self) -> None:
        if self._stopping_since is None:
            return
        waited = time.monotonic() - self._stopping_since
        for process in self._children:
            if waited > STOP_S + ABORT_S:
                self._signal(process, signal.SIGKILL)
            elif waited > STOP_S:
                self._signal(process, signal.SIGTERM)

    def failure(self) -> Failure | None:
        """Return what ended the run, where it was not a clean end: what a process said of itself comes first."""
        for process in self._children:
            path = error_file(self._run_dir, process)
            if path.exists():
                return msgspec.json.decode(path.read_bytes(), type=Failure)
        return self._first_death

    def raise_failure(self) -> None:
        """Raise a SelfcueError with the exit code of what ended the run, if anything did."""
        failure = self.failure()
        if failure is not None:
            error = SelfcueError(failure.line)
            error.exit_code = failure.exit_code
            raise error

    def _death(self, process: str, code: int) -> str:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"process {process!r} {how}; its log: {self._run_dir / 'logs' / (process + '.log')}"

    def _running(self, process: str) -> bool:
        child = self._children.get(process)
        return child is not None and child.poll() is None

    def _signal(self, process: str, number: signal.Signals) -> None:
        if self._running(process):
            self._children[process].send_signal(number)
