"""Viewers: what a node is delayed by one that is slowed, stopped or killed, against the same node without any."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.errors import SelfcueError

MOST_MS = 1.0
ALONE = "no viewer"
VIEWERS = {"status page": (), "foxglove": ("--foxglove",), "rerun": ("--rerun-web",)}
NEEDS = {"foxglove": "foxglove", "rerun": "rerun"}
STATES = ("runs", "slowed", "stopped", "killed")
"""``slowed``: it gets a tenth of its time, in slices; ``stopped``: SIGSTOP; ``killed``: SIGKILL in the middle."""
_SLICE_S = 0.1
_SETTLE_S = 2.0


@dataclass(frozen=True)
class Effort:
    """Seconds of each state, and how often all of it is done."""

    state_s: float
    repeats: int


FULL, QUICK = Effort(20.0, 3), Effort(4.0, 1)


@dataclass(frozen=True)
class Stretch:
    """A time in which the node was looked at by ``viewer`` in ``state``."""

    repeat: int
    viewer: str
    state: str
    begin_s: float
    end_s: float


def measure(work: Path, *, quick: bool) -> BenchResult:
    """Let one node publish all the time; viewers come, suffer and go."""
    effort = QUICK if quick else FULL
    load = os.getloadavg()[0]
    here = [name for name in VIEWERS if name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None]
    work.mkdir(parents=True, exist_ok=True)
    stretches: list[Stretch] = []
    domain = {**os.environ, "SELFCUE_DOMAIN": f"viewers{os.getpid()}", "OMP_NUM_THREADS": "1"}
    out = work / "node.npy"
    out.unlink(missing_ok=True)
    node = subprocess.Popen([sys.executable, "-m", "selfcue.benchmarks.viewers_node", str(out)],
                            stdin=subprocess.PIPE, env=domain)  # fmt: skip
    try:
        with Progress(transient=True) as progress:
            steps = list(itertools.product(range(effort.repeats), here))
            for repeat, name in progress.track(steps, description="viewers"):
                time.sleep(_SETTLE_S)
                begin_s = time.monotonic()
                time.sleep(effort.state_s)
                stretches.append(Stretch(repeat, ALONE, "", begin_s, time.monotonic()))
                stretches += _suffer(repeat, name, effort, domain)
        node.communicate(timeout=30)
    finally:
        if node.poll() is None:
            node.kill()
            node.wait()
    if not out.exists():
        raise SelfcueError("the node failed; run it by itself: python -m selfcue.benchmarks.viewers_node OUT.npy")
    rows = np.load(out, allow_pickle=False)
    shutil.rmtree(work, ignore_errors=True)
    loads = f"{load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end, on {os.cpu_count()} cores"
    notes = [
        f"load of the machine (1 min) {loads}; lateness means something on a quiet machine alone",
        f"640 x 480 pictures at 30 Hz and IMU at 200 Hz; {effort.state_s:g} s a state, repeated {effort.repeats} times",
        "each repeat has its own time without a viewer; a browser listens to the status page",
        "late: past its due time when published; own: publish's waiting and work, not what others took of the machine",
        *(f"left out: {name}, which is not installed" for name in VIEWERS if name not in here),
    ]
    return BenchResult("viewers", quick, table(stretches, rows), claims(stretches, rows, effort), notes)


# -- viewers ----------------------------------------------------------------------------------------------------------


def _suffer(repeat: int, name: str, effort: Effort, domain: dict[str, str]) -> Iterator[Stretch]:
    """Start a viewer and put it through all states."""
    with _viewer(name, domain) as process:
        time.sleep(_SETTLE_S)
        for state in STATES:
            begin_s = time.monotonic()
            end_s = begin_s + effort.state_s
            if state == "slowed":
                while time.monotonic() < end_s:
                    process.send_signal(signal.SIGSTOP)
                    time.sleep(0.9 * _SLICE_S)
                    process.send_signal(signal.SIGCONT)
                    time.sleep(0.1 * _SLICE_S)
            elif state == "killed":
                time.sleep(effort.state_s / 2)
                process.kill()
            elif state == "stopped":
                process.send_signal(signal.SIGSTOP)
            time.sleep(max(0.0, end_s - time.monotonic()))
            if state == "stopped":
                process.send_signal(signal.SIGCONT)
            yield Stretch(repeat, name, state, begin_s, time.monotonic())
            time.sleep(_SETTLE_S / 4)


@contextlib.contextmanager
def _viewer(name: str, domain: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """``selfcue view``, with somebody who looks where it is a page."""
    words = [sys.executable, "-u", "-m", "selfcue", "view", "--port", "0", *VIEWERS[name]]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=domain,
                               start_new_session=True)  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split(" ")[0]
        if not url:
            raise SelfcueError(f"the viewer {name} did not start; try: selfcue view {' '.join(VIEWERS[name])}")
        if name == "status page":
            threading.Thread(target=_look, args=(url,), daemon=True).start()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End a viewer and what it started."""
    import psutil

    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.kill()
    if process.stdout is not None:
        process.stdout.close()


def _look(url: str) -> None:
    """Read the page's events and a picture now and then, until it is gone."""
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(f"{url}events", timeout=60) as events:  # noqa: S310 - loopback
        while events.readline():
            urllib.request.urlopen(f"{url}picture?topic=camera/image", timeout=60).read()  # noqa: S310


# -- figures ----------------------------------------------------------------------------------------------------------


def _within(rows: np.ndarray, stretch: Stretch) -> np.ndarray:
    return rows[(rows[:, 0] >= stretch.begin_s) & (rows[:, 0] < stretch.end_s)]


def _of(stretches: list[Stretch], rows: np.ndarray, viewer: str, state: str, repeat: int | None = None) -> np.ndarray:
    found = [_within(rows, one) for one in stretches
             if (one.viewer, one.state) == (viewer, state) and repeat in (None, one.repeat)]  # fmt: skip
    return np.concatenate(found) if found else rows[:0]


def delays(rows: np.ndarray, usual_ms: float) -> int:
    """Return how many calls of ``publish`` took, by their own doing, more than ``MOST_MS`` above ``usual_ms``."""
    return int((rows[:, 3] > usual_ms + MOST_MS).sum())


def usual(stretches: list[Stretch], rows: np.ndarray) -> float:
    """Return the p99 of what ``publish`` takes by its own doing without a viewer [ms]; NaN where that is unknown."""
    alone = _of(stretches, rows, ALONE, "")
    return float(np.percentile(alone[:, 3], 99)) if len(alone) else float("nan")


def table(stretches: list[Stretch], rows: np.ndarray) -> list[dict[str, Any]]:
    """Return a row for each viewer and state, all repeats together."""
    found = []
    for viewer, state in dict.fromkeys((one.viewer, one.state) for one in stretches):
        mine = _of(stretches, rows, viewer, state)
        row: dict[str, Any] = {"viewer": viewer, "it": state, "messages": len(mine)}
        for name, column in (("publish", 2), ("own", 3), ("late", 1)):
            for word, share in (("p50", 50.0), ("p99", 99.0), ("max", 100.0)):
                row[f"{name} {word} ms"] = float(np.percentile(mine[:, column], share)) if len(mine) else None
        found.append({**row, "delayed": delays(mine, usual(stretches, rows))})
    return found


def claims(stretches: list[Stretch], rows: np.ndarray, effort: Effort) -> list[Claim]:
    """Return the claims: nothing waits for a viewer, and what it costs otherwise is below 1 ms."""
    looked = [one for one in stretches if one.viewer != ALONE]
    usual_ms = usual(stretches, rows)
    delayed = sum(delays(_within(rows, one), usual_ms) for one in looked)
    alone = _of(stretches, rows, ALONE, "")
    number = sum(len(_within(rows, one)) for one in looked)
    made = [
        Claim("delays", "publish() calls delayed by more than 1 ms while a viewer ran, was slowed, stopped or killed",
              "0", float(delayed), delayed == 0 and number > 0 and len(alone) > 0,
              f"of {number}: own time above its p99 without a viewer, {usual_ms:.2f} ms; "
              f"without one {delays(alone, usual_ms)} of {len(alone)}")
    ]  # fmt: skip
    for name, column in (("publish", 2), ("lateness", 1)):
        worst, where = -np.inf, ""
        for viewer, state in dict.fromkeys((one.viewer, one.state) for one in looked):
            more = [_more(stretches, rows, viewer, state, repeat, column) for repeat in range(effort.repeats)]
            value = statistics.median(more)
            if value > worst:
                worst, where = value, f"{viewer} {state}"
        claim = f"p99 of a node's {name} with a viewer less that without, the worst of all viewers and states [ms]"
        made.append(Claim(f"p99 {name}", claim, f"<= {MOST_MS:g} ms", float(worst), worst <= MOST_MS,
                          f"{where}; median of {effort.repeats} differences, one a repeat"))  # fmt: skip
    return made


def _more(stretches: list[Stretch], rows: np.ndarray, viewer: str, state: str, repeat: int, column: int) -> float:
    mine, alone = (_of(stretches, rows, *which, repeat) for which in ((viewer, state), (ALONE, "")))
    if not len(mine) or not len(alone):
        return float("inf")
    return float(np.percentile(mine[:, column], 99) - np.percentile(alone[:, column], 99))
