"""A LiDAR that does not see all around any more: sectors without echoes, a covered window."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Any, ClassVar

import numpy as np

from selfcue.messages import PointCloud
from selfcue.sensors.lidar.scan_profile import SECTORS, ScanProfile
from selfcue.sensors.stereo.stretch import Stretch
from selfcue.sensors.watch import Fault

_USUAL = 20
"""Good scans that say what is usual."""


class SectorWatch:
    """Sectors that give nothing any more, and a window that is covered so that most echoes come from close by.

    A sector counts as gone where it had many points in nearly all of the usual scans and has none for half a second.
    Open sky does that to one sector or two of a robot that turns; ``most_gone`` sectors may be so.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"sector": 0.5, "blinded": 0.5}
    USUAL_POINTS, USUALLY, MOST_GONE, MORE_NEAR = 8, 0.9, 2, 0.4

    def __init__(self) -> None:
        self._counts: deque[list[int]] = deque(maxlen=_USUAL)
        self._near: deque[float] = deque(maxlen=_USUAL)
        self._gone_for, self._near_for = Stretch(), Stretch()
        self._gone, self._near_share = 0, 0.0

    def update(self, message: PointCloud) -> None:
        profile = ScanProfile.of(message)
        self._near_share = profile.near_share
        full = np.zeros(SECTORS, np.bool_)
        if self._counts:
            had = np.array(self._counts) >= self.USUAL_POINTS
            full = had.mean(axis=0) >= self.USUALLY
        self._gone = int((full & (profile.counts == 0)).sum()) if profile.total else 0
        ready = len(self._counts) >= _USUAL // 2
        gone = ready and self._gone > self.MOST_GONE
        usual = median(self._near) if self._near else 0.0
        blinded = ready and self._near_share > usual + self.MORE_NEAR
        self._gone_for.update(message.stamp_ns, holds=gone)
        self._near_for.update(message.stamp_ns, holds=blinded)
        if not (gone or blinded) and profile.total:
            self._counts.append(profile.counts.tolist())
            self._near.append(self._near_share)

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - it is the scans that count
        found = []
        if self._near_for.lasts(self.needs_s["blinded"]):
            found.append(Fault("blinded", "lost", self.evidence()))
        if self._gone_for.lasts(self.needs_s["sector"]):
            found.append(Fault("sector", "suspect", self.evidence()))
        return found

    def evidence(self) -> Mapping[str, float]:
        return {"sectors_gone": float(self._gone), "near_share": self._near_share}

    def meta(self) -> dict[str, Any]:
        return {
            "counts": list(self._counts),
            "near": list(self._near),
            "gone_for": self._gone_for.meta(),
            "near_for": self._near_for.meta(),
            "values": [self._gone, self._near_share],
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._counts = deque(meta["counts"], maxlen=_USUAL)
        self._near = deque(meta["near"], maxlen=_USUAL)
        self._gone_for.load_meta(meta["gone_for"])
        self._near_for.load_meta(meta["near_for"])
        self._gone, self._near_share = meta["values"]
