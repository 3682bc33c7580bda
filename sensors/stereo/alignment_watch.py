"""Fault detector: the cameras moved against each other, or are swapped."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sensors.stereo.matcher import Match, StereoMatcher
from selfcue.sensors.stereo.stretch import Stretch
from selfcue.sensors.stereo.watch_config import WatchConfig

Pixels = npt.NDArray[np.uint8]


class AlignmentWatch:
    """De-calibration and swapped cameras.

    The vertical offset is measured by tracking corners from left to right (Lucas-Kanade, started at the disparity).
    Whether the cameras are swapped is only tried when the left-right rate is low: then the swapped pair is matched.
    """

    needs_s: ClassVar[float] = 2.0
    _LEAST_POINTS: ClassVar[int] = 12

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self.offset_px: float | None = None
        self.swapped = False
        self._checked_ns: int | None = None
        self._off = Stretch()

    def update(
        self, stamp_ns: int, pair: tuple[Pixels, Pixels], match: Match, matcher: StereoMatcher, *, low: bool
    ) -> None:
        """Take in grey images and their match; measures at most once per ``align_every_s``.

        ``low``: the left-right rate is below its limit.
        """
        every_ns = self._config.align_every_s * 1e9
        if self._checked_ns is not None and stamp_ns - self._checked_ns < every_ns:
            return
        self._checked_ns = stamp_ns
        offset = self._measure(*pair, match)
        if offset is not None:
            self.offset_px = offset
            self._off.update(stamp_ns, holds=abs(offset) > self._config.offset_px)
        if low:
            other_way = matcher.match(pair[1], pair[0]).left_right_rate
            rate = match.left_right_rate
            known = not (math.isnan(other_way) or math.isnan(rate))
            self.swapped = known and other_way > 0.5 and other_way > 1.5 * rate
        else:
            self.swapped = False

    @property
    def suspect(self) -> bool:
        return self._off.lasts(self._config.offset_after_s)

    def _measure(self, left: Pixels, right: Pixels, match: Match) -> float | None:
        """Return the median of y_right - y_left [px] over tracked corners; None where there are too few."""
        cv2 = require("cv2", extra="vision")
        corners = cv2.goodFeaturesToTrack(left, 60, 0.02, 5, mask=match.valid.astype(np.uint8))
        if corners is None or len(corners) < self._LEAST_POINTS:
            return None
        at = np.rint(corners[:, 0]).astype(int)
        guess = corners.copy()
        guess[:, 0, 0] -= match.disparity[at[:, 1], at[:, 0]]
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            left, right, corners, guess.copy(), winSize=(9, 9), maxLevel=1, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
        )
        tracked = (status[:, 0] == 1) & (np.abs(found[:, 0, 0] - guess[:, 0, 0]) < 2.0)
        if tracked.sum() < self._LEAST_POINTS:
            return None
        return float(np.median(found[tracked, 0, 1] - corners[tracked, 0, 1]))

    def meta(self) -> dict[str, Any]:
        return {
            "offset_px": self.offset_px,
            "swapped": self.swapped,
            "checked_ns": self._checked_ns,
            "off": self._off.meta(),
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self.offset_px, self.swapped, self._checked_ns = meta["offset_px"], meta["swapped"], meta["checked_ns"]
        self._off.load_meta(meta["off"])
