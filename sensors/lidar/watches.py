"""Fault detectors of a LiDAR: empty, frozen, blinded or jumping scans, sectors that are gone, turns that come unevenly.

They look at each cloud alone and at those before it: no map, no other sensor. What they call usual they learn from the
last seconds, so that a sensor that sees a part only, or little, is not at fault for it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Any, ClassVar

import numpy as np

from selfcue.messages import PointCloud
from selfcue.sensors.lidar.jump_watch import JumpWatch
from selfcue.sensors.lidar.sector_watch import SectorWatch
from selfcue.sensors.stereo.stretch import Stretch
from selfcue.sensors.trust_node import WatchSet
from selfcue.sensors.watch import Fault, Watch

_USUAL = 20
"""Good scans that say what is usual."""


class EmptyWatch:
    """Scans without points, or with next to none of the usual."""

    needs_s: ClassVar[Mapping[str, float]] = {"empty": 0.3}
    LEAST_POINTS, LEAST_SHARE = 10, 0.05

    def __init__(self) -> None:
        self._usual: deque[int] = deque(maxlen=_USUAL)
        self._empty = Stretch()
        self._count = 0

    def update(self, message: PointCloud) -> None:
        self._count = int(np.isfinite(message.points).all(axis=1).sum())
        usual = median(self._usual) if self._usual else 0.0
        empty = self._count < max(self.LEAST_POINTS, self.LEAST_SHARE * usual)
        self._empty.update(message.stamp_ns, holds=empty)
        if not empty:
            self._usual.append(self._count)

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - it is the scans that count
        return [Fault("empty", "lost", self.evidence())] if self._empty.lasts(self.needs_s["empty"]) else []

    def evidence(self) -> Mapping[str, float]:
        return {"points": float(self._count)}

    def meta(self) -> dict[str, Any]:
        return {"usual": list(self._usual), "empty": self._empty.meta(), "count": self._count}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._usual = deque(meta["usual"], maxlen=_USUAL)
        self._empty.load_meta(meta["empty"])
        self._count = meta["count"]


class FrozenWatch:
    """The same scan again and again; a real one is never twice the same."""

    needs_s: ClassVar[Mapping[str, float]] = {"frozen": 0.3}
    REPEATS = 3

    def __init__(self) -> None:
        self._digest = ""
        self._repeats = 0

    def update(self, message: PointCloud) -> None:
        if not len(message.points):
            return  # empty scans are all alike; that is another fault
        digest = hashlib.blake2b(np.ascontiguousarray(message.points).data, digest_size=8).hexdigest()
        self._repeats = self._repeats + 1 if digest == self._digest else 1
        self._digest = digest

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - it is the scans that count
        return [Fault("frozen", "lost", self.evidence())] if self._repeats >= self.REPEATS else []

    def evidence(self) -> Mapping[str, float]:
        return {"repeats": float(self._repeats)}

    def meta(self) -> dict[str, Any]:
        return {"digest": self._digest, "repeats": self._repeats}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._digest, self._repeats = meta["digest"], meta["repeats"]


class RateWatch:
    """Turns that come unevenly: several gaps of the last second are far from the usual one."""

    needs_s: ClassVar[Mapping[str, float]] = {"rate": 1.0}
    LONG, SHORT, MOST_ODD = 1.6, 0.4, 2

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._usual_ns: deque[int] = deque(maxlen=5 * _USUAL)
        self._odd_ns: deque[int] = deque(maxlen=self.MOST_ODD + 1)
        self._gap_ns = 0

    def update(self, message: PointCloud) -> None:
        if self._last_ns is not None:
            self._gap_ns = message.stamp_ns - self._last_ns
            usual_ns = median(self._usual_ns) if len(self._usual_ns) >= 5 else None
            if usual_ns is not None and not self.SHORT * usual_ns <= self._gap_ns <= self.LONG * usual_ns:
                self._odd_ns.append(message.stamp_ns)
            self._usual_ns.append(self._gap_ns)
        self._last_ns = message.stamp_ns

    def faults(self, now_ns: int) -> list[Fault]:
        if len(self._odd_ns) > self.MOST_ODD and now_ns - self._odd_ns[0] <= 1.5e9:
            return [Fault("rate", "suspect", self.evidence())]
        return []

    def evidence(self) -> Mapping[str, float]:
        return {"gap_s": self._gap_ns * 1e-9}

    def meta(self) -> dict[str, Any]:
        return {
            "last_ns": self._last_ns,
            "usual_ns": list(self._usual_ns),
            "odd_ns": list(self._odd_ns),
            "gap_ns": self._gap_ns,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._last_ns, self._gap_ns = meta["last_ns"], meta["gap_ns"]
        self._usual_ns = deque(meta["usual_ns"], maxlen=5 * _USUAL)
        self._odd_ns = deque(meta["odd_ns"], maxlen=self.MOST_ODD + 1)


def lidar_watches() -> list[Watch[PointCloud]]:
    """Return the detectors of a LiDAR, new; of two faults of one level the first is named."""
    return [EmptyWatch(), FrozenWatch(), SectorWatch(), JumpWatch(), RateWatch()]


LIDAR = WatchSet(PointCloud, lidar_watches)
