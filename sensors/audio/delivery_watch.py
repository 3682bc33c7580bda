"""Detector of sound that does not come whole: gaps between blocks, dropouts inside of them, blocks that repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.measurements import Audio
from selfcue.sensors.audio.block import to_float
from selfcue.sensors.audio.slice_watch import decibels
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.watch import Fault

_NS = 1_000_000_000
_LEVEL_S = 0.5  # over which it is judged whether there is sound


class DeliveryWatch:
    """``gap``: stamps leave out or repeat time. ``dropout``: equal samples inside of sound. ``stuck``: equal blocks."""

    needs_s: ClassVar[Mapping[str, float]] = {"gap": 0.1, "dropout": 0.1, "stuck": 0.5}

    def __init__(self, config: SoundWatchConfig | None = None) -> None:
        self.config = config or SoundWatchConfig()
        self._next_ns: int | None = None
        self._gap: tuple[int, float] | None = None  # when, how long [ms]
        self._drop: tuple[int, float] | None = None
        self._digest = ""
        self._repeats = 1
        self._flat_s = 0.0  # length of the stretch of equal samples at the end of the last block
        self._last: list[float] = []  # the last sample
        self._power = 0.0

    def update(self, message: Audio) -> None:
        sound = to_float(message.samples)
        if not len(sound):
            return
        rate_hz = message.sample_rate_hz
        if self._next_ns is not None:
            gap_ms = (message.stamp_ns - self._next_ns) * 1e-6
            if abs(gap_ms) > self.config.gap_ms:
                self._gap, self._flat_s = (message.stamp_ns, gap_ms), 0.0
        self._next_ns = message.stamp_ns + len(sound) * _NS // rate_hz
        alive = np.ptp(sound) > self.config.dead_step
        digest = hashlib.blake2b(np.ascontiguousarray(sound).data, digest_size=8).hexdigest() if alive else ""
        self._repeats = self._repeats + 1 if alive and digest == self._digest else 1
        self._digest = digest
        self._look_for_dropouts(sound, rate_hz)

    def _look_for_dropouts(self, sound: npt.NDArray[np.float32], rate_hz: int) -> None:
        """Note a stretch of equal samples once sound goes on after it, if there was sound before it too."""
        before = np.asarray(self._last or sound[0], np.float32)
        if before.shape != sound.shape[1:]:
            before, self._flat_s = sound[0], 0.0
        # Samples that differ from the one before, or are clipped: those are equal for another reason.
        clipped = np.abs(sound).max(axis=1) > self.config.clip_level
        change = np.flatnonzero(np.any(np.diff(np.vstack([before, sound]), axis=0) != 0, axis=1) | clipped)
        if not len(change):
            self._flat_s += len(sound) / rate_hz
        else:
            inside_s = (np.diff(change) - 1) / rate_hz
            longest_s = max(self._flat_s + change[0] / rate_hz, float(inside_s.max(initial=0.0)))
            loud = decibels(float(np.sqrt(self._power))) > self.config.dropout_dbfs
            if longest_s * 1e3 >= self.config.dropout_ms and loud and longest_s < self.config.silent_s:
                self._drop = (self._next_ns or 0, longest_s * 1e3)
            self._flat_s = (len(sound) - 1 - change[-1]) / rate_hz
        self._last = [float(value) for value in sound[-1]]
        share = min(1.0, len(sound) / rate_hz / _LEVEL_S)
        self._power += share * (float(np.var(sound, axis=0).max()) - self._power)

    def faults(self, now_ns: int) -> list[Fault]:
        found = []
        if self._repeats >= self.config.stuck_blocks:
            found.append(Fault("stuck", "lost", {"equal_blocks": float(self._repeats)}))
        for name, event in (("gap", self._gap), ("dropout", self._drop)):
            if event is not None and now_ns - event[0] <= self.config.hold_s * _NS:
                found.append(Fault(name, "suspect", {f"{name}_ms": event[1]}))
        return found

    def evidence(self) -> Mapping[str, float]:
        return {"equal_blocks": float(self._repeats)}

    def meta(self) -> dict[str, Any]:
        return {
            "next_ns": self._next_ns,
            "gap": self._gap,
            "drop": self._drop,
            "digest": self._digest,
            "repeats": self._repeats,
            "flat_s": self._flat_s,
            "last": self._last,
            "power": self._power,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._next_ns, self._digest, self._repeats = meta["next_ns"], meta["digest"], meta["repeats"]
        self._gap = None if meta["gap"] is None else (meta["gap"][0], meta["gap"][1])
        self._drop = None if meta["drop"] is None else (meta["drop"][0], meta["drop"][1])
        self._flat_s, self._last, self._power = meta["flat_s"], list(meta["last"]), meta["power"]
