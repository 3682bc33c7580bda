"""Starts the processes of a run, watches them, starts them again where it may, and stops them: on time, all of them.

When a process ends that nobody told to (``selfcue.restart`` has the order of the decision), the run ends, or it is
started again after a back-off. One that hangs (no life sign for ``silent_s``) is killed and counts as failed.

Order of a stop (Ctrl-C, the end of the supervisor itself; after a failure it begins at 2):

1. INT to the owner of the clock, which ends its tick, takes a snapshot and tells all others to stop (live: INT to all);
2. after ``STOP_S`` TERM to whatever is left: every wait ends, nodes still save their work;
3. after ``ABORT_S`` more KILL, to all that the process started too.

Children also end with the supervisor (``selfcue.kin``), so nothing is left behind by ``kill -9`` either.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfcue import logs
from selfcue.child import Child
from selfcue.clock import wall_offset_ns
from selfcue.config.launch import RestartSpec
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.messages import ProcessState, ProcessStatus
from selfcue.process import TOGETHER, Failure
from selfcue.system import System

if TYPE_CHECKING:
    from typing_extensions import Self

STOP_S = 1.2
ABORT_S = 0.8
_LOOK_S = 0.1
_OURS = logging.getLogger("selfcue")


class Supervisor:
    """Runs one system; a context manager that leaves no process behind.

    Args:
        one_process: run every process of the launch file as a thread of one child; such a child is never restarted.
        on_change: called with each new status of a process, from ``start``, ``alive`` and ``heard``.
    """

    def __init__(
        self,
        system: System,
        run_dir: Path,
        *,
        one_process: bool = False,
        on_change: Callable[[ProcessStatus], None] | None = None,
    ) -> None:
        self._system, self._run_dir, self._on_change = system, run_dir, on_change
        groups = {TOGETHER: list(system.spec.processes)} if one_process else {p: [p] for p in system.spec.processes}
        self._children = {
            name: Child(system, run_dir, name, group, system.spec.restart.get(name, RestartSpec()))
            for name, group in groups.items()
        }
        self._child_of = {process: self._children[name] for name, group in groups.items() for process in group}
        self._stopping_since: float | None = None
        self._failure: Failure | None = None
        self._directory = FolderDirectory(system.domain)
        self._looked_s = 0.0
        self._log = logging.getLogger("selfcue.supervisor")
        self._log_file: logging.Handler | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        while self.alive():
            time.sleep(0.01)
        if self._log_file is not None:
            _OURS.removeHandler(self._log_file)
            _OURS.propagate = True
            self._log_file.close()

    def start(self) -> None:
        """Start every process of the system, each with its own log ``logs/PROCESS.log``."""
        self._log_file = logs.handler(logs.file_of(self._run_dir, "supervisor"))
        self._log.setLevel(logging.INFO)
        _OURS.propagate = (
            False  # the bus's words too: the terminal belongs to the run's own view and its one error line
        )
        _OURS.addHandler(self._log_file)
        replace(self._system, wall_offset_ns=wall_offset_ns()).write(self._run_dir)
        for child in self._children.values():
            child.start()
            self._tell(child)

    @property
    def statuses(self) -> list[ProcessStatus]:
        """What is known of each process, in the launch file's order."""
        return [child.status for child in self._children.values()]

    @property
    def complete(self) -> bool:
        """Whether every process is up (or has done its work)."""
        return all(status.state in ("up", "ended") for status in self.statuses)

    def heard(self, process: str) -> None:
        """Take note of a life sign of ``process``."""
        child = self._child_of.get(process)
        if child is not None and child.running:
            child.life_sign_s = time.monotonic()
            if child.status.state == "starting":
                self._note(child, "up", child.status.reason)

    def alive(self) -> list[str]:
        """Return the processes that run or will be started again; see to those that ended, hang, or wait."""
        for child in self._children.values():
            code = child.reap()
            if code is not None:
                self._see_to(child, code)
            elif self._stopping_since is None:
                self._start_again(child)
                self._end_hanging(child)
        self._look_for_newcomers()
        if self._stopping_since is not None:
            self._push(time.monotonic() - self._stopping_since)
        return [name for name, child in self._children.items() if child.running or child.again_at_s is not None]

    def stop(self) -> None:
        """Begin to stop everything; ``alive`` carries it through."""
        if self._stopping_since is not None:
            return
        self._begin_to_stop()
        owner = self._system.owner
        conductor = self._child_of[owner[0]] if owner else None
        whom = [conductor] if conductor is not None and conductor.running else list(self._children.values())
        for child in whom:
            child.signal(signal.SIGINT)

    def _begin_to_stop(self, *, since_s: float = 0.0) -> None:
        self._stopping_since = time.monotonic() - since_s
        for child in self._children.values():
            child.again_at_s = None

    def _push(self, waited_s: float) -> None:
        for child in self._children.values():
            if waited_s > STOP_S + ABORT_S:
                child.signal(signal.SIGKILL)
            elif waited_s > STOP_S:
                child.signal(signal.SIGTERM)

    def _see_to(self, child: Child, code: int) -> None:
        """Decide what follows from the end of ``child``."""
        if self._stopping_since is not None:
            told = code in (0, -signal.SIGTERM) and child.failure() is None  # TERM may come while it is leaving already
            self._note(child, "ended" if told else "failed", "" if told else child.death(code).line)
            return
        now_s = time.monotonic()
        verdict = child.restarts.ended(now_s, clean=code == 0)
        reason = "ended cleanly" if code == 0 else child.death(code).line
        if verdict.what == "over":
            self._note(child, "ended", "")
        elif verdict.what == "again":
            child.again_at_s = now_s + verdict.wait_s
            self._note(child, "waiting", reason)
        else:
            failure = Failure(1, reason) if code == 0 else child.death(code)
            if verdict.number:
                times = f"{verdict.number} restarts within {child.restarts.spec.window_s:g} s were not enough"
                failure = Failure(failure.exit_code, f"{failure.line} ({child.name}: {times})")
            self._failure = failure
            self._note(child, "failed", failure.line)
            self._begin_to_stop(since_s=STOP_S)  # the others may wait for the dead: go straight to TERM

    def _start_again(self, child: Child) -> None:
        if child.again_at_s is not None and time.monotonic() >= child.again_at_s:
            child.start()
            self._tell(child)

    def _look_for_newcomers(self) -> None:
        """A card in the directory is the first sign of a process: it is wired, and from now on it may hang."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S or not any(status.state == "starting" for status in self.statuses):
            return
        self._looked_s = now_s
        for card in self._directory.cards():
            child = self._child_of.get(card.name)
            if child is not None and child.status.pid == card.pid and child.status.state == "starting":
                self.heard(card.name)

    def _end_hanging(self, child: Child) -> None:
        spec = child.restarts.spec
        if spec.policy == "never" or not spec.silent_s or child.life_sign_s is None or not child.running:
            return
        if time.monotonic() - child.life_sign_s > spec.silent_s:
            self._log.warning("process=%s silent_s=%g: taken for hung, killed", child.name, spec.silent_s)
            child.life_sign_s = None
            child.signal(signal.SIGKILL)

    def failure(self) -> Failure | None:
        """Return what ended the run, where it was not a clean end: what a process said of itself comes first."""
        if self._failure is not None:
            return self._failure
        return next((said for said in (child.failure() for child in self._children.values()) if said), None)

    def raise_failure(self) -> None:
        """Raise a SelfcueError with the exit code of what ended the run, if anything did."""
        failure = self.failure()
        if failure is not None:
            error = SelfcueError(failure.line)
            error.exit_code = failure.exit_code
            raise error

    def _note(self, child: Child, state: ProcessState, reason: str) -> None:
        child.note(state, reason)
        self._tell(child)

    def _tell(self, child: Child) -> None:
        status = child.status
        self._log.info(
            "process=%s state=%s pid=%d restarts=%d reason=%s",
            status.process, status.state, status.pid, status.restarts, status.reason or "-",
        )  # fmt: skip
        if self._on_change is not None:
            self._on_change(status)
