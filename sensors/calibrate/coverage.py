"""How much of the picture, and which tilts, the views of the board reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.sensors.calibrate.finder import BoardView

ROWS, COLUMNS = 6, 8
_LEAST = 3  # corners in a cell that counts


@dataclass(frozen=True)
class Coverage:
    """Where corners were seen.

    Attributes:
        counts: (6, 8) corners in each cell of the picture.
        reach: distance of the outermost corners (95th percentile) from the middle, as a share of the way to a corner.
    """

    counts: npt.NDArray[np.int64]
    reach: float

    @property
    def share(self) -> float:
        """Share of the cells with three corners or more."""
        return float((self.counts >= _LEAST).mean())

    def empty_side(self) -> str:
        """Return the side of the picture where most is missing: left, right, top or bottom."""
        empty = self.counts < _LEAST
        half_rows, half_columns = ROWS // 2, COLUMNS // 2
        sides = {
            "left": empty[:, :half_columns].sum(),
            "right": empty[:, half_columns:].sum(),
            "top": empty[:half_rows].sum(),
            "bottom": empty[half_rows:].sum(),
        }
        return max(sides, key=lambda side: sides[side])


def coverage(views: Sequence[BoardView]) -> Coverage:
    """Return what the corners of ``views`` (all of one size) cover; nothing for no views."""
    if not views:
        return Coverage(np.zeros((ROWS, COLUMNS), np.int64), 0.0)
    width, height = views[0].width, views[0].height
    every = np.concatenate([view.pixels for view in views])
    bins = [np.linspace(-0.5, height - 0.5, ROWS + 1), np.linspace(-0.5, width - 0.5, COLUMNS + 1)]
    counts = np.histogram2d(every[:, 1], every[:, 0], bins)[0].astype(np.int64)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    distance = np.linalg.norm(every - middle, axis=1) / np.linalg.norm(middle)
    return Coverage(counts, float(np.percentile(distance, 95)))
