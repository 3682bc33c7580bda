"""Runs of the real command line for benchmarks: side by side, each in a domain of its own, and never done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.progress import Progress

from selfcue.errors import SelfcueError

PERIOD_S = 0.5
"""Between two looks at memory; each look costs the run some of its time."""


@dataclass(frozen=True)
class Job:
    """One command line: ``selfcue WORDS --out FOLDER --json``; ``weigh``: also watch its memory, at some cost."""

    name: str
    words: tuple[str, ...]
    weigh: bool = False


@dataclass(frozen=True)
class Done:
    """What a job gave.

    Attributes:
        report: the report as JSON.
        wall_s: from start to end of the command, imports and report included.
        peak_bytes: largest sum over its processes of proportional set size (shared memory once); 0: not weighed.
        folder: its run folder.
    """

    report: dict[str, Any]
    wall_s: float
    peak_bytes: int
    folder: Path


def run_all(jobs: Sequence[Job], folder: Path, *, side_by_side: int, title: str) -> dict[str, Done]:
    """Run ``jobs``, those that ``folder`` already holds whole excepted; return what each gave by name.

    Raises:
        SelfcueError: a job failed; the message is its last line.
    """
    with Progress(transient=True) as progress, ThreadPoolExecutor(side_by_side) as pool:
        task = progress.add_task(title, total=len(jobs))

        def one(job: Job) -> Done:
            done = _run(job, folder / job.name)
            progress.advance(task)
            return done

        return {job.name: done for job, done in zip(jobs, pool.map(one, jobs), strict=True)}


def _run(job: Job, folder: Path) -> Done:
    note = folder / "done.json"
    if note.exists():
        kept = json.loads(note.read_text())
        if tuple(kept["words"]) == job.words:
            return Done(kept["report"], kept["wall_s"], kept["peak_bytes"], folder)
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.cut-{time.time_ns()}"))
    environment = {**os.environ, "SELFCUE_DOMAIN": f"b{os.getpid()}-{job.name.replace('.', '-')}"[:32]}
    command = [sys.executable, "-m", "selfcue", *job.words, "--out", str(folder), "--json"]
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment) as process:
        peak = 0
        with ThreadPoolExecutor(1) as reader:
            output = reader.submit(process.communicate)
            while job.weigh and not output.done():
                peak = max(peak, _proportional_bytes(process.pid))
                time.sleep(PERIOD_S)
        out, err = output.result()
    wall_s = time.monotonic() - begin
    if process.returncode:
        raise SelfcueError(f"{job.name}: selfcue {' '.join(job.words)}: {err.strip().splitlines()[-1:] or 'failed'}")
    done = Done(json.loads(out), wall_s, peak, folder)
    kept = {"words": job.words, "report": done.report, "wall_s": wall_s, "peak_bytes": peak}
    note.write_text(json.dumps(kept))
    return done


def _proportional_bytes(pid: int) -> int:
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except (psutil.Error, AttributeError):
            continue
    return total
