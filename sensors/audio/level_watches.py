"""Detectors of level: clipped sound, and a cable that carries none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.sensors.audio.ear import CLIP_S, SLICE_S, Ear, Slice
from selfcue.sensors.audio.motion import Motion
from selfcue.sensors.audio.slice_watch import Recent, SliceWatch, decibels
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.watch import Fault

_FLOOR_RISES_DB = 1.0 / 60.0 * SLICE_S  # a minute lets the learnt noise floor rise by 1 dB


class ClippingWatch(SliceWatch):
    """Clipping: samples beyond 0.99 of full scale, or flat tops below it; the worst channel counts."""

    needs_s: ClassVar[Mapping[str, float]] = {"clipping": CLIP_S}

    def __init__(self, config: SoundWatchConfig | None = None, ear: Ear | None = None) -> None:
        super().__init__(config, ear)
        self._clipped = Recent(round(self.config.clip_window_s / SLICE_S))

    def judge(self, piece: Slice) -> list[Fault]:
        clip = piece.last(CLIP_S)
        beyond = float((np.abs(clip) > self.config.clip_level).mean(axis=0).max())
        flat = flat_share(clip, self.config.flat_level)
        clipped = beyond > self.config.clip_share or flat > self.config.flat_share
        count = self._clipped.add(holds=clipped)
        self._evidence = {"clipped_share": beyond, "flat_share": flat}
        if not clipped and count < self.config.clip_count:
            return []
        return [Fault("clipping", "suspect", {**self._evidence, "clipped_slices": float(count)})]

    def memory(self) -> dict[str, Any]:
        return {"clipped": self._clipped.meta()}

    def remember(self, memory: dict[str, Any]) -> None:
        self._clipped.load_meta(memory["clipped"])


def flat_share(sound: npt.NDArray[np.float32], least_level: float) -> float:
    """Return the share of samples, of the worst channel, that stick to its peak: three and more equal ones on end.

    Args:
        sound: (N, channels).
        least_level: of a peak that is looked at.
    """
    worst = 0.0
    for channel in sound.T:
        for side in (channel, -channel):
            peak = float(side.max())
            if peak > least_level:
                at_peak = side >= peak * (1 - 1e-6)
                run = at_peak[2:] & at_peak[1:-1] & at_peak[:-2]
                worst = max(worst, float(run.sum()) / len(side))
    return worst


class SilenceWatch(SliceWatch):
    """Silence: a channel without any sound; or, while the vehicle is known to move, no more than the noise floor.

    The floor is the least level that was heard while the vehicle was known to stand.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"silence": 1.0}

    def __init__(
        self, config: SoundWatchConfig | None = None, ear: Ear | None = None, motion: Motion | None = None
    ) -> None:
        super().__init__(config, ear)
        self.motion = motion or Motion()
        self._floor_db: float | None = None
        self._dead_s = 0.0
        self._quiet_s = 0.0

    def judge(self, piece: Slice) -> list[Fault]:
        spread = np.ptp(piece.samples, axis=0)
        level_db = decibels(float(piece.rms.max()))
        moving = self.motion.moving(piece.end_ns)
        if moving is False and spread.min() > self.config.dead_step:
            self._floor_db = min(level_db, level_db if self._floor_db is None else self._floor_db + _FLOOR_RISES_DB)
        self._dead_s = self._dead_s + SLICE_S if spread.min() <= self.config.dead_step else 0.0
        quiet = moving is True and self._floor_db is not None
        quiet = quiet and level_db < (self._floor_db or 0.0) + self.config.floor_margin_db
        self._quiet_s = self._quiet_s + SLICE_S if quiet else 0.0
        self._evidence = {"level_dbfs": level_db}
        if self._floor_db is not None:
            self._evidence["floor_dbfs"] = self._floor_db
        seconds = max(self._dead_s, self._quiet_s)
        if seconds < self.config.silent_s:
            return []
        channel = {"channel": float(spread.argmin())} if self._dead_s else {}
        return [Fault("silence", "lost", {**self._evidence, **channel, "silent_s": seconds})]

    def memory(self) -> dict[str, Any]:
        return {
            "floor_db": self._floor_db,
            "dead_s": self._dead_s,
            "quiet_s": self._quiet_s,
            "motion": self.motion.meta(),
        }

    def remember(self, memory: dict[str, Any]) -> None:
        self._floor_db, self._dead_s, self._quiet_s = memory["floor_db"], memory["dead_s"], memory["quiet_s"]
        self.motion.load_meta(memory["motion"])
