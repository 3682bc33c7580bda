"""Fault detector: left and right disparities no longer agree."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any, ClassVar

from selfcue.sensors.stereo.matcher import Match
from selfcue.sensors.stereo.stretch import Stretch
from selfcue.sensors.stereo.watch_config import WatchConfig


class LeftRightWatch:
    """Left and right disparities stop to agree: a lens is covered or moved, or the images do not belong together.

    The rate is a share of textured pixels only, so plain walls do not lower it. Surfaces nearer than about 1.5 x the
    nearest measurable depth do lower it without any fault: while one fills the view the rate is not taken in.
    """

    needs_s: ClassVar[float] = 1.5

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self.mean: float | None = None
        self._last_ns: int | None = None
        self._near_ns: int | None = None
        self._history: deque[float] = deque(maxlen=max(2, round(config.median_s)))
        self._history_ns: int | None = None
        self._low = Stretch()

    def update(self, stamp_ns: int, match: Match, *, healthy: bool) -> None:
        """Take in one match; ``healthy`` tells whether it may count for what is usual."""
        rate = match.left_right_rate
        if rate >= self.limit:  # False for NaN
            # A near surface counts only while it matches well: what broken images match is no surface.
            self._near_ns = stamp_ns if match.near_share > self._config.near_share else None
        paused = self._near_ns is not None and stamp_ns - self._near_ns < self._config.near_grace_s * 1e9
        if math.isnan(rate) or (paused and rate < self.limit):
            self._low.update(stamp_ns, holds=self.low)  # no news
        else:
            self._average(stamp_ns, rate)
            self._low.update(stamp_ns, holds=self.mean is not None and self.mean < self.limit)
            if healthy and not self.low:
                self._remember(stamp_ns)
        self._last_ns = stamp_ns

    def _average(self, stamp_ns: int, rate: float) -> None:
        if self.mean is None or self._last_ns is None:
            self.mean = rate
        else:
            keep = math.exp(-(stamp_ns - self._last_ns) * 1e-9 / self._config.rate_tau_s)
            self.mean = keep * self.mean + (1.0 - keep) * rate

    def _remember(self, stamp_ns: int) -> None:
        """Keep one mean a second for the median."""
        if self.mean is not None and (self._history_ns is None or stamp_ns - self._history_ns >= 1_000_000_000):
            self._history.append(self.mean)
            self._history_ns = stamp_ns

    @property
    def usual(self) -> float | None:
        """Median of the mean rate, one value a second over ``median_s``; None until ``median_min_s`` are filled."""
        return median(self._history) if len(self._history) >= self._config.median_min_s else None

    @property
    def limit(self) -> float:
        """The mean rate below which the pair is suspect."""
        usual = self.usual
        return max(self._config.rate_min, self._config.rate_fraction * (usual or 0.0))

    @property
    def low(self) -> bool:
        """The mean rate is below the limit now, for however short."""
        return self._low.seconds is not None

    @property
    def suspect(self) -> bool:
        return self._low.lasts(self._config.suspect_after_s)

    @property
    def lost(self) -> bool:
        return self._low.lasts(self._config.suspect_after_s + self._config.lost_after_s)

    def meta(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "last_ns": self._last_ns,
            "near_ns": self._near_ns,
            "history": list(self._history),
            "history_ns": self._history_ns,
            "low": self._low.meta(),
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self.mean, self._last_ns, self._near_ns = meta["mean"], meta["last_ns"], meta["near_ns"]
        self._history = deque(meta["history"], maxlen=self._history.maxlen)
        self._history_ns = meta["history_ns"]
        self._low.load_meta(meta["low"])
