"""Devices with two eyes: pairs exposed together, and what their makers measured of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from selfcue.messages import CameraInfo
from selfcue.sensors.camera.choose import camera_driver
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Pixels
from selfcue.sensors.driver import DeviceLostError, Domain, Driver, Reading
from selfcue.sensors.guarded import Guarded
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


class OpenedPair(Protocol):
    """A device that streams, as its maker's library has it."""

    infos: tuple[CameraInfo, CameraInfo]

    def pair(self, timeout_s: float) -> tuple[int, int, Pair] | None:
        """Return number, stamp [monotonic ns] and pictures of the next whole pair; None where none came in time.

        Raises:
            RuntimeError: the device is gone.
        """
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class NumberedPairCamera(PairCamera):
    """A device whose library numbers its pairs, so that lost ones are counted."""

    domain: Domain = "monotonic"

    def __init__(self, config: CameraConfig) -> None:
        self.config = config
        self._opened: Guarded[OpenedPair] = Guarded(lambda opened: opened.close())
        self._infos: tuple[CameraInfo, CameraInfo] | None = None
        self._last = -1

    @classmethod
    def from_source(cls, source: str) -> NumberedPairCamera:
        return cls(CameraConfig(source))

    @abstractmethod
    def _open(self) -> OpenedPair:
        """Open the device, all or nothing; see ``Driver.open``."""

    def open(self) -> None:
        opened = self._open()
        self._infos, self._last = opened.infos, -1
        self._opened.put(opened)

    def read(self, timeout_s: float) -> Sequence[Reading[Pair]]:
        with self._opened.use() as opened:
            if opened is None:
                raise DeviceLostError(f"{self.name}: read while it is not open; call open() first")
            try:
                found = opened.pair(timeout_s)
            except RuntimeError as error:
                raise DeviceLostError(f"{self.name}: {error}; check cable and power") from error
        if found is None:
            return []
        number, stamp_ns, pair = found
        lost = max(0, number - self._last - 1) if self._last >= 0 else 0
        self._last = number
        return [Reading(pair, stamp_ns, lost)]

    def close(self) -> None:
        self._opened.close()

    def infos(self) -> tuple[CameraInfo, CameraInfo] | None:
        return self._infos

    def describe(self) -> dict[str, Any]:
        if self._infos is None:
            return {}
        left, right = self._infos
        return {"size": f"{left.width} x {left.height} px", "baseline_m": round(right.baseline_m, 4)}


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
