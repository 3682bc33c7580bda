"""Fault detectors of one camera: does it deliver, does the picture change, is it exposed?

Each can be saved and knows time by stamps alone. ``needs_s`` is the evidence that a detector needs before it may speak.
"""

from __future__ import annotations

import hashlib
from collections import deque
from statistics import median
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.sensors.stereo.stretch import Stretch
from selfcue.sensors.stereo.watch_config import WatchConfig

Pixels = npt.NDArray[np.uint8]

_PERIODS_KEPT = 15


class FrameWatch:
    """Dead or frozen: does one camera still deliver, and does what it delivers change?"""

    needs_s: ClassVar[float] = 0.25

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self._last_ns: int | None = None
        self._periods_ns: deque[int] = deque(maxlen=_PERIODS_KEPT)
        self._digest = ""
        self.repeats = 0

    def update(self, stamp_ns: int, image: Pixels) -> None:
        """Take in an image of any shape."""
        if self._last_ns is not None:
            self._periods_ns.append(stamp_ns - self._last_ns)
        digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8).hexdigest()
        self.repeats = self.repeats + 1 if digest == self._digest else 1
        self._digest, self._last_ns = digest, stamp_ns

    @property
    def last_ns(self) -> int | None:
        return self._last_ns

    @property
    def dead_limit_s(self) -> float:
        """Time without a frame after which the camera is dead: never less than four of its usual periods."""
        period_s = median(self._periods_ns) * 1e-9 if self._periods_ns else 1.0 / self._config.camera_hz
        return max(self._config.dead_after_s, 4.0 * period_s)

    @property
    def frozen(self) -> bool:
        return self.repeats >= self._config.frozen_frames

    def meta(self) -> dict[str, Any]:
        return {
            "last_ns": self._last_ns,
            "periods_ns": list(self._periods_ns),
            "digest": self._digest,
            "repeats": self.repeats,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._last_ns, self._digest, self.repeats = meta["last_ns"], meta["digest"], meta["repeats"]
        self._periods_ns = deque(meta["periods_ns"], maxlen=_PERIODS_KEPT)


class ExposureWatch:
    """Saturated, dull or black image of one camera.

    A bright sky saturates a third of a good street image, so saturation alone is no fault: it counts where the image
    has lost its detail too, where most of it is saturated, or where the other camera sees no such thing.
    """

    needs_s: ClassVar[float] = 0.3

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self.saturated_share = 0.0
        self.detail_share = 0.0
        self.std = 0.0
        self.mean = 0.0
        self._bad = Stretch()
        self._blurred = Stretch()
        self._black = Stretch()

    def update(self, stamp_ns: int, gray: Pixels, other: ExposureWatch | None = None) -> None:
        """Take in this camera's (H, W) uint8 image; every second pixel of it is looked at.

        ``other``: the other camera's watch, which holds its last image's figures.
        """
        config = self._config
        sampled = gray[::2, ::2]
        self.saturated_share = float((sampled >= 250).mean())
        self.detail_share = float((np.abs(np.diff(sampled.astype(np.int16), axis=1)) > config.detail_step).mean())
        self.mean, self.std = float(sampled.mean()), float(sampled.std())
        dull = self.std < config.dull_std
        saturated = self.saturated_share > config.saturated_share and (
            self.detail_share < config.detail_share
            or self.saturated_share > config.saturated_always
            or (other is not None and self.saturated_share > other.saturated_share + config.saturated_share)
        )
        blurred = other is not None and self.detail_share < config.blur_ratio * other.detail_share
        self._bad.update(stamp_ns, holds=dull or saturated)
        self._blurred.update(stamp_ns, holds=blurred and other is not None and other.detail_share > config.detail_share)
        self._black.update(stamp_ns, holds=dull and self.mean < config.black_mean)

    @property
    def blurred(self) -> bool:
        """The image has lacked detail that the other camera sees for long enough."""
        return self._blurred.lasts(self._config.suspect_after_s + self._config.lost_after_s)

    @property
    def suspect(self) -> bool:
        return self._bad.lasts(self._config.suspect_after_s)

    @property
    def black(self) -> bool:
        """The image has been black for long enough to give the camera up."""
        return self._black.lasts(self._config.suspect_after_s + self._config.lost_after_s)

    def meta(self) -> dict[str, Any]:
        return {
            "values": [self.saturated_share, self.detail_share, self.std, self.mean],
            "bad": self._bad.meta(),
            "blurred": self._blurred.meta(),
            "black": self._black.meta(),
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self.saturated_share, self.detail_share, self.std, self.mean = meta["values"]
        self._bad.load_meta(meta["bad"])
        self._blurred.load_meta(meta["blurred"])
        self._black.load_meta(meta["black"])
