"""Clouds as a whole: some of their points, and points moved."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud

Points = npt.NDArray[np.float32]
"""(N, 3) [m]."""
Mask = npt.NDArray[np.bool_]
"""(N,)."""


def checked_points(points: np.ndarray) -> np.ndarray:
    """Return ``points`` where they are (N, 3) numbers. Raises BadInputError where they are not."""
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind != "f":
        raise BadInputError(f"points need shape (N, 3) and floating numbers, got {points.shape} {points.dtype}")
    return points


def choose(cloud: PointCloud, which: np.ndarray) -> PointCloud:
    """Return the points of ``cloud`` that ``which`` names: (N,) bool, or places among them; stamp and frame stay."""
    return msgspec.structs.replace(
        cloud,
        points=cloud.points[which],
        intensity=cloud.intensity[which],
        time_s=None if cloud.time_s is None else cloud.time_s[which],
        ring=None if cloud.ring is None else cloud.ring[which],
    )


def with_points(cloud: PointCloud, points: np.ndarray) -> PointCloud:
    """Return ``cloud`` with its points at other places, (N, 3)."""
    if points.shape != cloud.points.shape:
        raise BadInputError(f"a cloud of {cloud.points.shape} cannot have points {points.shape}")
    return msgspec.structs.replace(cloud, points=points.astype(np.float32))
