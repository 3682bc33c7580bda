"""A chain of steps that a cloud goes through, as settings say it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from selfcue.messages import PointCloud, Vector3
from selfcue.sensors.lidar.cloud import choose
from selfcue.sensors.lidar.crop import in_box, in_range
from selfcue.sensors.lidar.ground import GroundConfig, find_ground, on_ground
from selfcue.sensors.lidar.voxel import voxel_filter

Kind = Literal["finite", "box", "body", "range", "voxel", "ground"]


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        do: ``finite`` leaves out what is not finite or at the origin, ``box`` keeps what lies in a box, ``body`` leaves
            it out (the robot itself), ``range`` keeps what lies in a range, ``voxel`` thins, ``ground`` splits.
        low_m, high_m: of ``box`` and ``body``: corners with the least and the greatest x, y, z.
        least_m, most_m: of ``range``.
        size_m: of ``voxel``: side of a cube.
        keep: of ``ground``: what stays: the ground, or the others.
        ground: of ``ground``: what counts as it.
    """

    do: Kind
    low_m: Vector3 = (0.0, 0.0, 0.0)
    high_m: Vector3 = (0.0, 0.0, 0.0)
    least_m: float = 0.0
    most_m: float = math.inf
    size_m: float = 0.1
    keep: Literal["ground", "others"] = "others"
    ground: GroundConfig = field(default_factory=GroundConfig)

    def __post_init__(self) -> None:
        corners = zip(self.low_m, self.high_m, strict=True)
        if self.do in ("box", "body") and not all(low < high for low, high in corners):
            raise ValueError(f"step {self.do}: low_m {self.low_m} must lie below high_m {self.high_m}")
        if self.do == "range" and not 0.0 <= self.least_m < self.most_m:
            raise ValueError(f"step range: least_m {self.least_m} must lie below most_m {self.most_m}")
        if self.do == "voxel" and not self.size_m > 0.0:
            raise ValueError(f"step voxel: size_m {self.size_m} must be above 0")


def apply_steps(cloud: PointCloud, steps: Sequence[Step], rng: np.random.Generator) -> PointCloud:
    """Return what is left of ``cloud`` after ``steps``, in their order; ``rng`` draws the ground's trials."""
    for step in steps:
        cloud = _apply(cloud, step, rng)
    return cloud


def _apply(cloud: PointCloud, step: Step, rng: np.random.Generator) -> PointCloud:
    points = cloud.points
    if step.do == "voxel":
        return voxel_filter(cloud, step.size_m)
    if step.do == "finite":
        return choose(cloud, np.isfinite(points).all(axis=1) & points.any(axis=1))
    if step.do == "range":
        return choose(cloud, in_range(points, step.least_m, step.most_m))
    if step.do == "ground":
        ground = on_ground(points, find_ground(points, rng, step.ground), step.ground.tolerance_m)
        return choose(cloud, ground if step.keep == "ground" else ~ground)
    inside = in_box(points, step.low_m, step.high_m)
    return choose(cloud, inside if step.do == "box" else ~inside)
