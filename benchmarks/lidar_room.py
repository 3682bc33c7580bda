"""What a LiDAR sees in a room of flat walls and round columns, computed ray by ray."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from selfcue.messages import PointCloud

Floats = npt.NDArray[np.float64]
HALF = np.array([4.0, 3.0, 0.5])
COLUMNS = ((3.3, 2.4, 0.2), (-3.2, -2.2, 0.3), (-1.0, 2.3, 0.15))
PERIOD_NS = 100_000_000


class Room:
    """Sixteen rings of ninety shots, ranges with noise; the sensor flies about and turns."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        up, round_ = np.meshgrid(
            np.radians(np.linspace(-15, 15, 16)), np.linspace(-math.pi, math.pi, 90, endpoint=False)
        )
        flat = np.cos(up)
        self._beams = np.stack([flat * np.cos(round_), flat * np.sin(round_), np.sin(up)], axis=-1).reshape(-1, 3)

    def _ranges(self, place: Floats, beams: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            walls = np.where(beams == 0.0, np.inf, (np.sign(beams) * HALF - place) / beams)
        found = walls.min(axis=1)
        a = (beams[:, :2] ** 2).sum(axis=1)
        for x, y, radius in COLUMNS:
            to = place[:2] - (x, y)
            b, c = beams[:, :2] @ to, to @ to - radius**2
            inside = b * b - a * c
            with np.errstate(invalid="ignore"):
                hit = (-b - np.sqrt(inside)) / a
            found = np.where((inside > 0) & (hit > 0) & (hit < found), hit, found)
        return np.asarray(found)

    def scan(self, k: int, *, aside: Floats | float = 0.0, turned: float = 0.0) -> PointCloud:
        """Return turn number ``k``; ``aside`` and ``turned``: from somewhere else than where it is."""
        t = 0.1 * k
        place = np.array([2.2 * math.sin(0.31 * t), 1.3 * math.sin(0.47 * t + 1), 0.2 * math.sin(t)]) + aside
        place = np.clip(place + self._rng.normal(0, 0.01, 3), -0.9 * HALF, 0.9 * HALF)
        yaw = 1.8 * math.sin(0.4 * t) + 0.5 * math.sin(1.7 * t) + turned
        turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
        ranges = self._ranges(place, self._beams @ turn.T) + self._rng.normal(0, 0.02, len(self._beams))
        points = (self._beams * ranges[:, None]).astype(np.float32)
        keep = self._rng.random(len(points)) > 0.02
        return PointCloud(stamp_ns=k * PERIOD_NS, points=points[keep], intensity=np.ones(int(keep.sum()), np.float32))
