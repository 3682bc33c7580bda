"""The base of detectors that judge sound slice by slice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from selfcue.measurements import Audio
from selfcue.sensors.audio.ear import Ear, Slice
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.watch import Fault


class SliceWatch(ABC):
    """A detector that hears slices. What it found in the last slice holds until the next.

    Args:
        config: limits.
        ear: cuts the sound; one may serve several detectors of one topic, and is saved by the one that made it.
    """

    needs_s: ClassVar[Mapping[str, float]] = {}

    def __init__(self, config: SoundWatchConfig | None = None, ear: Ear | None = None) -> None:
        self.config = config or SoundWatchConfig()
        self.ear = ear or Ear()
        self._made_ear = ear is None
        self._faults: list[Fault] = []
        self._evidence: dict[str, float] = {}

    @abstractmethod
    def judge(self, piece: Slice) -> list[Fault]:
        """Return what is wrong after ``piece``, and put the numbers of the moment into ``_evidence``."""

    @abstractmethod
    def memory(self) -> dict[str, Any]:
        """Return what the detector remembers beside its last words."""

    @abstractmethod
    def remember(self, memory: dict[str, Any]) -> None:
        """Go on from ``memory``."""

    def update(self, message: Audio) -> None:
        for piece in self.ear.hear(message):
            self._faults = self.judge(piece)

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - a slice's word holds until the next
        return list(self._faults)

    def evidence(self) -> Mapping[str, float]:
        return self._evidence

    def meta(self) -> dict[str, Any]:
        return {
            "ear": self.ear.meta() if self._made_ear else None,
            "faults": [[fault.name, fault.level, dict(fault.evidence)] for fault in self._faults],
            "evidence": self._evidence,
            "memory": self.memory(),
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        if self._made_ear and meta["ear"] is not None:
            self.ear.load_meta(meta["ear"])
        self._faults = [Fault(name, level, evidence) for name, level, evidence in meta["faults"]]
        self._evidence = dict(meta["evidence"])
        self.remember(meta["memory"])


class Recent:
    """Whether something held in the last few slices."""

    def __init__(self, count: int) -> None:
        self._held: deque[bool] = deque(maxlen=count)

    def add(self, *, holds: bool) -> int:
        """Take in one more; return in how many of the last it held."""
        self._held.append(bool(holds))
        return sum(self._held)

    def meta(self) -> list[bool]:
        return list(self._held)

    def load_meta(self, meta: list[bool]) -> None:
        self._held = deque(meta, maxlen=self._held.maxlen)


def decibels(amplitude: float) -> float:
    """Return an amplitude in dB below 1, not below -200."""
    return float(20.0 * np.log10(max(amplitude, 1e-10)))
