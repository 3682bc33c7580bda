"""The pacer: rates, pauses and steps, on a clock that the test sets."""

from __future__ import annotations

import math
import time

import pytest

from selfcue.clock import Pacer

S = 1_000_000_000


class Wall:
    """The monotonic clock, by hand."""

    def __init__(self) -> None:
        self.ns = 5 * S

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    found = Wall()
    monkeypatch.setattr(time, "monotonic_ns", found)
    return found


def release(pacer: Pacer, wall: Wall, tick_ns: int) -> float:
    """Wait for a tick and let it through; return how long that took."""
    wait_s = pacer.wait_s(tick_ns)
    wall.ns += round(wait_s * S)
    pacer.passed(tick_ns)
    return wait_s


def test_ticks_are_held_to_the_rate_and_lateness_is_made_up(wall: Wall) -> None:
    pacer = Pacer(2.0)
    assert [release(pacer, wall, tick * S) for tick in (100, 101, 104)] == [0.0, 0.5, 1.5]
    wall.ns += 2 * S  # a slow system
    assert [release(pacer, wall, tick * S) for tick in (105, 107, 109)] == [0.0, 0.0, 0.5]


def test_rate_0_never_waits(wall: Wall) -> None:
    pacer = Pacer(0.0)
    assert [release(pacer, wall, tick * S) for tick in (1, 50)] == [0.0, 0.0]


def test_a_new_rate_counts_from_the_last_tick(wall: Wall) -> None:
    pacer = Pacer(1.0)
    release(pacer, wall, 10 * S)
    pacer.rate = 4.0
    assert release(pacer, wall, 12 * S) == 0.5
    pacer.rate = 0.5
    assert release(pacer, wall, 13 * S) == 2.0


def test_a_pause_costs_no_time_and_steps_pass_one_by_one(wall: Wall) -> None:
    pacer = Pacer(1.0)
    release(pacer, wall, 10 * S)
    pacer.pause()
    assert pacer.wait_s(11 * S) == math.inf
    wall.ns += 60 * S
    pacer.step(2)
    assert [release(pacer, wall, tick * S) for tick in (11, 12)] == [0.0, 0.0]
    assert pacer.wait_s(13 * S) == math.inf
    wall.ns += 60 * S
    pacer.resume()
    assert release(pacer, wall, 13 * S) == 1.0


def test_what_was_jumped_over_is_not_waited_for(wall: Wall) -> None:
    pacer = Pacer(1.0)
    release(pacer, wall, 10 * S)
    pacer.jumped()
    assert release(pacer, wall, 500 * S) == 0.0
    assert release(pacer, wall, 501 * S) == 1.0
