"""Faults while a stream runs: killed, stopped and vanishing processes, late joiners, many starts. By the command line.

The long versions of the issue's figures are marked ``long``: ``pytest -m long tests/system/test_faults.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from selfcue.bus import Bus, Received
from selfcue.config import launch
from selfcue.directory import FolderDirectory
from selfcue.host import Host
from selfcue.messages import ProcessStatus
from selfcue.qos import Qos
from selfcue.system import System

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("camera", "checker", "beat", "echo")
STREAM = """
processes:
  camera: [{name: camera, node: "tests.kernel.live_toys:Camera", rate_hz: 50.0}]
  checker: [{name: checker, node: "tests.kernel.live_toys:Checker"}]
  beat: [{name: beat, node: "tests.kernel.live_toys:Beat", rate_hz: 50.0}]
  echo: [{name: echo, node: "tests.kernel.live_toys:Echo"}]
restart:
""" + "".join(
    f"  {name}: {{policy: on-failure, most: 1000, window_s: 1000.0, wait_s: 0.05, longest_wait_s: 0.2}}\n"
    for name in NAMES
)


class Stream:
    """A running system, and ears on the bus."""

    def __init__(self, folder: Path) -> None:
        (folder / "stream.yaml").write_text(STREAM)
        command = [sys.executable, "-m", "selfcue", "run", "stream.yaml", "--json", "--out", "run"]
        self.run = subprocess.Popen(command, cwd=folder, stdout=-1, stderr=-1, text=True)
        self.bus = Bus("ears", FolderDirectory())
        self.statuses: dict[str, ProcessStatus] = {}
        self.fresh: dict[str, Received] = {}
        for topic in ("checked", "echo"):
            self.bus.subscribe(topic, Qos.latest())
        self.bus.subscribe("system/process/")

    def until(self, true: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
        """Listen until ``true``."""
        deadline = time.monotonic() + timeout_s
        while not true():
            state = {name: status.state for name, status in self.statuses.items()}
            assert time.monotonic() < deadline, f"in vain: {what}; {state}; heard {sorted(self.fresh)}"
            assert self.run.poll() is None, self.run.communicate()
            self.hear(0.02)

    def hear(self, timeout_s: float) -> None:
        self.bus.connect_present(every_s=0.05)
        self.bus.forget_gone()
        for one in self.bus.poll(timeout_s):
            self.fresh[one.topic] = one
            if isinstance(one.message, ProcessStatus):
                self.statuses[one.message.process] = one.message

    def flows(self) -> None:
        """Wait for news of both streams."""
        self.fresh.clear()
        self.until(lambda: {"checked", "echo"} <= set(self.fresh), "both streams flow")

    def all_up(self) -> bool:
        return [self.statuses[n].state for n in NAMES if n in self.statuses] == ["up"] * len(NAMES)

    def pid(self, name: str) -> int:
        return self.statuses[name].pid

    def stop(self) -> int:
        self.run.send_signal(signal.SIGINT)
        self.run.communicate(timeout=20)
        return self.run.returncode


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path / "shm"))
    (tmp_path / "shm").mkdir()
    one = Stream(tmp_path)
    try:
        one.until(one.all_up, "all processes are up")
        one.flows()
        yield one
        assert one.stop() == 130
    finally:
        one.bus.close()
        one.run.kill()
        one.run.wait()
    assert left_behind(tmp_path) == []


def left_behind(folder: Path) -> list[str]:
    """Return what is left of processes, sockets, cards and shared memory."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    files = [path.name for path in [*FolderDirectory().folder.iterdir(), *(folder / "shm").iterdir()]]
    return [line for line in lines if str(folder) in line] + files


def kill_at_random(stream: Stream, times: int) -> None:
    """Kill so many processes at random moments; each is back, the others never noticed, and the stream flows."""
    rng = np.random.default_rng(times)
    for number in range(1, times + 1):
        victim = NAMES[int(rng.integers(len(NAMES)))]
        stream.until(stream.all_up, "all are up before the next")
        before = {name: stream.pid(name) for name in NAMES}
        restarts = stream.statuses[victim].restarts
        moment = time.monotonic() + float(rng.uniform(0, 0.2))
        while (left_s := moment - time.monotonic()) > 0:
            stream.hear(left_s)
        os.kill(before[victim], signal.SIGKILL)
        stream.until(lambda v=victim, r=restarts: stream.statuses[v].restarts == r + 1, f"{number}: {victim} is back")  # type: ignore[misc]
        stream.until(stream.all_up, f"{number}: {victim} is up")
        stream.flows()
        assert {n: stream.pid(n) for n in NAMES if n != victim} == {n: p for n, p in before.items() if n != victim}
        checked = stream.fresh["checked"].message
        assert checked.detail["torn"] == 0  # type: ignore[attr-defined]
        assert checked.detail["calibrations"] >= 1  # type: ignore[attr-defined]


@pytest.mark.slow
def test_any_process_may_be_killed_at_any_moment(stream: Stream) -> None:
    kill_at_random(stream, 5)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_any_process_may_be_killed_200_times(stream: Stream) -> None:
    kill_at_random(stream, 200)


@pytest.mark.slow
def test_a_stopped_subscriber_holds_nobody_up_and_goes_on_afterwards(stream: Stream) -> None:
    os.kill(stream.pid("checker"), signal.SIGSTOP)
    try:
        first = stream.fresh["echo"].count
        stream.until(lambda: stream.fresh["echo"].count > first + 100, "the others go on", timeout_s=30)
    finally:
        os.kill(stream.pid("checker"), signal.SIGCONT)
    stream.flows()
    assert stream.fresh["checked"].message.detail["torn"] == 0  # type: ignore[attr-defined]


@pytest.mark.slow
def test_subscribers_that_vanish_leave_nothing_and_hold_nobody_up(stream: Stream) -> None:
    listening = (
        "from selfcue.bus import Bus; from selfcue.directory import FolderDirectory; from selfcue.qos import Qos\n"
        "bus = Bus('guest', FolderDirectory()); bus.subscribe('image', Qos.{qos}); n = 0\n"
        "while n < 3:\n  bus.connect_present(every_s=0.1); n += len(bus.poll(0.1))\n"
        "print('heard', flush=True)\nwhile True: bus.poll(0.1)"
    )
    for qos in ("latest()", "reliable(4, deadline_s=0.2).views()"):
        with subprocess.Popen([sys.executable, "-c", listening.format(qos=qos)], stdout=-1, text=True) as guest:
            assert guest.stdout is not None
            assert guest.stdout.readline() == "heard\n"
            guest.kill()
        stream.flows()
    assert stream.all_up()


def test_a_late_joiner_gets_what_is_latched(stream: Stream) -> None:
    late = Bus("late", FolderDirectory())
    late.subscribe("calibration")
    got: list[Received] = []
    deadline = time.monotonic() + 30
    while not got and time.monotonic() < deadline:
        late.connect_present(every_s=0.05)
        got += late.poll(0.05)
    late.close()
    assert [one.message.stamp_ns for one in got] == [1]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def start_and_stop(folder: Path, times: int) -> None:
    """Run a live host in this process so often; what the first rounds open, the later ones close."""
    text = "processes: {only: [{name: beat, node: 'tests.kernel.live_toys:Beat', rate_hz: 200.0}]}"
    system = System("one", "one.yaml", launch.parse(text, name="one", origin="one.yaml").resolve({})[0], {}, "cycles")
    before = 0
    for number in range(times):
        host = Host(system, "only", folder, FolderDirectory())
        thread = threading.Thread(target=host.run)
        thread.start()
        deadline = time.monotonic() + 30
        while not any(card.name == "only" for card in FolderDirectory().cards()):
            assert time.monotonic() < deadline
        host.stop.set()
        thread.join(30)
        assert not thread.is_alive()
        if number == 2:
            before = descriptors()
    deadline = time.monotonic() + 20
    while descriptors() > before + 1:  # ZeroMQ closes the last sockets when it gets to it
        assert time.monotonic() < deadline, f"{descriptors()} descriptors, {before} after the first three rounds"


def cycles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path / "shm"))
    (tmp_path / "shm").mkdir()
    start_and_stop(tmp_path, times)
    assert left_behind(tmp_path) == []


def test_starting_and_stopping_leaks_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cycles(tmp_path, monkeypatch, 12)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_starts_leak_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cycles(tmp_path, monkeypatch, 1000)
