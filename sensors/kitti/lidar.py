"""LiDAR scans as sparse depth pictures of the left camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sensors.lidar.camera_view import nearest_depth

_NEAREST_M = 0.5  # nearer returns are the vehicle itself


def read_scan(path: Path) -> npt.NDArray[np.float32]:
    """Return KITTI's scan file as (N, 4) float32: x, y, z [m], reflectance."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInputError(f"{path}: the LiDAR scan is missing") from None
    if len(content) % 16:
        raise BadInputError(f"{path}: the LiDAR scan is damaged ({len(content)} bytes are no whole number of points)")
    return np.frombuffer(content, dtype="<f4").reshape(-1, 4)


def project(
    points: npt.NDArray[np.float32], projection: npt.NDArray[np.float64], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the depth picture of a scan.

    Args:
        points: (N, >= 3), x y z [m] in the LiDAR's frame.
        projection: (3, 4) from there to pixels of the rectified left camera, its third row being the depth [m].
        size: (width, height) [px].

    Returns:
        (H, W) float32 depth along the optical axis [m], NaN where no point falls; the nearest of several counts.
    """
    projected = points[:, :3].astype(np.float64) @ projection[:, :3].T + projection[:, 3]
    projected = projected[projected[:, 2] > _NEAREST_M]
    return nearest_depth(projected[:, :2] / projected[:, 2:], projected[:, 2], size)
