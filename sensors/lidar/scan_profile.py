"""What a detector looks at of a cloud: points and ranges by sector around the sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.messages import PointCloud

SECTORS = 36
_LEAST_POINTS = 3


@dataclass(frozen=True)
class ScanProfile:
    """One cloud by sectors of 10 degrees, from the back on counter-clockwise.

    Attributes:
        counts: (36,) int64, points that are finite and not at the origin.
        range_m: (36,) float64, the middle horizontal range; NaN where there are fewer than three points.
        near_share: of all points, nearer than half a metre.
    """

    counts: npt.NDArray[np.int64]
    range_m: npt.NDArray[np.float64]
    near_share: float

    @staticmethod
    def of(cloud: PointCloud, near_m: float = 0.5) -> ScanProfile:
        """Return the profile of a cloud."""
        points = cloud.points.astype(np.float64, copy=False)
        flat = np.hypot(points[:, 0], points[:, 1])
        good = np.isfinite(points).all(axis=1) & (flat > 1e-6)
        points, flat = points[good], flat[good]
        turn = np.arctan2(points[:, 1], points[:, 0])
        sector = ((turn + np.pi) / (2.0 * np.pi) * SECTORS).astype(np.int64) % SECTORS
        order = np.lexsort((flat, sector))
        counts = np.bincount(sector, minlength=SECTORS)
        begins = np.cumsum(counts) - counts
        range_m = np.full(SECTORS, np.nan)
        enough = counts >= _LEAST_POINTS
        range_m[enough] = flat[order][(begins + counts // 2)[enough]]
        near = float(np.mean(flat < near_m)) if flat.size else 0.0
        return ScanProfile(counts, range_m, near)

    @property
    def total(self) -> int:
        return int(self.counts.sum())
