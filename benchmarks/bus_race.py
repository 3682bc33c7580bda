"""Races: the same plan over each transport in turn, again and again, so that all meet the same load of the machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from rich.progress import Progress

from selfcue.benchmarks.bus_ends import Phase
from selfcue.benchmarks.bus_transports import domain
from selfcue.errors import SelfcueError

LEAVE_S = 2.0
"""A sender that its receiver has left may wait for it in vain."""


@dataclass
class Score:
    """One transport at one phase: a value per repeat.

    Attributes:
        p50_us, p99_us: one way, until every byte was read.
        mb_per_s: of what arrived, where messages were sent without a pause.
        lost, damaged: sums over all repeats.
    """

    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    mb_per_s: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    lost: int = 0
    damaged: int = 0

    def add(self, phase: Phase, times_ns: list[int], seconds: float, lost: int, damaged: int) -> None:
        """Take one repeat in."""
        self.lost += lost
        self.damaged += damaged
        if not times_ns:
            return
        ordered = sorted(times_ns)
        self.p50_us.append(ordered[len(ordered) // 2] / 1e3)
        self.p99_us.append(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / 1e3)
        if not phase.period_s and seconds > 0:
            self.mb_per_s.append(len(times_ns) * phase.size / seconds / 1e6)
            self.per_s.append(len(times_ns) / seconds)


Scores = dict[str, list[Score]]
"""Transport to one score per phase."""


def race(names: list[str], phases: list[Phase], repeats: int) -> tuple[Scores, list[str]]:
    """Run ``phases`` over each transport, ``repeats`` times in turn; return scores, and who failed with what."""
    scores: Scores = {name: [Score() for _ in phases] for name in names}
    failed: dict[str, str] = {}
    with Progress(transient=True) as progress:
        task = progress.add_task("race", total=repeats * len(names))
        for repeat in range(repeats):
            for turn in range(len(names)):
                name = names[(turn + repeat) % len(names)]  # nobody is always first
                if name not in failed:
                    try:
                        _run(name, phases, scores[name], f"{domain()}-{repeat}-{turn}")
                    except SelfcueError as error:
                        failed[name] = str(error)
                progress.advance(task)
    return scores, [f"{name}: {why}" for name, why in failed.items()]


def _run(name: str, phases: list[Phase], scores: list[Score], run: str) -> None:
    words = [name, run, msgspec.json.encode(phases).decode()]
    with _end("receive", words) as receiver, _end("send", words) as sender:
        try:
            assert receiver.stdout is not None
            assert sender.stdin is not None
            for wanted in ("here", "hearing"):
                if receiver.stdout.readline().strip() != wanted:
                    raise SelfcueError(f"the receiver was not {wanted}")
            sender.stdin.write("go\n")
            sender.stdin.flush()
            told = json.loads(receiver.stdout.readline() or "null")
            if told is None:
                raise SelfcueError("the receiver gave nothing")
            sender.stdin.write("end\n")
            sender.stdin.flush()
            with suppress(subprocess.TimeoutExpired):
                sender.wait(LEAVE_S)
        finally:
            for end in (sender, receiver):
                if end.poll() is None:
                    end.kill()
    for phase, score, count in zip(phases, scores, told["counts"], strict=True):
        score.add(phase, count["times_ns"], count["seconds"], count["lost"], count["damaged"])


def _end(role: str, words: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "selfcue.benchmarks.bus_ends", role, *words]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    )


def ratio(ours: list[float], theirs: list[float]) -> float | None:
    """Return the median over repeats of the ratio within each repeat; None where somebody has none."""
    pairs = list(zip(ours, theirs, strict=False))
    return statistics.median(one / other for one, other in pairs) if pairs else None
