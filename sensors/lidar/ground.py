"""The ground under a robot: a plane by random sampling, and the points on it.

Source: Fischler and Bolles, "Random sample consensus", Communications of the ACM 24(6), 1981. numpy, not Open3D: its
``segment_plane`` draws from a generator of its own, so that a run could not be repeated, and knows no slope limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.sensors.lidar.cloud import Mask, checked_points

_LOOKED_AT = 4000
_REFINED = 3


@dataclass(frozen=True)
class GroundConfig:
    """What counts as ground. The points' z axis is up.

    Attributes:
        tolerance_m: a point so near to the plane is on it.
        max_slope_deg: a steeper plane is a wall.
        low_m, high_m: heights (z) between which the ground is looked for, under and around the robot.
        reach_m: how far around the robot it is looked for; a street is flat for some distance only.
        trials: planes that are tried.
        least_share: of the points that were looked at, so many more must lie on it than below; else there is no ground.
    """

    tolerance_m: float = 0.1
    max_slope_deg: float = 15.0
    low_m: float = -3.0
    high_m: float = 1.0
    reach_m: float = 30.0
    trials: int = 100
    least_share: float = 0.1

    def __post_init__(self) -> None:
        if self.tolerance_m <= 0 or self.low_m >= self.high_m or self.reach_m <= 0 or self.trials < 1:
            raise ValueError(
                f"tolerance_m {self.tolerance_m} and reach_m {self.reach_m} must be above 0, low_m {self.low_m} below "
                f"high_m {self.high_m}, trials {self.trials} at least 1"
            )
        if not 0 < self.max_slope_deg < 90 or not 0 <= self.least_share <= 1:
            raise ValueError(
                f"max_slope_deg {self.max_slope_deg} must lie between 0 and 90, least_share {self.least_share} in 0 "
                "to 1"
            )


@dataclass(frozen=True)
class Plane:
    """The points p with ``normal . p + offset_m = 0``; ``normal`` has length 1 and points up."""

    normal: tuple[float, float, float]
    offset_m: float

    def height(self, points: np.ndarray) -> npt.NDArray[np.float64]:
        """Return how far above the plane each of ``points`` (N, 3) lies [m], negative below: (N,)."""
        return np.asarray(points.astype(np.float64) @ np.asarray(self.normal) + self.offset_m)


def find_ground(points: np.ndarray, rng: np.random.Generator, config: GroundConfig | None = None) -> Plane | None:
    """Return the plane near the robot with the most points on it, less those below; None where that is too few.

    Args:
        points: (N, 3) [m], z up.
        rng: draws the trials, and the points that are looked at where there are many.
        config: what counts as ground.
    """
    config = config or GroundConfig()
    near = _candidates(checked_points(points), config)
    if len(near) > _LOOKED_AT:
        near = near[rng.choice(len(near), _LOOKED_AT, replace=False)]
    if len(near) < 3:
        return None
    corners = near[rng.integers(0, len(near), (config.trials, 3))]  # (K, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals / np.where(lengths > 1e-9, lengths, 1.0)[:, None]
    normals *= np.where(normals[:, 2] < 0, -1.0, 1.0)[:, None]
    steep = (normals[:, 2] < math.cos(math.radians(config.max_slope_deg))) | (lengths <= 1e-9)
    offsets = -np.einsum("ij,ij->i", normals, corners[:, 0])
    heights = near @ normals.T + offsets
    below = (heights < -2.0 * config.tolerance_m).sum(axis=0)  # of a laser's ring on walls, half the room is below
    counts = np.where(steep, 0, (np.abs(heights) <= config.tolerance_m).sum(axis=0) - below)
    best = int(np.argmax(counts))
    if counts[best] < max(3, config.least_share * len(near)):
        return None
    plane = _plane(normals[best], float(offsets[best]))
    for _ in range(_REFINED):
        refined = _through(near[np.abs(plane.height(near)) <= config.tolerance_m])
        if refined.normal[2] < math.cos(math.radians(config.max_slope_deg)):
            break
        plane = refined
    return plane


def on_ground(points: np.ndarray, plane: Plane | None, tolerance_m: float) -> Mask:
    """Tell which points lie on the plane, or below it (puddles mirror, and rays go astray): (N,) bool."""
    if plane is None:
        return np.zeros(len(points), np.bool_)
    return np.asarray(plane.height(checked_points(points)) <= tolerance_m)


def _candidates(points: np.ndarray, config: GroundConfig) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        near = (np.hypot(points[:, 0], points[:, 1]) <= config.reach_m) & (points[:, 2] >= config.low_m)
        near &= points[:, 2] <= config.high_m
    return np.asarray(points[near].astype(np.float64))


def _plane(normal: np.ndarray, offset_m: float) -> Plane:
    x, y, z = (float(part) for part in normal)
    return Plane((x, y, z), offset_m)


def _through(points: npt.NDArray[np.float64]) -> Plane:
    """Return the plane with the least squared distances to ``points``."""
    middle = points.mean(axis=0)
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][-1]
    normal = normal if normal[2] >= 0 else -normal
    return _plane(normal, -float(normal @ middle))
