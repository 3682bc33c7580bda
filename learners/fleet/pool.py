"""Where tries run: the interface, and the pool of local processes."""

from __future__ import annotations

import time
from typing import Protocol

from selfcue.learners.fleet.attempt import Attempt
from selfcue.learners.fleet.job import Ending, Job

_LOOK_S = 0.05


class Pool(Protocol):
    """Runs tries, at most ``slots`` at once. A try that dies takes nothing with it."""

    slots: int

    def start(self, job: Job, number: int) -> None:
        """Begin try ``number`` of ``job``."""
        ...

    def ended(self, timeout_s: float) -> list[tuple[Job, Ending]]:
        """Return the tries that ended, waiting for the first of them up to ``timeout_s``."""
        ...

    def stop(self) -> None:
        """Ask all tries to end; ``ended`` still says how each of them did."""
        ...

    def close(self) -> None:
        """Let go of everything; tries that still run are killed."""
        ...


class LocalPool:
    """A process per try on this machine. ``slots``: how many at once."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.running: dict[str, Attempt] = {}

    def start(self, job: Job, number: int) -> None:
        self.running[job.name] = Attempt(job, number)

    def ended(self, timeout_s: float) -> list[tuple[Job, Ending]]:
        deadline_s = time.monotonic() + timeout_s
        while True:
            polled = [(attempt, attempt.poll()) for attempt in self.running.values()]
            found = [(attempt.job, ending) for attempt, ending in polled if ending is not None]
            if found or time.monotonic() > deadline_s:
                break
            time.sleep(_LOOK_S)
        for job, _ in found:
            del self.running[job.name]
        return found

    def stop(self) -> None:
        for attempt in self.running.values():
            attempt.stop()

    def close(self) -> None:
        self.stop()
        while self.running:
            self.ended(1.0)
