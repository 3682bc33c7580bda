"""One try of one job: a process of its own, with its own log, its own time limit, and its own system on the bus."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from selfcue import kin
from selfcue.directory import FolderDirectory
from selfcue.learners.fleet.job import Ending, How, Job, write_whole
from selfcue.learners.fleet.task import Findings
from selfcue.learners.fleet.worker import ERROR, FINDINGS
from selfcue.process import Failure

GRACE_S = 4.0
"""Between TERM and KILL: a run stops its own processes in that time."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LOOK_S = 0.05
_numbers = itertools.count()


class Attempt:
    """A try that is under way.

    Args:
        number: 1 for the first try; earlier tries' files stay where they are.
    """

    def __init__(self, job: Job, number: int) -> None:
        self.job, self.number = job, number
        self._work = Path(job.folder) / f"try-{number}"
        self._asked: How | None = None
        self._kill_at_s = 0.0
        self._began_s = time.monotonic()
        self._domain = f"fleet-{os.getpid()}-{next(_numbers)}"
        path = Path(job.folder) / "job.json"
        write_whole(path, msgspec.json.encode(job))
        environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "SELFCUE_DOMAIN": self._domain}
        command = [sys.executable, "-m", "selfcue.learners.fleet.worker", str(path), str(number), str(os.getpid())]
        with self.log_file.open("wb") as log:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C of the terminal reaches us alone; and a group to kill
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def log_file(self) -> Path:
        return self._work.with_suffix(".log")

    def poll(self) -> Ending | None:
        """Return how it ended; None while it runs. Sees to the time limit, and to what was asked to stop."""
        now_s = time.monotonic()
        if not kin.has_ended(self._popen.pid):
            if self.job.timeout_s and now_s - self._began_s > self.job.timeout_s:
                self.stop("late")
            if self._asked is not None and now_s > self._kill_at_s:
                kin.kill_group(self._popen.pid)
            return None
        kin.kill_group(self._popen.pid)  # what it left in its group, while the number is still its own
        code = self._popen.wait()
        self._clear_up()
        return self._ending(code, now_s - self._began_s)

    def stop(self, why: How = "stopped") -> None:
        """Ask it to end; ``poll`` carries it through."""
        if self._asked is None:
            self._asked, self._kill_at_s = why, time.monotonic() + GRACE_S
            self._popen.send_signal(signal.SIGTERM)

    def wait(self) -> Ending:
        """Return how it ended, once it has; where this is interrupted, it is killed."""
        try:
            while (ending := self.poll()) is None:
                time.sleep(_LOOK_S)
            return ending
        finally:
            if self._popen.returncode is None:
                kin.kill_group(self._popen.pid)
                self._popen.wait()
                self._clear_up()

    def _ending(self, code: int, seconds: float) -> Ending:
        findings, failure = self._work / FINDINGS, self._work / ERROR
        if findings.exists() and code == 0:
            return Ending("done", seconds, findings=msgspec.json.decode(findings.read_bytes(), type=Findings))
        if self._asked == "late":
            return Ending("late", seconds, f"took longer than {self.job.timeout_s:g} s", code)
        if self._asked is not None:
            return Ending("stopped", seconds, "stopped", code)
        if failure.exists():
            said = msgspec.json.decode(failure.read_bytes(), type=Failure)
            return Ending("failed", seconds, said.line, said.exit_code)
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (out of memory, or somebody killed it)" if name == "SIGKILL" else ""
            return Ending("killed", seconds, f"was killed by {name}{hint}; its log: {self.log_file}", code)
        return Ending("failed", seconds, f"ended with exit code {code}; its log: {self.log_file}", code or 1)

    def _clear_up(self) -> None:
        """Remove what a killed system left on the bus: its cards, sockets and shared memory."""
        shutil.rmtree(FolderDirectory(self._domain).folder, ignore_errors=True)
