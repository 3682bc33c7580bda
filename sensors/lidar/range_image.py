"""A cloud as a picture of ranges, as the sensor sees it, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.sensors.lidar.cloud import checked_points


@dataclass(frozen=True)
class RangeImage:
    """Ranges by direction: row 0 looks up most, column 0 to the back and on counter-clockwise seen from above.

    Attributes:
        range_m: (H, W) float32, NaN where nothing was seen; the nearest of several points counts.
        places: (H, W) int32, which point of the cloud each is; -1 where none.
    """

    range_m: npt.NDArray[np.float32]
    places: npt.NDArray[np.int32]


def spherical_image(points: np.ndarray, height: int, width: int, low_deg: float, high_deg: float) -> RangeImage:
    """Return the points by azimuth and elevation, in steps of equal angle.

    Args:
        points: (N, 3) [m], x forward, y left, z up; at the origin or not finite: left out.
        height, width: of the picture.
        low_deg, high_deg: elevations of its lower and upper edge; points outside are left out.

    Raises:
        BadInputError: a picture without pixels or elevations.
    """
    if height < 1 or width < 1 or not -90.0 <= low_deg < high_deg <= 90.0:
        raise BadInputError(f"a range image of {width} x {height} px from {low_deg} to {high_deg} degrees is none")
    ranges, azimuth = _polar(points)
    with np.errstate(invalid="ignore", divide="ignore"):
        elevation = np.degrees(np.arcsin(np.clip(points[:, 2] / ranges, -1.0, 1.0)))
        share = (high_deg - elevation) / (high_deg - low_deg)
        usable = (ranges > 0) & np.isfinite(ranges) & (share >= 0.0) & (share <= 1.0)
    row = np.minimum((np.where(usable, share, 0.0) * height).astype(np.int64), height - 1)
    return _paint(ranges, row, _column(azimuth, width), usable, (height, width))


def ring_image(cloud: PointCloud, rings: int, width: int) -> RangeImage:
    """Return the points by the laser that measured them (one row each, the highest first) and by azimuth.

    Raises:
        BadInputError: the cloud does not say its rings, or has one that is not below ``rings``.
    """
    if cloud.ring is None:
        raise BadInputError("the cloud does not say which laser measured each point; use the spherical image")
    highest = int(cloud.ring.max(initial=0))
    if width < 1 or highest >= rings:
        raise BadInputError(f"a range image of {width} columns and {rings} rings does not hold ring {highest}")
    ranges, azimuth = _polar(cloud.points)
    usable = (ranges > 0) & np.isfinite(ranges)
    row = rings - 1 - cloud.ring.astype(np.int64)
    return _paint(ranges, row, _column(azimuth, width), usable, (rings, width))


def spherical_points(range_m: np.ndarray, low_deg: float, high_deg: float) -> npt.NDArray[np.float32]:
    """Return the points that the middles of a spherical image's pixels mean: (N, 3) [m], row by row, without NaN."""
    height, width = range_m.shape
    row, column = np.nonzero(np.isfinite(range_m))
    elevation = np.radians(high_deg - (row + 0.5) / height * (high_deg - low_deg))
    azimuth = (column + 0.5) / width * 2.0 * np.pi - np.pi
    flat = np.cos(elevation)
    direction = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=1)
    return np.asarray(direction * range_m[row, column, None]).astype(np.float32)


def _polar(points: np.ndarray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return ranges [m] and azimuths [rad], -pi to pi."""
    wide = checked_points(points).astype(np.float64)
    return np.sqrt(np.einsum("ij,ij->i", wide, wide)), np.arctan2(wide[:, 1], wide[:, 0])


def _column(azimuth: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.int64]:
    share = np.nan_to_num((azimuth + np.pi) / (2.0 * np.pi))
    return (share * width).astype(np.int64) % width


def _paint(
    ranges: npt.NDArray[np.float64],
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int64],
    usable: npt.NDArray[np.bool_],
    shape: tuple[int, int],
) -> RangeImage:
    chosen = np.flatnonzero(usable)
    far_first = chosen[np.argsort(-ranges[chosen], kind="stable")]  # the last that is written stays
    places = np.full(shape, -1, np.int32)
    places[row[far_first], column[far_first]] = far_first
    range_m = np.full(shape, np.nan, np.float32)
    range_m[row[far_first], column[far_first]] = ranges[far_first]
    return RangeImage(range_m, places)
