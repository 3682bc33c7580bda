"""One log's part of a fleet: what is to be done, what became of it, and the files that say so.

``OUT/jobs/NAME/`` holds ``job.json``, ``try-1.log`` (what the first try printed), ``try-1/`` (its files) and, once it
is decided, ``result.json``, which is written aside and renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from selfcue import __version__
from selfcue.learners.fleet.task import Findings
from selfcue.state import sync_folder

RESULT = "result.json"
How = Literal["done", "failed", "killed", "late", "lost", "stopped"]


class Job(msgspec.Struct, frozen=True):
    """What is to be done with one log.

    Attributes:
        name: of its folder; unique in the fleet.
        key: changes with anything that could change the result: log, task, settings, version.
        log, folder: absolute paths.
        timeout_s: a try may take this long; 0: as long as it likes.
    """

    name: str
    key: str
    log: str
    task: str
    settings: dict[str, Any]
    folder: str
    timeout_s: float = 0.0


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one try ended.

    Attributes:
        how: ``done``; ``failed``: the task said why; ``killed``: by a signal; ``late``: the time was up; ``lost``: with
            the machine or the worker of Ray that it ran on; ``stopped``: we were asked to.
        seconds: that it took, start of the process included.
        line: what is wrong, in one line.
        exit_code: of the process; negative: the signal.
        findings: of a try that was done.
    """

    how: How
    seconds: float
    line: str = ""
    exit_code: int = 0
    findings: Findings | None = None

    @property
    def for_good(self) -> bool:
        """Whether another try would end the same: usage, bad input, a missing dependency."""
        return self.how == "failed" and self.exit_code in (2, 3, 4)


class Result(msgspec.Struct, frozen=True):
    """What became of a job. ``tries``: every one of them, the last one counts."""

    job: Job
    tries: tuple[Ending, ...]

    @property
    def last(self) -> Ending:
        return self.tries[-1]

    @property
    def done(self) -> bool:
        return bool(self.tries) and self.last.how == "done"


def make_jobs(
    logs: list[Path], task: str, settings: Mapping[str, Any], out: Path, *, timeout_s: float = 0.0, inputs: str = ""
) -> list[Job]:
    """Return a job per log, in the order given; a log that is named twice gets one.

    Args:
        inputs: digest of what else goes in (weights).
    """
    jobs: dict[str, Job] = {}
    for log in logs:
        path = log.resolve()
        name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', path.stem)[:48] or 'log'}-{_digest(str(path))[:8]}"
        key = _digest(str(path), _stamp(path), task, msgspec.json.encode(settings, order="sorted").decode(), inputs,
                      __version__)  # fmt: skip
        folder = (out / "jobs" / name).resolve()
        jobs[name] = Job(name, key, str(path), task, dict(settings), str(folder), timeout_s)
    return list(jobs.values())


def kept_result(job: Job) -> Result | None:
    """Return what was found for ``job`` before; None where nothing was, or for another log or other settings."""
    try:
        kept = msgspec.json.decode((Path(job.folder) / RESULT).read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError):
        return None
    return kept if kept.job.key == job.key else None


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` aside, bring it onto the disk, and rename: a reader finds all of it, or what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _slow(file)


def _slow(file: Any) -> str:
    hasher = hashlib.sha256()  # Python 3.10 has no file_digest
    while block := file.read(1 << 20):
        hasher.update(block)
    return hasher.hexdigest()


def _stamp(path: Path) -> str:
    """Return a word that changes when the log does: number, sizes and newest change of its files."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    found = [one.stat() for one in files]
    return f"{len(found)} {sum(one.st_size for one in found)} {max((one.st_mtime_ns for one in found), default=0)}"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
