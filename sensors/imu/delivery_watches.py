"""Detectors of what a unit delivers: does it change, does all of it come, at the rate at which it used to?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Any, ClassVar

from selfcue.messages import Imu
from selfcue.sensors.watch import Fault

_SAME = 5
_BLOCK_S = 0.5
_MOVES = (1.0, 1.0, 1.0, 0.3, 0.3, 0.3)  # m/s^2, rad/s


class StuckWatch:
    """``stuck``: five samples in a row are equal; or one axis stays equal while its neighbours move.

    Only real units' noise makes samples differ: one whose steps are coarser than its noise is not for this detector.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"stuck": 2 * _BLOCK_S}

    def __init__(self) -> None:
        self._last: list[float] = []
        self._same = 1
        self._begin_ns = -1
        self._low: list[float] = []
        self._high: list[float] = []
        self._axis = -1

    def update(self, message: Imu) -> None:
        values = [*message.linear_acceleration, *message.angular_velocity]
        if values[3] != values[3]:  # no gyroscope
            del values[3:]
        self._same = self._same + 1 if values == self._last else 1
        self._last = values
        if self._begin_ns < 0 or len(self._low) != len(values):
            self._begin_ns, self._low, self._high = message.stamp_ns, list(values), list(values)
            return
        for i, value in enumerate(values):
            if value < self._low[i]:
                self._low[i] = value
            elif value > self._high[i]:
                self._high[i] = value
        if message.stamp_ns - self._begin_ns >= _BLOCK_S * 1e9:
            self._axis = self._stuck_axis()
            self._begin_ns = -1

    def _stuck_axis(self) -> int:
        """Return the axis that stood still in this block while one of its neighbours moved; -1: none."""
        ranges = [high - low for low, high in zip(self._low, self._high, strict=True)]
        for i, found in enumerate(ranges):
            mine = slice(0, 3) if i < 3 else slice(3, 6)
            if found == 0.0 and max(ranges[mine]) > _MOVES[i]:
                return i
        return -1

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - what was last heard counts
        if self._same >= _SAME:
            return [Fault("stuck", "lost", {"equal_samples": float(self._same)})]
        return [Fault("stuck", "suspect", {"stuck_axis": float(self._axis)})] if self._axis >= 0 else []

    def evidence(self) -> dict[str, float]:
        return {"equal_samples": float(self._same)}

    def meta(self) -> dict[str, Any]:
        return {
            "last": self._last,
            "same": self._same,
            "block": [self._begin_ns, self._low, self._high],
            "axis": self._axis,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._last, self._same, self._axis = list(meta["last"]), meta["same"], meta["axis"]
        begin_ns, low, high = meta["block"]
        self._begin_ns, self._low, self._high = begin_ns, list(low), list(high)


class DeliveryWatch:
    """``dropout``: a gap, more than a tenth missing, or silence; ``rate``: it comes slower or faster than it did.

    Args:
        asked_hz: rate that is expected; 0: the one of the first samples.
        gap_s: least gap that counts; never less than 3.5 usual periods.
        missing_share: of a window's samples that may be missing.
        rate_share: by which the rate may be off.
        window_s: over which both are taken, and for which a gap counts; never less than 20 periods.
        silent_s: silence for so long is a dropout before the next sample shows it; never less than 5 periods.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"dropout": 0.5, "rate": 2.0}

    def __init__(
        self,
        *,
        asked_hz: float = 0.0,
        gap_s: float = 0.04,
        missing_share: float = 0.1,
        rate_share: float = 0.2,
        window_s: float = 2.0,
        silent_s: float = 0.5,
    ) -> None:
        self._asked_s = 1 / asked_hz if asked_hz else 0.0
        self._gap_s, self._missing_share, self._rate_share = gap_s, missing_share, rate_share
        self._window_s, self._silent_s = window_s, silent_s
        self._stamps: deque[int] = deque()
        self._first: list[float] = []
        self._period_s = self._asked_s
        self._gap = (0, 0.0)
        self._missing = 0.0
        self._measured_hz = 0.0

    def update(self, message: Imu) -> None:
        stamps, now_ns = self._stamps, message.stamp_ns
        if stamps:
            step_s = (now_ns - stamps[-1]) * 1e-9
            self._learn(step_s)
            if self._period_s and step_s > max(self._gap_s, 3.5 * self._period_s):
                self._gap = (now_ns, step_s)
        stamps.append(now_ns)
        window_s = max(self._window_s, 20 * self._period_s)
        while len(stamps) > 2 and now_ns - stamps[1] >= window_s * 1e9:
            stamps.popleft()
        span_s = (now_ns - stamps[0]) * 1e-9
        if self._period_s and span_s >= 0.99 * window_s:
            self._measured_hz = (len(stamps) - 1) / span_s
            self._missing = max(0.0, 1.0 - self._measured_hz * self._period_s)

    def _learn(self, step_s: float) -> None:
        """Take the usual period from the first samples, where it was not told."""
        if self._period_s or len(self._first) >= 50:
            return
        self._first.append(step_s)
        if len(self._first) == 50:
            self._period_s = median(self._first)

    def faults(self, now_ns: int) -> list[Fault]:
        found = []
        silent_s = (now_ns - self._stamps[-1]) * 1e-9 if self._stamps else 0.0
        gap_ns, gap_s = self._gap
        if silent_s > max(self._silent_s, 5 * self._period_s):
            found.append(Fault("dropout", "lost", {"silent_s": silent_s}))
        elif gap_ns and now_ns - gap_ns < self._window_s * 1e9:
            found.append(Fault("dropout", "suspect", {"gap_ms": gap_s * 1e3}))
        off = abs(self._measured_hz * self._period_s - 1.0) if self._measured_hz else 0.0
        if off > self._rate_share:
            found.append(Fault("rate", "suspect", self.evidence()))
        elif self._missing > self._missing_share and not found:
            found.append(Fault("dropout", "suspect", self.evidence()))
        return found

    def evidence(self) -> dict[str, float]:
        return {"rate_hz": self._measured_hz, "missing_share": self._missing}

    def meta(self) -> dict[str, Any]:
        return {
            "stamps": list(self._stamps),
            "first": self._first,
            "period_s": self._period_s,
            "gap": list(self._gap),
            "measured": [self._measured_hz, self._missing],
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._stamps, self._first = deque(meta["stamps"]), list(meta["first"])
        self._period_s, self._gap = meta["period_s"], (meta["gap"][0], meta["gap"][1])
        self._measured_hz, self._missing = meta["measured"]
