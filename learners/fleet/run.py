"""Carries a fleet through: what is done is kept, what fails is tried again, and each log's end is on disk at once."""

from __future__ import annotations

import re
import shutil
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from selfcue.learners.fleet.job import RESULT, Ending, Job, Result, kept_result, write_whole
from selfcue.learners.fleet.pool import Pool

_WAIT_S = 0.2


@dataclass
class Fleet:
    """A fleet under way.

    Args:
        jobs: what is to be done.
        retries: further tries after one that failed, was killed, or took too long; bad input is not tried again.
        tell: called with a job and how a try of it ended, and whether it will be tried again.
        stop: set it to stop: what runs is stopped, and stays to be done.

    Attributes:
        results: by name of the job, as they are decided; those of earlier runs too.
    """

    jobs: Sequence[Job]
    retries: int = 1
    tell: Callable[[Job, Ending, bool], None] = lambda _job, _ending, _again: None
    stop: threading.Event = field(default_factory=threading.Event)
    results: dict[str, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for job in self.jobs:
            kept = kept_result(job)
            if kept is not None and kept.done:
                self.results[job.name] = kept

    @property
    def kept(self) -> int:
        """How many logs are decided."""
        return len(self.results)

    def run(self, make_pool: Callable[[], Pool]) -> list[Result]:
        """Do what is not done yet; return what there is of each job, in their order. No pool is made for nothing."""
        waiting = deque(job for job in self.jobs if job.name not in self.results)
        if waiting and not self.stop.is_set():
            self._run(waiting, make_pool())
        return [self.results[job.name] for job in self.jobs if job.name in self.results]

    def _run(self, waiting: deque[Job], pool: Pool) -> None:
        tries: dict[str, list[Ending]] = {job.name: [] for job in waiting}
        running: set[str] = set()
        try:
            while (waiting and not self.stop.is_set()) or running:
                while waiting and len(running) < pool.slots and not self.stop.is_set():
                    job = waiting.popleft()
                    running.add(job.name)
                    pool.start(job, _next_number(job))
                if self.stop.is_set():
                    pool.stop()
                for job, ending in pool.ended(_WAIT_S):
                    running.discard(job.name)
                    if ending.how == "stopped":
                        continue
                    mine = tries[job.name]
                    mine.append(ending)
                    again = ending.how != "done" and not ending.for_good and len(mine) <= self.retries
                    if again:
                        waiting.append(job)
                    else:
                        self._decide(Result(job, tuple(mine)))
                    self.tell(job, ending, again)
        finally:
            pool.close()

    def _decide(self, result: Result) -> None:
        folder = Path(result.job.folder)
        write_whole(folder / RESULT, msgspec.json.format(msgspec.json.encode(result)))
        self.results[result.job.name] = result
        tries = sorted((path for path in folder.glob("try-*") if path.is_dir()), key=_number)
        for earlier in tries[:-1]:  # their logs stay
            shutil.rmtree(earlier, ignore_errors=True)


def _next_number(job: Job) -> int:
    """Return the number of the next try: files of earlier ones, perhaps of an earlier run, are left alone."""
    return 1 + max((_number(path) for path in Path(job.folder).glob("try-*")), default=0)


def _number(path: Path) -> int:
    found = re.match(r"try-(\d+)", path.name)
    return int(found[1]) if found else 0
