"""The floor under noisy delays: the straight line that no point crosses and to which they come nearest in sum.

That line is the edge of the points' lower convex hull over the mean of their times (Moon, Skelly and Towsley,
"Estimation and removal of clock skew from network delay measurements", INFOCOM 1999, section IV).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

Point: TypeAlias = tuple[int, int]
"""Time [ns] and value [ns]."""
_BINS = 256
_LINE_AFTER = 8  # points before a slope is believed


@dataclass(frozen=True)
class Line:
    """``value_ns`` at ``at_ns``, changing by ``slope`` (no unit)."""

    at_ns: int
    value_ns: int
    slope: float

    def value(self, at_ns: int) -> float:
        """Return the line's value [ns] at ``at_ns``."""
        return self.value_ns + self.slope * (at_ns - self.at_ns)


class DelayFloor:
    """Keeps the lowest point of each of 256 bins of the window, and draws the floor under them.

    Args:
        window_ns: how far back points count.
        max_slope: a steeper floor is not believed; it is level then, through the lowest point.
    """

    def __init__(self, window_ns: int, max_slope: float) -> None:
        self._bin_ns, self._max_slope = max(1, window_ns // _BINS), max_slope
        self._lowest: dict[int, Point] = {}
        self._line: Line | None = None
        self.count = 0

    def add(self, at_ns: int, value_ns: int) -> None:
        """Take one point."""
        self.count += 1
        key = at_ns // self._bin_ns
        if key not in self._lowest or value_ns < self._lowest[key][1]:
            self._lowest[key] = (at_ns, value_ns)
            self._line = None
        if len(self._lowest) > _BINS:
            self._lowest = {k: point for k, point in self._lowest.items() if k > key - _BINS}

    @property
    def points(self) -> list[Point]:
        """The lowest point of each bin, by time."""
        return sorted(self._lowest.values())

    def line(self) -> Line | None:
        """Return the floor; None without points."""
        if self._line is None and self._lowest:
            self._line = self._draw(self.points)
        return self._line

    def _draw(self, points: list[Point]) -> Line:
        if len(points) >= _LINE_AFTER:
            hull = lower_hull(points)
            mean_ns = sum(at for at, _ in points) // len(points)
            for (t0, v0), (t1, v1) in pairwise(hull):
                slope = (v1 - v0) / (t1 - t0)
                if t0 <= mean_ns <= t1 and abs(slope) <= self._max_slope:
                    return Line(t0, v0, slope)
        at_ns, value_ns = min(points, key=lambda point: point[1])
        return Line(at_ns, value_ns, 0.0)


def lower_hull(points: Sequence[Point]) -> list[Point]:
    """Return the lower convex hull of ``points`` (sorted by time, no time twice), by time."""
    hull: list[Point] = []
    for t, v in points:
        while len(hull) > 1:
            (t0, v0), (t1, v1) = hull[-2], hull[-1]
            if (v1 - v0) * (t - t0) < (v - v0) * (t1 - t0):
                break
            hull.pop()
        hull.append((t, v))
    return hull


class Room:
    """All straight lines that lie above the points ``below`` and below the points ``above``.

    Args:
        max_slope: no line is steeper.
    """

    def __init__(self, below: Sequence[Point], above: Sequence[Point], max_slope: float) -> None:
        self._origin_ns = below[0][0]
        self._low = np.asarray([(at - self._origin_ns, value) for at, value in below], dtype=np.float64)  # (n, 2)
        self._high = np.asarray([(at - self._origin_ns, value) for at, value in above], dtype=np.float64)  # (m, 2)
        span = self._high[None, :, 0] - self._low[:, None, 0]  # (n, m)
        rise = self._high[None, :, 1] - self._low[:, None, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = rise / span
        # Each pair at different times sets a limit; the tightest is attained (duality of linear programmes).
        self.steepest = float(np.min(ratio[span > 0], initial=max_slope))
        self.flattest = float(np.max(ratio[span < 0], initial=-max_slope))

    @property
    def empty(self) -> bool:
        """Whether no straight line fits: the clocks did not run straight."""
        return self.flattest > self.steepest

    def at(self, at_ns: int) -> tuple[float, float]:
        """Return the lowest and the highest value that a line can have at ``at_ns``."""
        ahead = at_ns - self._origin_ns

        def highest(slope: float) -> float:
            return float(np.min(self._high[:, 1] + slope * (ahead - self._high[:, 0])))

        def lowest(slope: float) -> float:
            return float(np.max(self._low[:, 1] + slope * (ahead - self._low[:, 0])))

        return lowest(self._climb(lambda slope: -lowest(slope))), highest(self._climb(highest))

    def _climb(self, concave: Callable[[float], float]) -> float:
        """Return the slope between the flattest and the steepest at which a concave function is greatest."""
        low, high = self.flattest, self.steepest
        for _ in range(48):
            third = (high - low) / 3
            if concave(low + third) < concave(high - third):
                low += third
            else:
                high -= third
        return (low + high) / 2
