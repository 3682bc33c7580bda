"""The wall's clock of a run: one for all its processes, whatever happens to the wall afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from selfcue.clock import TickClock, WallClock
from selfcue.config import launch
from selfcue.directory import MemoryDirectory
from selfcue.host import Host
from selfcue.supervisor import Supervisor
from selfcue.system import System

HOUR_NS = 3600 * 1_000_000_000


def test_a_set_wall_does_not_move_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    one = WallClock()
    before_ns = one.now_ns()
    wall: Callable[[], int] = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall() + HOUR_NS)
    assert 0 <= one.now_ns() - before_ns < HOUR_NS // 60
    late = WallClock()  # what a process did that was started after the wall was set
    assert late.now_ns() - one.now_ns() > HOUR_NS // 2


def test_all_processes_of_a_run_share_the_wall_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "processes: {p: [{name: n, node: 'tests.kernel.live_toys:Beat'}]}"
    system = System("one", "one.yaml", launch.parse(text, name="one", origin="one.yaml").resolve({})[0], {}, "clock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("selfcue.child.Child.start", lambda self: None)
    with Supervisor(system, tmp_path) as supervisor:
        supervisor.start()
    written = System.read(tmp_path)
    assert written.wall_offset_ns is not None
    wall: Callable[[], int] = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall() - HOUR_NS)  # set back before the process starts again
    host = Host(written, "p", tmp_path, MemoryDirectory(), again=True)
    assert abs(host._clock.now_ns() - wall()) < HOUR_NS // 60


def test_a_tick_never_goes_back() -> None:
    ticks = TickClock()
    ticks.advance(5)
    with pytest.raises(ValueError, match="time would go back from 5 to 4 ns"):
        ticks.advance(4)
