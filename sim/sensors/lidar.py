"""The simulated LiDAR: rings of ranges around the body, with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.sim.pose import Pose
from selfcue.sim.raycasting import MISS
from selfcue.sim.render import Stage
from selfcue.state import State, generator_from, generator_state

FRAME = "lidar_link"


@dataclass(frozen=True)
class LidarSettings:
    """A spinning LiDAR at the body's centre; ``lidar_link`` has the body's axes.

    Attributes:
        rings: beams above each other.
        columns: shots per turn.
        low_deg, high_deg: elevation of the lowest and the highest ring.
        range_m: what is farther gives no point.
        noise_m: standard deviation of a range.
    """

    rings: int = 16
    columns: int = 360
    low_deg: float = -15.0
    high_deg: float = 15.0
    range_m: float = 30.0
    noise_m: float = 0.01

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        if not (1 <= self.rings <= 256 and 1 <= self.columns <= 4096):
            raise BadInputError(f"lidar {self.rings} x {self.columns} is not usable; give 1-256 rings, 1-4096 columns")
        if not -90.0 < self.low_deg <= self.high_deg < 90.0:
            raise BadInputError(f"lidar elevations {self.low_deg:g} to {self.high_deg:g} degrees are not usable")
        if not (self.range_m > 0.0 and self.noise_m >= 0.0):
            raise BadInputError(f"lidar range_m {self.range_m:g} or noise_m {self.noise_m:g} is not usable")


class Lidar:
    """Takes scans. All beams of a scan see one frozen state; columns run counter-clockwise from straight ahead."""

    def __init__(self, stage: Stage, settings: LidarSettings, rng: np.random.Generator) -> None:
        self._stage, self._settings, self._rng = stage, settings, rng
        elevation = np.radians(np.linspace(settings.low_deg, settings.high_deg, settings.rings))[:, None]
        azimuth = np.linspace(0.0, 2.0 * np.pi, settings.columns, endpoint=False)[None, :]
        flat = np.cos(elevation)
        parts = (flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation) + 0.0 * azimuth)
        self._beams = np.stack(parts, axis=-1).reshape(-1, 3)

    def scan(self, pose: Pose, stamp_ns: int) -> PointCloud:
        """Return the points (N, 3) in ``lidar_link``; their intensity is the cosine of the angle of incidence."""
        rays = np.empty((len(self._beams), 6), np.float32)
        rays[:, :3] = pose.position
        rays[:, 3:] = self._beams @ pose.rotation.T
        hits = self._stage.rays.cast(rays)
        noise = self._settings.noise_m * self._rng.standard_normal(len(rays), dtype=np.float32)
        hit = (hits.triangle != MISS) & (hits.distance <= self._settings.range_m)
        distance = np.maximum(hits.distance[hit] + noise[hit], np.float32(0.0))
        normals = self._stage.mesh.plane[hits.triangle[hit].astype(np.int64), :3]
        cosine: npt.NDArray[np.float32] = np.abs(np.einsum("ij,ij->i", normals, rays[hit, 3:]))
        points = (self._beams[hit] * distance[:, None]).astype(np.float32)
        return PointCloud(stamp_ns=stamp_ns, frame_id=FRAME, points=points, intensity=cosine.astype(np.float32))

    def state(self) -> State:
        return State({"generator": generator_state(self._rng)})

    def load_state(self, state: State) -> None:
        self._rng = generator_from(state.meta["generator"])
