"""What all camera drivers share: a size that stays, RGB or grey pixels, a picture of what is seen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.driver import Driver, Reading

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) RGB, or (H, W) grey."""


class Camera(Driver[Pixels]):
    """Pictures of one source, all of one size."""

    kind: ClassVar[str] = "camera"

    def __init__(self, config: CameraConfig) -> None:
        self.config = config
        self._size = (config.width, config.height) if config.width else None

    @classmethod
    def from_source(cls, source: str) -> Camera:
        try:
            return cls(CameraConfig(source))
        except ValueError as error:
            raise BadInputError(f"camera {source!r}: {error}") from error

    @property
    def name(self) -> str:
        return f"camera {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return self.config.fps

    @abstractmethod
    def read(self, timeout_s: float) -> Sequence[Reading[Pixels]]:
        """See ``Driver.read``; each reading is a picture of its own, which nothing overwrites."""

    def describe(self) -> dict[str, Any]:
        size = "unknown" if self._size is None else f"{self._size[0]} x {self._size[1]} px"
        return {"size": size, "asked_hz": self.asked_hz}

    def draw(self, readings: Sequence[Reading[Pixels]], axes: Any) -> None:
        pixels = readings[-1].value
        axes.imshow(pixels, cmap="gray" if pixels.ndim == 2 else None, vmin=0, vmax=255)
        axes.set_xlabel("x [px]")
        axes.set_ylabel("y [px]")

    def _checked(self, pixels: Pixels, subject: str) -> Pixels:
        """Return ``pixels`` where they have the size that all before them had.

        Raises:
            BadInputError: they have another.
        """
        size = (int(pixels.shape[1]), int(pixels.shape[0]))
        if self._size is not None and size != self._size:
            raise BadInputError(
                f"{subject}: frame of {size[0]} x {size[1]} px, expected {self._size[0]} x {self._size[1]} px"
            )
        self._size = size
        return pixels
