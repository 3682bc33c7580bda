"""Detectors that compare with what was heard before: noise that is not the ground's, a microphone that was moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.sensors.audio.ear import SLICE_S, Ear, Slice
from selfcue.sensors.audio.motion import Motion
from selfcue.sensors.audio.slice_watch import SliceWatch
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.watch import Fault

Floats = npt.NDArray[np.float64]


class SlowMean:
    """A mean that forgets: plain until ``tau_s`` of it are full, exponential from there on."""

    def __init__(self, tau_s: float) -> None:
        self._tau_s = tau_s
        self.seconds = 0.0
        self.value: Floats | None = None

    def add(self, value: Floats, seconds: float) -> None:
        self.seconds += seconds
        share = seconds / min(self.seconds, self._tau_s)
        self.value = value.copy() if self.value is None else self.value + share * (value - self.value)

    def meta(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "value": None if self.value is None else self.value.tolist()}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self.seconds = meta["seconds"]
        self.value = None if meta["value"] is None else np.asarray(meta["value"], np.float64)


class NoiseWatch(SliceWatch):
    """Rain, a crowd, traffic: a standing vehicle hears about what it hears while moving, so it is not the ground.

    Says nothing until it is told that the vehicle stands, and has been told that it moved for ten seconds.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"noise": 1.0}

    def __init__(
        self, config: SoundWatchConfig | None = None, ear: Ear | None = None, motion: Motion | None = None
    ) -> None:
        super().__init__(config, ear)
        self.motion = motion or Motion()
        self._moving = SlowMean(60.0)
        self._standing = SlowMean(1.0)

    def judge(self, piece: Slice) -> list[Fault]:
        moving = self.motion.moving(piece.end_ns)
        if moving is True:
            self._standing = SlowMean(1.0)
            if not self._faults:  # what it moves through now is not known to be the ground
                self._moving.add(piece.bands_db, SLICE_S)
            return list(self._faults)
        if moving is None:
            return []
        self._standing.add(piece.bands_db, SLICE_S)
        if self._standing.seconds < 1.0 or self._moving.seconds < 10.0:
            return []
        assert self._moving.value is not None
        assert self._standing.value is not None
        above_db = float(np.median(self._moving.value - self._standing.value))
        self._evidence = {"ground_above_noise_db": above_db}
        return [Fault("noise", "suspect", dict(self._evidence))] if above_db < self.config.noise_db else []

    def memory(self) -> dict[str, Any]:
        return {"moving": self._moving.meta(), "standing": self._standing.meta(), "motion": self.motion.meta()}

    def remember(self, memory: dict[str, Any]) -> None:
        self._moving.load_meta(memory["moving"])
        self._standing.load_meta(memory["standing"])
        self.motion.load_meta(memory["motion"])


class MovedWatch(SliceWatch):
    """A microphone that was moved, covered or exchanged: its long-term spectrum is not what it was.

    The spectrum of the last minutes is compared with that of the last hour by their Kullback-Leibler distance, both
    taken as shares of 24 bands (loudness does not count). Shares are of amplitude and not of power: what the loudest
    bands hide counts too, and one loud ground counts less. It needs ten minutes over different ground first.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"moved": 240.0}

    def __init__(self, config: SoundWatchConfig | None = None, ear: Ear | None = None) -> None:
        super().__init__(config, ear)
        self._new, self._old = SlowMean(self.config.moved_window_s), SlowMean(self.config.moved_memory_s)

    def judge(self, piece: Slice) -> list[Fault]:
        self._new.add(piece.bands_db, SLICE_S)
        if self._old.seconds >= self.config.moved_after_s:
            assert self._old.value is not None
            assert self._new.value is not None
            distance = band_distance(self._new.value, self._old.value)
            self._evidence = {"spectrum_kl": distance}
            if distance > self.config.moved_kl:
                return [Fault("moved", "suspect", dict(self._evidence))]  # the old spectrum stays what it was
        self._old.add(piece.bands_db, SLICE_S)
        return []

    def memory(self) -> dict[str, Any]:
        return {"new": self._new.meta(), "old": self._old.meta()}

    def remember(self, memory: dict[str, Any]) -> None:
        self._new.load_meta(memory["new"])
        self._old.load_meta(memory["old"])


def band_distance(new_db: Floats, old_db: Floats) -> float:
    """Return the Kullback-Leibler distance of two spectra [dB], each taken as shares of its whole amplitude."""
    new, old = (10.0 ** ((bands - bands.max()) / 20.0) for bands in (new_db, old_db))
    p, q = new / new.sum(), old / old.sum()
    return float(np.sum(p * np.log(p / q)))
