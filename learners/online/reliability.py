"""How well a score ranks, and how well the probability made of it is calibrated, over the last frames."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from selfcue.state import State

_LEAST_FRAMES = 500


class Reliability:
    """Scores and labels of the last ``window`` frames, with a probability for each that knew only earlier ones.

    The probability comes from histogram binning (Zadrozny and Elkan 2001): the share of positives among earlier frames
    with a score in the same bin, with one success and one failure added.

    Args:
        turn_m: bins are even in the logarithm of ``score * turn_m`` between 1/8 and 8.
        bins: number of bins, for scores and for the expected calibration error.
        window: frames that the figures look back on (200 s at 20 Hz: neighbours are alike, so it takes many to know).
        history: earlier frames that a probability is made of; fewer, for the student gets better all the time.
    """

    def __init__(self, turn_m: float, *, bins: int = 16, window: int = 4000, history: int = 1000) -> None:
        self._turn_m, self._bins, self._window, self._history = turn_m, bins, window, history
        self._edges = np.exp2(np.linspace(-3.0, 3.0, bins - 1))
        self._rows = np.zeros((window, 4))  # score, its bin, probability, label; a ring
        self._count = 0

    def add(self, score: float, *, positive: bool) -> float:
        """Take one frame; return the probability that was given to "positive" before its label was known."""
        rows = self._latest(self._history)
        mine = int(np.searchsorted(self._edges, score * self._turn_m))
        same = rows[:, 1] == mine
        probability = (float(rows[same, 3].sum()) + 1.0) / (float(same.sum()) + 2.0)
        self._rows[self._count % self._window] = score, mine, probability, positive
        self._count += 1
        return probability

    def calibration_error(self) -> float:
        """Return the expected calibration error; NaN for fewer than 500 frames."""
        rows = self._filled()
        if len(rows) < _LEAST_FRAMES:
            return math.nan
        bins = np.minimum((rows[:, 2] * self._bins).astype(int), self._bins - 1)
        gaps = np.bincount(bins, rows[:, 2] - rows[:, 3], minlength=self._bins)
        return float(np.abs(gaps).sum() / len(rows))

    def auc(self) -> float:
        """Return the area under the ROC curve of the score; NaN where all labels are equal."""
        rows = self._filled()
        positive = rows[:, 3] > 0
        n_positive, n_negative = int(positive.sum()), int((~positive).sum())
        if not n_positive or not n_negative:
            return math.nan
        _, place, counts = np.unique(rows[:, 0], return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]  # ties share their mean rank
        return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))

    def _filled(self) -> npt.NDArray[np.float64]:
        return self._rows[: min(self._count, self._window)]

    def _latest(self, count: int) -> npt.NDArray[np.float64]:
        """Return the last ``count`` rows, in no particular order."""
        if self._count <= count:
            return self._rows[: self._count]
        start, end = (self._count - count) % self._window, self._count % self._window
        return self._rows[start:end] if start < end else np.concatenate((self._rows[start:], self._rows[:end]))

    def state(self) -> State:
        return State({"count": self._count}, {"rows": self._filled().copy()})

    def load_state(self, state: State) -> None:
        self._count = int(state.meta["count"])
        self._rows[: len(state.arrays["rows"])] = state.arrays["rows"]
