"""Which points to keep, by where they are."""

from __future__ import annotations

import math

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Vector3
from selfcue.sensors.lidar.cloud import Mask, checked_points


def in_box(points: np.ndarray, low_m: Vector3, high_m: Vector3) -> Mask:
    """Tell which points lie in a box along the axes; its faces belong to it.

    A robot's own body is such a box in its own frame: what lies outside is kept with ``~in_box(...)``. A point that is
    not finite lies in no box.

    Args:
        points: (N, 3) [m].
        low_m, high_m: corners with the least and the greatest x, y, z.

    Returns:
        (N,) bool.

    Raises:
        BadInputError: a corner is not below the other.
    """
    checked_points(points)
    if not all(low < high for low, high in zip(low_m, high_m, strict=True)):
        raise BadInputError(f"a box from {low_m} to {high_m} m has no inside; the first corner has the smaller numbers")
    inside = (points >= np.asarray(low_m, points.dtype)) & (points <= np.asarray(high_m, points.dtype))
    return np.asarray(inside.all(axis=1))


def in_range(points: np.ndarray, least_m: float = 0.0, most_m: float = math.inf) -> Mask:
    """Tell which points lie no nearer to the origin than ``least_m`` and no farther than ``most_m``: (N,) bool.

    Raises:
        BadInputError: ``least_m`` is negative or not below ``most_m``.
    """
    checked_points(points)
    if not 0.0 <= least_m < most_m:
        raise BadInputError(f"a range from {least_m} to {most_m} m holds nothing")
    squares = np.einsum("ij,ij->i", points.astype(np.float64), points.astype(np.float64))
    return np.asarray((squares >= least_m**2) & (squares <= most_m**2) & np.isfinite(squares))
