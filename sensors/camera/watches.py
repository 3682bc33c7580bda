"""Fault detectors of one camera, after the fault table of the depth pair: what a camera alone can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from selfcue.messages import Image
from selfcue.sensors.stereo.camera_watches import ExposureWatch, FrameWatch
from selfcue.sensors.stereo.watch_config import WatchConfig
from selfcue.sensors.trust_node import WatchSet
from selfcue.sensors.watch import Fault, Watch

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class FrozenWatch:
    """The same picture again and again: a driver that hands out its last buffer."""

    needs_s: ClassVar[Mapping[str, float]] = {"frozen": 0.25}

    def __init__(self, config: WatchConfig | None = None) -> None:
        self._frames = FrameWatch(config or WatchConfig())

    def update(self, message: Image) -> None:
        self._frames.update(message.stamp_ns, message.data)

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - it is the last picture that counts
        return [Fault("frozen", "lost", {"repeats": float(self._frames.repeats)})] if self._frames.frozen else []

    def evidence(self) -> Mapping[str, float]:
        return {"repeats": float(self._frames.repeats)}

    def meta(self) -> dict[str, Any]:
        return self._frames.meta()

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._frames.load_meta(meta)


class LightWatch:
    """Black, dull or saturated pictures: a lens cap, a covered or failing sensor, glare."""

    needs_s: ClassVar[Mapping[str, float]] = {"black": 0.3, "exposure": 0.3}

    def __init__(self, config: WatchConfig | None = None) -> None:
        self._light = ExposureWatch(config or WatchConfig())

    def update(self, message: Image) -> None:
        pixels = message.data
        if pixels.dtype != np.uint8:
            return  # depth and thermal pictures have other limits
        grey = pixels if pixels.ndim == 2 else (pixels @ _GREY).astype(np.uint8)
        self._light.update(message.stamp_ns, grey)

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - it is the last picture that counts
        if self._light.black:
            return [Fault("black", "lost", {"mean": self._light.mean})]
        return [Fault("exposure", "suspect", dict(self.evidence()))] if self._light.suspect else []

    def evidence(self) -> Mapping[str, float]:
        light = self._light
        return {"mean": light.mean, "std": light.std, "saturated_share": light.saturated_share}

    def meta(self) -> dict[str, Any]:
        return self._light.meta()

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._light.load_meta(meta)


def camera_watches() -> list[Watch[Image]]:
    """Return the detectors of one camera."""
    return [FrozenWatch(), LightWatch()]


WATCHES = WatchSet(Image, camera_watches)
