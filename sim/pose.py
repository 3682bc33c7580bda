"""Where a body is and how it moves, and the rotations that this takes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Pose(NamedTuple):
    """Pose and motion of the body.

    Attributes:
        position: (3,) [m] in ``map``.
        quaternion: (4,) x, y, z, w of R_map_body.
        rotation: (3, 3) R_map_body.
        velocity: (3,) [m/s] in ``map``.
        rates: (3,) [rad/s] in the body.
    """

    position: npt.NDArray[np.float64]
    quaternion: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    rates: npt.NDArray[np.float64]


def resting_pose(x: float, y: float, z: float, yaw: float = 0.0, *, pitch: float = 0.0, roll: float = 0.0) -> Pose:
    """Return a body at rest: place [m] in ``map``, then roll, pitch (nose down) and yaw [rad] about its own axes."""
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a / 2), math.sin(a / 2)) for a in (roll, pitch, yaw))
    w, qx = cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy
    qy, qz = cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy
    rotation = np.asarray(rotation_rows(w, qx, qy, qz)).reshape(3, 3)
    return Pose(np.asarray([x, y, z]), np.asarray([qx, qy, qz, w]), rotation, np.zeros(3), np.zeros(3))


def rotation_rows(w: float, x: float, y: float, z: float) -> list[float]:
    """Return the rotation matrix of a unit quaternion, 9 numbers by rows."""
    return [
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    ]  # fmt: skip
