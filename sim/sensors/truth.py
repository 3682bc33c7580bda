"""What only a simulator knows: how near the next obstacle really is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue import corridor
from selfcue.messages import Truth
from selfcue.sim.camera import StereoSettings
from selfcue.sim.render import Stage


class TruthSensor:
    """Measures on exact depth and exact geometry."""

    def __init__(self, stage: Stage, camera: StereoSettings, half_width_m: float, half_height_m: float) -> None:
        self._stage = stage
        self._half_width_m, self._half_height_m = half_width_m, half_height_m
        self._intrinsics = (camera.focal_px, camera.focal_px, *camera.center_px)

    def corridor_nearest_m(self, depth: npt.NDArray[np.float32]) -> float:
        """Return the depth [m] of the nearest surface in the swept corridor of a depth picture (H, W); inf: none."""
        return corridor.nearest_depth(depth, self._intrinsics, self._half_width_m, self._half_height_m)

    def clearance_m(self, position: npt.NDArray[np.float64]) -> float:
        """Return the distance [m] from ``position`` (3,) to the nearest surface."""
        return float(self._stage.rays.distance(position.astype(np.float32)[None])[0])

    def measure(
        self,
        position: npt.NDArray[np.float64],
        depth: npt.NDArray[np.float32],
        faults: tuple[str, ...],
        stamp_ns: int,
    ) -> Truth:
        """Return the message for one camera frame."""
        return Truth(
            stamp_ns=stamp_ns,
            frame_id="base_link",
            corridor_nearest_m=self.corridor_nearest_m(depth),
            clearance_m=self.clearance_m(position),
            fault_active=faults,
        )
