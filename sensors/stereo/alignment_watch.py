"""Fault detector: the cameras moved against each other, or are swapped."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sensors.stereo.stretch import Stretch
from selfcue.sensors.stereo.watch_config import WatchConfig

Pixels = npt.NDArray[np.uint8]


class AlignmentWatch:
    """De-calibration and swapped cameras, from corners tracked from left to right (pyramid Lucas-Kanade).

    The tracking knows nothing of disparities, so it works when matching does not. Between rectified images a corner
    moves along its row, and to the left: a common vertical offset means that a camera was moved, a common shift to the
    right that the cameras are swapped.
    """

    needs_s: ClassVar[float] = 2.0
    _LEAST_POINTS: ClassVar[int] = 12

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self.offset_px: float | None = None
        self.shift_px: float | None = None
        self._checked_ns: int | None = None
        self._off = Stretch()
        self._swapped = Stretch()

    def update(self, stamp_ns: int, left: Pixels, right: Pixels) -> None:
        """Take in two (H, W) uint8 images; measures at most once per ``align_every_s``."""
        if self._checked_ns is not None and stamp_ns - self._checked_ns < self._config.align_every_s * 1e9:
            return
        self._checked_ns = stamp_ns
        moved = self._track(left, right)
        if len(moved) < self._LEAST_POINTS:
            return
        self.shift_px, self.offset_px = (float(value) for value in np.median(moved, axis=0))
        self._off.update(stamp_ns, holds=abs(self.offset_px) > self._config.offset_px)
        self._swapped.update(stamp_ns, holds=self.shift_px > self._config.swapped_px)

    @property
    def off(self) -> bool:
        """The images have been offset vertically for long enough."""
        return self._off.lasts(self._config.align_after_s)

    @property
    def swapped(self) -> bool:
        """The cameras have looked swapped for long enough."""
        return self._swapped.lasts(self._config.align_after_s)

    @staticmethod
    def _track(left: Pixels, right: Pixels) -> npt.NDArray[np.float32]:
        """Return (N, 2) float32 movements [px] of the corners that are found again on the way back."""
        cv2 = require("cv2", extra="vision")
        corners = cv2.goodFeaturesToTrack(left, 60, 0.02, 5)
        if corners is None:
            return np.empty((0, 2), np.float32)
        window: dict[str, Any] = {"winSize": (11, 11), "maxLevel": 3}
        there, found, _ = cv2.calcOpticalFlowPyrLK(left, right, corners, None, **window)
        back, found_back, _ = cv2.calcOpticalFlowPyrLK(right, left, there, None, **window)
        closed = np.abs(back - corners).max(axis=(1, 2)) < 0.5
        kept = closed & (found[:, 0] == 1) & (found_back[:, 0] == 1)
        moved: npt.NDArray[np.float32] = (there - corners)[kept, 0]
        return moved

    def meta(self) -> dict[str, Any]:
        return {
            "values": [self.offset_px, self.shift_px],
            "checked_ns": self._checked_ns,
            "off": self._off.meta(),
            "swapped": self._swapped.meta(),
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        (self.offset_px, self.shift_px), self._checked_ns = meta["values"], meta["checked_ns"]
        self._off.load_meta(meta["off"])
        self._swapped.load_meta(meta["swapped"])
