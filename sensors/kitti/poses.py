"""Ground-truth poses and GPS/IMU packets as odometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.messages import Odometry, Quaternion
from selfcue.sensors.kitti.text import read_matrix

Matrix = npt.NDArray[np.float64]

_EARTH_RADIUS_M = 6378137.0
_FLU_FROM_OPTICAL: Matrix = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def quaternion(rotation: Matrix) -> Quaternion:
    """Return the unit quaternion x, y, z, w of a (3, 3) rotation, w not negative."""
    m = rotation
    # Largest of 4 w^2, 4 x^2, 4 y^2, 4 z^2 first: never divides by a small number.
    squares = np.array([1 + m[0, 0] + m[1, 1] + m[2, 2], *(1 + 2 * m[i, i] - np.trace(m) for i in range(3))])
    kind = int(np.argmax(squares))
    root = math.sqrt(float(squares[kind]))
    if kind == 0:
        x, y, z, w = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], root * root
    else:
        i, j, k = [(0, 1, 2), (1, 2, 0), (2, 0, 1)][kind - 1]
        axis = np.empty(3)
        axis[i], axis[j], axis[k] = root * root, m[j, i] + m[i, j], m[k, i] + m[i, k]
        (x, y, z), w = axis, m[k, j] - m[j, k]
    values = np.array([x, y, z, w]) / (2.0 * root)
    if values[3] < 0:
        values = -values
    return (float(values[0]), float(values[1]), float(values[2]), float(values[3]))


def read_camera_poses(path: Path, stamps_ns: Sequence[int]) -> list[Odometry]:
    """Return KITTI odometry's poses (camera to world, optical axes, one 3 x 4 matrix a line) as FLU odometry.

    The world frame is the first left camera turned to x forward, y left, z up. Twists are differences to the pose
    before, so that no message knows the future; the first takes the second's.
    """
    matrices = read_matrix(path, 12, "the pose list").reshape(-1, 3, 4)
    turn = _FLU_FROM_OPTICAL
    rotations = [turn @ matrix[:, :3] @ turn.T for matrix in matrices]
    positions = [turn @ matrix[:, 3] for matrix in matrices]
    result = []
    for i in range(min(len(matrices), len(stamps_ns))):
        j = max(i, 1) if len(matrices) > 1 else 0
        dt_s = (stamps_ns[j] - stamps_ns[j - 1]) * 1e-9 if j else 1.0
        linear = rotations[j].T @ (positions[j] - positions[j - 1]) / dt_s if j else np.zeros(3)
        angular = rotation_vector(rotations[j - 1].T @ rotations[j]) / dt_s if j else np.zeros(3)
        result.append(_odometry(stamps_ns[i], positions[i], rotations[i], linear, angular))
    return result


def read_oxts(paths: Sequence[Path], stamps_ns: Sequence[int]) -> list[Odometry]:
    """Return GPS/IMU packets as odometry in a level frame (x east, y north, z up) whose origin is the first packet.

    Positions are KITTI's Mercator projection at the first latitude (development kit, convertOxtsToPose); the body frame
    is the IMU's (x forward, y left, z up).
    """
    result = []
    scale = 1.0
    origin = np.zeros(3)
    for i, (path, stamp_ns) in enumerate(zip(paths, stamps_ns, strict=True)):
        packet = read_matrix(path, 30, "the GPS/IMU packet")[0]
        latitude, longitude, altitude, roll, pitch, yaw = packet[:6]
        if i == 0:
            scale = math.cos(math.radians(latitude))
        east = scale * _EARTH_RADIUS_M * math.radians(longitude)
        north = scale * _EARTH_RADIUS_M * math.log(math.tan(math.radians(90.0 + latitude) / 2.0))
        position = np.array([east, north, altitude])
        if i == 0:
            origin = position
        rotation = _turn(2, yaw) @ _turn(1, pitch) @ _turn(0, roll)
        result.append(_odometry(stamp_ns, position - origin, rotation, packet[8:11], packet[20:23]))
    return result


def rotation_vector(rotation: Matrix) -> Matrix:
    """Return axis x angle [rad] of a (3, 3) rotation by less than half a turn."""
    x, y, z, w = quaternion(rotation)
    axis = np.array([x, y, z])
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.asarray(2.0 * axis)
    return np.asarray(axis * (2.0 * math.atan2(sine, w) / sine))


def _turn(axis: int, angle: float) -> Matrix:
    j, k = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[j, j] = rotation[k, k] = math.cos(angle)
    rotation[k, j], rotation[j, k] = math.sin(angle), -math.sin(angle)
    return rotation


def _odometry(stamp_ns: int, position: Matrix, rotation: Matrix, linear: Matrix, angular: Matrix) -> Odometry:
    return Odometry(
        stamp_ns=stamp_ns,
        frame_id="odom",
        position=(float(position[0]), float(position[1]), float(position[2])),
        orientation=quaternion(rotation),
        linear_velocity=(float(linear[0]), float(linear[1]), float(linear[2])),
        angular_velocity=(float(angular[0]), float(angular[1]), float(angular[2])),
    )
