"""One clock for all: the wall's, or one that a simulator or player drives."""

from __future__ import annotations

import math
import time
from typing import Protocol

from selfcue.transport import shm


class Clock(Protocol):
    """Time of the whole system in nanoseconds; it never goes back.

    Attributes:
        domain: names what the time is counted from. Stamps of one domain can be compared; between two of them lies an
            offset, and each may be set or run slower by itself.
    """

    @property
    def domain(self) -> str: ...

    def now_ns(self) -> int: ...


def wall_offset_ns() -> int:
    """Return what the wall is ahead of the monotonic clock now [ns]."""
    return time.time_ns() - time.monotonic_ns()


class WallClock:
    """Wall time that does not jump: the wall is read once, then the monotonic clock counts on.

    Args:
        offset_ns: what the wall was ahead of the monotonic clock when it was read; now, where it is not given. The
            processes of a run share one: a process that is started again after the wall was set (by hand, by NTP)
            must not live in another time than the others.
    """

    def __init__(self, offset_ns: int | None = None) -> None:
        self._offset_ns = wall_offset_ns() if offset_ns is None else offset_ns

    @property
    def domain(self) -> str:
        """``wall-`` and the boot of this machine: all processes here count on one monotonic clock."""
        return f"wall-{shm.boot()}"

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._offset_ns


class TickClock:
    """Time of the current tick, set by the lock-step; it is the same in every process of a run, on any machine."""

    domain = "ticks"

    def __init__(self) -> None:
        self._now_ns = 0

    def now_ns(self) -> int:
        return self._now_ns

    def advance(self, now_ns: int) -> None:
        """Move to the time of a tick. Raises ValueError where time would go back."""
        if now_ns < self._now_ns:
            raise ValueError(f"time would go back from {self._now_ns} to {now_ns} ns")
        self._now_ns = now_ns


class Pacer:
    """Holds a simulated or player's clock to ``rate`` x real time; rate 0 does not wait.

    It may be paused, let go for some ticks, and told another rate at any time; a new rate counts from the last tick on.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._start: tuple[int, int] | None = None  # wall and tick from which the rate counts
        self._last: tuple[int, int] | None = None
        self._paused = False
        self._steps = 0

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate, self._start = rate, self._last

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Let no tick through until told otherwise."""
        self._paused, self._steps = True, 0

    def resume(self) -> None:
        """Go on, as if no time had passed meanwhile."""
        self._paused, self._steps = False, 0
        if self._last is not None:
            self._start = time.monotonic_ns(), self._last[1]

    def step(self, ticks: int = 1) -> None:
        """Pause, and let so many ticks through at once."""
        self._paused = True
        self._steps += ticks

    def jumped(self) -> None:
        """The next tick is due at once, whatever time it has: what lies between was not waited for."""
        self._start = None

    def wait_s(self, tick_ns: int) -> float:
        """Return how long to wait before the tick at ``tick_ns`` is due (0: due or late; infinite: while paused)."""
        if self._paused:
            return 0.0 if self._steps else math.inf
        if self._rate <= 0:
            return 0.0
        wall_ns = time.monotonic_ns()
        if self._start is None:
            self._start = (wall_ns, tick_ns)
        due_ns = self._start[0] + (tick_ns - self._start[1]) / self._rate
        return max(0.0, (due_ns - wall_ns) * 1e-9)

    def passed(self, tick_ns: int) -> None:
        """Note that the tick at ``tick_ns`` was let through."""
        self._last = time.monotonic_ns(), tick_ns
        self._steps = max(0, self._steps - 1)
