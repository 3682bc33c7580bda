"""The simulated stereo rig: two equal pinhole cameras side by side, rectified by construction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

OPTICAL_IN_BODY = np.asarray([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], np.float32)
"""R_body_optical: the optical axes (right, down, forward) in the body's (forward, left, up)."""


@dataclass(frozen=True)
class StereoSettings:
    """The rig.

    Attributes:
        width: picture width in pixels.
        height: picture height in pixels.
        fov_deg: horizontal field of view.
        baseline_m: distance between the cameras, left one to the body's left.
        forward_m: how far the cameras sit ahead of the body's centre.
        exposure: factor on the light that reaches the sensor.
    """

    width: int = 128
    height: int = 96
    fov_deg: float = 58.0
    baseline_m: float = 0.06
    forward_m: float = 0.0
    exposure: float = 1.0

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        if not (8 <= self.width <= 8192 and 8 <= self.height <= 8192):
            raise BadInputError(f"stereo {self.width} x {self.height} px is not usable; give 8 to 8192 px")
        if not 10.0 <= self.fov_deg <= 150.0:
            raise BadInputError(f"stereo fov_deg {self.fov_deg:g} is not usable; give 10 to 150 degrees")
        if not 0.0 < self.baseline_m <= 2.0:
            raise BadInputError(f"stereo baseline_m {self.baseline_m:g} is not usable; give up to 2 m, more than 0")
        if not -1.0 <= self.forward_m <= 1.0:
            raise BadInputError(f"stereo forward_m {self.forward_m:g} is not usable; give -1 to 1 m")
        if not 0.0 < self.exposure <= 10.0:
            raise BadInputError(f"stereo exposure {self.exposure:g} is not usable; give up to 10, more than 0")

    @property
    def focal_px(self) -> float:
        """Focal length of both cameras, equal in x and y."""
        return self.width / 2 / math.tan(math.radians(self.fov_deg) / 2)

    @property
    def center_px(self) -> tuple[float, float]:
        """Principal point (cx, cy); pixel centres have whole coordinates."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    def directions(self) -> npt.NDArray[np.float32]:
        """Return the viewing direction of each pixel in the body's axes, (H * W, 3), 1 long along the optical axis."""
        (cx, cy), focal = self.center_px, self.focal_px
        u, v = np.meshgrid(np.arange(self.width), np.arange(self.height))
        optical = np.stack([(u - cx) / focal, (v - cy) / focal, np.ones(u.shape)], axis=-1).reshape(-1, 3)
        return (optical @ OPTICAL_IN_BODY.T).astype(np.float32)

    def positions(self) -> npt.NDArray[np.float32]:
        """Return the places [m] of left and right camera in the body's frame, (2, 3)."""
        half = self.baseline_m / 2
        return np.asarray([[self.forward_m, half, 0.0], [self.forward_m, -half, 0.0]], np.float32)
