"""A fleet on disk: what was asked for, and a lock, so that two do not work in one folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from selfcue.errors import BadInputError
from selfcue.learners.fleet.job import Job, file_digest, make_jobs, write_whole
from selfcue.learners.fleet.task import settings_for, task_class

FILE = "fleet.json"


class Plan(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        task: registered name, or ``package.module:Class``.
        settings: of the task.
        logs: absolute paths.
        inputs: files whose content goes in too (weights): settings by whose names they are given.
        timeout_s: for each try; 0: none.
    """

    task: str
    settings: dict[str, Any]
    logs: list[str]
    inputs: list[str] = []
    timeout_s: float = 0.0

    def jobs(self, out: Path) -> list[Job]:
        """Return the jobs, their logs and settings checked. Raises BadInputError or UsageError before any work."""
        settings_for(task_class(self.task), self.settings)
        for log in self.logs:
            if not Path(log).exists():
                raise BadInputError(f"{log}: no such log")
        digests = [_digest_of(self.settings[name]) for name in self.inputs if self.settings.get(name)]
        return make_jobs([Path(log) for log in self.logs], self.task, self.settings, out, timeout_s=self.timeout_s,
                         inputs=" ".join(digests))  # fmt: skip

    def write(self, out: Path) -> None:
        write_whole(out / FILE, msgspec.json.format(msgspec.json.encode(self)))

    @staticmethod
    def read(out: Path) -> Plan:
        """Raises BadInputError where ``out`` is not the folder of a fleet."""
        try:
            return msgspec.json.decode((out / FILE).read_bytes(), type=Plan)
        except FileNotFoundError:
            raise BadInputError(f"{out}: not the folder of a fleet (it has no {FILE})") from None
        except (OSError, msgspec.DecodeError) as error:
            raise BadInputError(f"{out / FILE}: {error}") from error


def _digest_of(path: str) -> str:
    try:
        return file_digest(Path(path))
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}") from error


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Hold the folder ``out``, making it where it is not there. Raises BadInputError where another fleet holds it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / ".lock").open("w")
    except OSError as error:
        raise BadInputError(f"{out}: cannot be written to ({error.strerror}); choose another --out") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInputError(f"{out}: another fleet works in this folder; wait, or choose another --out") from None
        yield
