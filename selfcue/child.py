"""One process of a run, seen from the supervisor: it is started, signalled, found dead, and cleared up after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from selfcue import kin, logs
from selfcue.config.launch import RestartSpec
from selfcue.messages import ProcessState, ProcessStatus
from selfcue.process import AGAIN, Failure, error_file
from selfcue.restart import Restarts
from selfcue.system import System

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Child:
    """A process that runs the nodes of ``processes`` of the system, and may be started more than once.

    Attributes:
        name: what it is called in statuses and logs.
        restarts: its restarts so far, and whether there may be more.
        status: what is known of it.
        again_at_s: when it is started again (monotonic seconds); None where it is not to be.
        life_sign_s: when it was last heard of (monotonic seconds); None before the first time.
    """

    def __init__(self, system: System, run_dir: Path, name: str, processes: Sequence[str], spec: RestartSpec) -> None:
        self.name = name
        self.restarts = Restarts(spec)
        self.status = ProcessStatus(stamp_ns=time.time_ns(), process=name, state="starting")
        self.again_at_s: float | None = None
        self.life_sign_s: float | None = None
        self._system, self._run_dir, self._processes = system, run_dir, tuple(processes)
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether there is a process that was not found dead yet."""
        return self._popen is not None

    def start(self) -> None:
        """Start the process in a session of its own, its output going to its log."""
        for process in self._processes:
            error_file(self._run_dir, process).unlink(missing_ok=True)
        environment = {**os.environ, **{name: os.environ.get(name, "1") for name in _ONE_THREAD}}
        environment["SELFCUE_DOMAIN"] = self._system.domain
        environment["PYTHONSAFEPATH"] = "1"  # the folder where a run is started must not shadow a package
        command = [sys.executable, "-m", "selfcue.process", str(self._run_dir), ",".join(self._processes)]
        command += [str(os.getpid()), *([AGAIN] if self.restarts.total else [])]
        with logs.file_of(self._run_dir, self.name).open("ab") as log:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C of the terminal reaches the supervisor alone; and a group to kill
            )
        self.again_at_s = self.life_sign_s = None
        self.note("starting", self.status.reason)

    def note(self, state: ProcessState, reason: str) -> None:
        """Set the status."""
        self.status = ProcessStatus(
            stamp_ns=time.time_ns(),
            source="supervisor",
            process=self.name,
            state=state,
            pid=self._popen.pid if self._popen is not None else 0,
            restarts=self.restarts.total,
            reason=reason,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send ``number`` to the process; KILL goes to all that it started, too."""
        if self._popen is None:
            return
        if number == signal.SIGKILL:
            kin.kill_group(self._popen.pid)
        else:
            self._popen.send_signal(number)

    def reap(self) -> int | None:
        """Return the exit code of a process that has ended (negative: the signal), None while it runs or none does.

        What it started and left in its group is killed while the dead process still holds the group's number.
        """
        if self._popen is None or not kin.has_ended(self._popen.pid):
            return None
        kin.kill_group(self._popen.pid)
        code = self._popen.wait()
        self._popen = None
        return code

    def failure(self) -> Failure | None:
        """Return what the process said of its own end, if it said anything."""
        for process in self._processes:
            path = error_file(self._run_dir, process)
            if path.exists():
                return msgspec.json.decode(path.read_bytes(), type=Failure)
        return None

    def death(self, code: int) -> Failure:
        """Return why a process ended with ``code``: what it said itself, else what is to be seen from outside."""
        said = self.failure()
        if said is not None:
            return said
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return Failure(1, f"process {self.name!r} {how}; its log: {self._run_dir / 'logs' / (self.name + '.log')}")
