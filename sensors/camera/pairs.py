"""Devices with two eyes: pairs exposed together, and what their makers measured of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selfcue.messages import CameraInfo
from selfcue.sensors.camera.choose import camera_driver
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Pixels
from selfcue.sensors.driver import Driver, Reading
from selfcue.sensors.side_by_side import split_side_by_side


@dataclass(frozen=True)
class Pair:
    """What both eyes saw at one time: (H, W, 3) RGB or (H, W) grey, of equal size."""

    left: Pixels
    right: Pixels


class PairCamera(Driver[Pair]):
    """A device with two eyes."""

    kind: ClassVar[str] = "stereo"

    @abstractmethod
    def infos(self) -> tuple[CameraInfo, CameraInfo] | None:
        """Return the maker's calibration of left and right once the device is open; None where it has none."""

    def draw(self, readings: Sequence[Reading[Pair]], axes: Any) -> None:
        pair = readings[-1].value
        both = np.concatenate([pair.left, pair.right], axis=1)
        axes.imshow(both, cmap="gray" if both.ndim == 2 else None, vmin=0, vmax=255)
        axes.set_xlabel("x [px], left and right")


class SideBySideCamera(PairCamera):
    """A camera that sends both eyes in one picture.

    Args:
        config: of the device; its width is that of both pictures together.
        swapped: the device puts the right eye's picture on the left.
    """

    def __init__(self, config: CameraConfig, *, swapped: bool = False) -> None:
        self._camera, self._swapped = camera_driver(config), swapped
        self.domain = self._camera.domain

    @classmethod
    def from_source(cls, source: str) -> SideBySideCamera:
        return cls(CameraConfig(source))

    @property
    def name(self) -> str:
        return f"side-by-side {self._camera.name}"

    @property
    def asked_hz(self) -> float:
        return self._camera.asked_hz

    @property
    def paced(self) -> bool:
        return self._camera.paced

    def open(self) -> None:
        self._camera.open()

    def read(self, timeout_s: float) -> Sequence[Reading[Pair]]:
        return [
            Reading(Pair(*split_side_by_side(one.value, swapped=self._swapped)), one.stamp_ns, one.lost)
            for one in self._camera.read(timeout_s)
        ]

    def close(self) -> None:
        self._camera.close()

    def infos(self) -> None:
        return None

    def describe(self) -> dict[str, Any]:
        return self._camera.describe()
