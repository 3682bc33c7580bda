"""What one knows of a road without looking: depth priors learned from the teacher, for a student to beat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.state import State


class DepthPriors:
    """Running means of the teacher's inverse depth, per pixel and per row of the picture.

    Means of inverse depth and not of depth: of the two fair forms it is the stronger by far (on the recorded drive
    AbsRel .41 against .57 for rows, .23 against .29 for pixels), since a mean of depths is ruled by the far ones.
    """

    def __init__(self) -> None:
        self._sum: npt.NDArray[np.float64] | None = None
        self._count: npt.NDArray[np.int64] | None = None
        self.frames = 0

    def learn(self, inverse_depth: npt.NDArray[np.floating], valid: npt.NDArray[np.bool_]) -> None:
        """Take one frame of the teacher's, (H, W) [1/m]."""
        if self._sum is None or self._count is None:
            self._sum, self._count = np.zeros(valid.shape), np.zeros(valid.shape, dtype=np.int64)
        usable = valid & np.isfinite(inverse_depth)
        self._sum += np.where(usable, inverse_depth, 0.0)
        self._count += usable
        self.frames += 1

    def row_mean(self) -> npt.NDArray[np.float64] | None:
        """Return the mean of each row, (H, 1), its neighbours' where it never had a value; None while untaught."""
        if self._sum is None or self._count is None or not self._count.any():
            return None
        total, count = self._sum.sum(axis=1), self._count.sum(axis=1)
        known = np.flatnonzero(count)
        means = total[known] / count[known]
        rows: npt.NDArray[np.float64] = np.interp(np.arange(len(total)), known, means)
        return rows[:, None]

    def pixel_mean(self, *, shrink: float = 0.0) -> npt.NDArray[np.float64] | None:
        """Return the mean of each pixel, (H, W), its row's where it never had a value; None while untaught.

        ``shrink``: the row's mean counts as so many values more of each pixel.
        """
        rows = self.row_mean()
        if rows is None or self._sum is None or self._count is None:
            return None
        weight = self._count + shrink
        return np.where(weight > 0, (self._sum + shrink * rows) / np.maximum(weight, 1e-9), rows)

    def state(self) -> State:
        if self._sum is None or self._count is None:
            return State({"frames": 0})
        return State({"frames": self.frames}, {"sum": self._sum.copy(), "count": self._count.copy()})

    def load_state(self, state: State) -> None:
        self.frames = int(state.meta["frames"])
        self._sum = state.arrays["sum"].copy() if "sum" in state.arrays else None
        self._count = state.arrays["count"].copy() if "count" in state.arrays else None
