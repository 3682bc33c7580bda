"""What a detector looks at of a cloud: points and ranges by sector around the sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.messages import PointCloud

SECTORS = 36
_LEAST_POINTS, _ENOUGH = 5, 10_000
_QUANTILES = (0.5, 0.65, 0.8)


@dataclass(frozen=True)
class ScanProfile:
    """One cloud by sectors of 10 degrees, from the back on counter-clockwise.

    Attributes:
        counts: (36,) int64, points that are finite and not at the origin, of those that were looked at.
        ranges_m: (36, 3) float64, horizontal ranges that 50, 65 and 80 % of its points do not reach; NaN where there
            are fewer than five.
        near_share: of all points, nearer than half a metre.
    """

    counts: npt.NDArray[np.int64]
    ranges_m: npt.NDArray[np.float64]
    near_share: float

    @staticmethod
    def of(cloud: PointCloud, near_m: float = 0.5) -> ScanProfile:
        """Return the profile of a cloud; of a large one, of some 10,000 of its points, evenly taken."""
        points = cloud.points[:: 1 + len(cloud.points) // _ENOUGH].astype(np.float64)
        flat = np.hypot(points[:, 0], points[:, 1])
        good = np.isfinite(points).all(axis=1) & (flat > 1e-6)
        points, flat = points[good], flat[good]
        turn = np.arctan2(points[:, 1], points[:, 0])
        sector = ((turn + np.pi) / (2.0 * np.pi) * SECTORS).astype(np.int64) % SECTORS
        order = np.lexsort((flat, sector))
        counts = np.bincount(sector, minlength=SECTORS)
        begins = np.cumsum(counts) - counts
        ranges_m = np.full((SECTORS, len(_QUANTILES)), np.nan)
        enough = counts >= _LEAST_POINTS
        for i, quantile in enumerate(_QUANTILES):
            ranges_m[enough, i] = flat[order][(begins + (counts * quantile).astype(np.int64))[enough]]
        near = float(np.mean(flat < near_m)) if flat.size else 0.0
        return ScanProfile(counts, ranges_m, near)

    @property
    def total(self) -> int:
        return int(self.counts.sum())
