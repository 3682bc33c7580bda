"""A LiDAR whose scans jump: a slipping encoder, mixed-up packets, two sensors on one port."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Any, ClassVar

import numpy as np

from selfcue.messages import PointCloud
from selfcue.sensors.lidar.scan_profile import SECTORS, ScanProfile
from selfcue.sensors.watch import Fault

_USUAL = 20
_COMMON = SECTORS // 6


class JumpWatch:
    """Most of the surroundings are elsewhere from one scan to the next, and soon again.

    The ranges by sector are compared with those of the scan before, after the turn (up to ``TURN_SECTORS`` of 10
    degrees) that explains most. A sector has changed where two of its three ranges did (one alone may have come to lie
    between floor and wall), by more than ``STEP_M``, ``STEP_SHARE`` of it, and ``TIMES_USUAL`` times what is usual of
    late: so a robot that drives fast is at no fault. One such change may be a log that was cut, or a hand that moved
    the sensor; the fault is that they come again.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"jumping": 1.0}
    TURN_SECTORS, STEP_M, STEP_SHARE, TIMES_USUAL = 4, 0.15, 0.08, 4.0
    MOST_CHANGED, TIMES = 0.6, 2

    def __init__(self) -> None:
        self._before: list[list[float]] = []
        self._usual_m: deque[float] = deque(maxlen=_USUAL)
        self._jumps: deque[int] = deque(maxlen=self.TIMES)
        self._changed = 0.0

    def update(self, message: PointCloud) -> None:
        profile = ScanProfile.of(message)
        if not profile.total:
            return
        if self._before:
            self._changed, step_m = self._least_change(np.array(self._before), profile.ranges_m)
            if self._changed > self.MOST_CHANGED and len(self._usual_m) >= _USUAL // 2:
                self._jumps.append(message.stamp_ns)
            elif math.isfinite(step_m):
                self._usual_m.append(step_m)
        self._before = profile.ranges_m.tolist()

    def _least_change(self, before: np.ndarray, now: np.ndarray) -> tuple[float, float]:
        """Return the share of sectors that changed and their middle change [m], after the turn that explains most."""
        usual_m = median(self._usual_m) if self._usual_m else 0.0
        least = (1.0, math.nan)
        for turn in range(-self.TURN_SECTORS, self.TURN_SECTORS + 1):
            other = np.roll(before, turn, axis=0)
            both = np.isfinite(other[:, 0]) & np.isfinite(now[:, 0])
            if both.sum() < _COMMON:
                return 0.0, math.nan  # too little in common to tell
            step_m = np.abs(now - other)[both]
            allowed_m = self.STEP_M + self.STEP_SHARE * np.minimum(now, other)[both] + self.TIMES_USUAL * usual_m
            changed = (step_m > allowed_m).sum(axis=1) >= 2
            least = min(least, (float(changed.mean()), float(np.median(step_m))))
        return least

    def faults(self, now_ns: int) -> list[Fault]:
        within_ns = self.needs_s["jumping"] * 1e9
        again = len(self._jumps) == self.TIMES and self._jumps[-1] - self._jumps[0] <= within_ns
        if again and now_ns - self._jumps[-1] <= within_ns:
            return [Fault("jumping", "suspect", self.evidence())]
        return []

    def evidence(self) -> Mapping[str, float]:
        return {"changed_share": self._changed}

    def meta(self) -> dict[str, Any]:
        return {
            "before": [row if math.isfinite(row[0]) else None for row in self._before],
            "usual_m": list(self._usual_m),
            "jumps": list(self._jumps),
            "changed": self._changed,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._before = [[math.nan] * 3 if row is None else row for row in meta["before"]]
        self._usual_m = deque(meta["usual_m"], maxlen=_USUAL)
        self._jumps = deque(meta["jumps"], maxlen=self.TIMES)
        self._changed = meta["changed"]
