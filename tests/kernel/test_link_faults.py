"""Processes that die, stop and come back while arrays flow: the others go on, no array is torn, nothing is left."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from selfcue.bus import Bus
from selfcue.directory import FolderDirectory
from selfcue.qos import Qos
from selfcue.transport import shm
from tests.kernel.buses import gather, meet, number_of, picture, some_buses, wait_for

CHILD = """
import sys, time
from selfcue.bus import Bus
from selfcue.directory import FolderDirectory
from selfcue.qos import Qos
from tests.kernel.buses import picture, number_of
role = sys.argv[1]
bus = Bus("child", FolderDirectory())
if role != "talk":
    bus.subscribe("t", {"hold": Qos.every(), "view": Qos.keep(99).views(), "latest": Qos.latest()}[role])
bus.enter({"t": "Image"})
kept, i = [], 0
while True:
    bus.connect_present(every_s=0.1)
    if role == "talk":
        i += 1
        bus.publish("t", picture(i))
        bus.poll(0.001)
    else:
        for one in bus.poll(0.05):
            print(number_of(one), flush=True)
            if role == "view":
                kept.append(one)
"""


@pytest.fixture
def make_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bus]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    monkeypatch.setenv("SELFCUE_DOMAIN", "test")
    with some_buses() as make:
        yield make


@contextmanager
def child(role: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", CHILD, role], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def heard_so_far(process: subprocess.Popen[str]) -> list[int]:
    """Return what waits in the pipe now, past Python's own buffer."""
    assert process.stdout is not None
    text = b""
    while select.select([process.stdout], [], [], 0)[0]:
        chunk = os.read(process.stdout.fileno(), 1 << 16)
        if not chunk:
            break
        text += chunk
    return [int(number) for number in text.split()]


def until_near(bus: Bus) -> None:
    wait_for(lambda: any(line.session.near for line in bus._outgoing.lines("t")), bus)


def rings(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("selfcue-*"))


@pytest.mark.parametrize("role", ["hold", "view"])
def test_slots_that_a_killed_subscriber_kept_come_back(make_bus, tmp_path: Path, role: str) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t", Qos.latest())
    meet(a, b)
    with child(role) as process:
        wait_for(lambda: len(a._outgoing.lines("t")) == 2, a, b)
        a.publish("t", picture(1))
        assert heard(process) == 1
        process.send_signal(signal.SIGSTOP)
        for i in range(90):
            a.publish("t", picture(i))
            a.poll(0)
            gather(b, 1)
        assert a._pool is not None
        stuck = dict(a._pool.busy)
        assert bool(stuck) == (role == "hold")  # who only looks at a view is passed over
        process.kill()
        process.wait()
        wait_for(lambda: a.subscribers == ["b"], a, b)
        for i in range(40):
            a.publish("t", picture(i))
            assert [number_of(one) for one in gather(b, 1)] == [i]
        assert a._pool.busy == stuck
    b.close()
    a.close()
    shm.reap()
    assert rings(tmp_path) == []


def test_a_stopped_subscriber_holds_nobody_up_and_wakes_to_the_newest(make_bus) -> None:
    a = make_bus("a")
    with child("latest") as process:
        until_near(a)
        deadline = time.monotonic() + 30
        while not heard_so_far(process):  # said again until it is heard: the ears may not be up yet
            assert time.monotonic() < deadline
            a.publish("t", picture(1))
            a.poll(0.05)
        process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        for i in range(2, 700):  # more than the bell holds
            a.publish("t", picture(i % 251))
        assert time.monotonic() - begin < 60
        process.send_signal(signal.SIGCONT)
        a.publish("t", picture(250))
        deadline = time.monotonic() + 30
        while 250 not in heard_so_far(process):  # the bell was full: the newest comes as soon as there is room
            assert time.monotonic() < deadline
            a.poll(0.01)


def test_publishers_killed_in_the_middle_of_writing_leave_neither_torn_arrays_nor_files(make_bus, tmp_path) -> None:
    kill_publishers(make_bus, tmp_path, times=5)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_publishers_killed_200_times(make_bus, tmp_path) -> None:
    kill_publishers(make_bus, tmp_path, times=200)


def kill_publishers(make_bus: Callable[..., Bus], folder: Path, *, times: int) -> None:
    """Kill a publisher at random moments of its stream, again and again."""
    rng = np.random.default_rng(7)
    listener = make_bus("listener")
    listener.subscribe("t", Qos.keep(99).views())
    for _ in range(times):
        with child("talk") as process:
            deadline, end = time.monotonic() + 30, None
            while end is None or time.monotonic() < end:
                listener.connect_present(every_s=0.05)
                for one in listener.poll(0.02):
                    number_of(one)  # fails where it is torn
                    end = end or time.monotonic() + float(rng.uniform(0.0, 0.1))
                assert time.monotonic() < deadline
            process.kill()
    gc.collect()
    wait_for(lambda: FolderDirectory().cards()[0].name == "listener", listener)
    proof = listener._incoming._proof
    assert proof is not None
    shm.reap()
    assert rings(folder) == [proof.name]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_starts_and_stops_leak_no_descriptor(make_bus, tmp_path: Path) -> None:
    a = make_bus("a")

    def cycle(i: int) -> None:
        with some_buses() as make:
            b = make("b")
            b.subscribe("t")
            meet(a, b)
            a.publish("t", picture(i % 251))
            assert len(gather(b, 1)) == 1
        a.connect_present()
        a.forget_gone(after_s=0.0)

    for i in range(20):
        cycle(i)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for i in range(1000):
        cycle(i)
    deadline = time.monotonic() + 10
    while len(list(Path("/proc/self/fd").iterdir())) > before and time.monotonic() < deadline:
        a.poll(0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert len(rings(tmp_path)) == 2
