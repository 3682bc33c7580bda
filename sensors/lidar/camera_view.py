"""A cloud as a camera's depth picture, and a depth picture as a cloud.

Depth lies along the optical axis; the camera's frame is x right, y down, z forward; the centre of the first pixel is
(0, 0). A learner that is taught depth by a LiDAR takes its targets from here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.sensors.lens import Lens
from selfcue.sensors.lidar.cloud import checked_points
from selfcue.transforms import Transform


def depth_image(
    points: np.ndarray,
    info: CameraInfo,
    T_camera_lidar: Transform,
    *,
    rectified: bool = True,
    nearest_m: float = 0.1,
) -> npt.NDArray[np.float32]:
    """Return where a camera sees the points: the nearest of those that fall on one pixel.

    What is behind something for the camera but not for the LiDAR, which stands elsewhere, shows through where the
    nearer thing has no point on the same pixel.

    Args:
        points: (N, 3) [m] in the LiDAR's frame.
        info: of the camera.
        T_camera_lidar: takes points to the camera's optical frame (of the rectified camera where ``rectified``).
        rectified: the picture is rectified: its P holds. Otherwise its K and distortion hold (needs OpenCV).
        nearest_m: depths below are left out.

    Returns:
        (H, W) float32 [m], NaN where no point falls.
    """
    seen = T_camera_lidar.apply(checked_points(points))
    seen = seen[np.isfinite(seen).all(axis=1) & (seen[:, 2] >= nearest_m)]
    if rectified:
        focal, centre = _pinhole(info)
        pixels = seen[:, :2] / seen[:, 2:] * focal + centre
    else:
        lens = Lens.from_info(info)
        wide = 2.0 * max(info.width / lens.fx, info.height / lens.fy)  # far outside, distortion folds back into view
        seen = seen[np.hypot(seen[:, 0], seen[:, 1]) <= wide * seen[:, 2]]
        pixels = lens.project(seen) if len(seen) else np.zeros((0, 2))
    return nearest_depth(pixels, seen[:, 2], (info.width, info.height))


def nearest_depth(
    pixels: npt.NDArray[np.float64], depth_m: npt.NDArray[np.float64], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return a picture of the depths at ``pixels``, the nearest where several fall on one.

    Args:
        pixels: (N, 2) column and row; outside of the picture: left out.
        depth_m: (N,).
        size: (width, height) [px].

    Returns:
        (H, W) float32 [m], NaN where none falls.
    """
    width, height = size
    column, row = np.rint(pixels).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    cell = row[inside].astype(np.int64) * width + column[inside].astype(np.int64)
    depth = np.full(width * height, np.inf, dtype=np.float32)
    np.minimum.at(depth, cell, depth_m[inside].astype(np.float32))
    depth[np.isinf(depth)] = np.nan
    return depth.reshape(height, width)


def points_of_depth(
    depth_m: np.ndarray, info: CameraInfo, *, rectified: bool = True, stride: int = 1
) -> npt.NDArray[np.float32]:
    """Return the points that a depth picture shows, in the camera's optical frame: (N, 3) [m], row by row.

    Args:
        depth_m: (H, W); NaN, infinite or not above 0: no point.
        info: of the camera; its size is that of the picture.
        rectified: as in ``depth_image``.
        stride: take every so many-th pixel of every so many-th row.

    Raises:
        BadInputError: the picture has another size than the calibration.
    """
    if depth_m.shape != (info.height, info.width):
        height, width = depth_m.shape[:2]
        raise BadInputError(f"a depth picture of {width} x {height} px, calibrated at {info.width} x {info.height} px")
    row, column = np.mgrid[: info.height : stride, : info.width : stride]
    depth = depth_m[::stride, ::stride].astype(np.float64)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(depth) & (depth > 0)
    pixels, depth = np.stack([column[seen], row[seen]], axis=1).astype(np.float64), depth[seen]
    if rectified:
        focal, centre = _pinhole(info)
        rays = (pixels - centre) / focal
    else:
        rays = Lens.from_info(info).rays(pixels) if len(pixels) else pixels
    return np.column_stack([rays * depth[:, None], depth]).astype(np.float32)


def _pinhole(info: CameraInfo) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return focal lengths and centre of the rectified camera [px]."""
    if info.p[0] <= 0 or info.p[5] <= 0:
        raise BadInputError(f"camera_info has fx {info.p[0]} and fy {info.p[5]} px in P; it is not rectified")
    return np.array([info.p[0], info.p[5]]), np.array([info.p[2], info.p[6]])
