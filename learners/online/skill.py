"""The learning curve: figures of lessons that were scored before they were learned from."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np

from selfcue.state import State


class Prequential:
    """Predict-before-learn figures: a sliding mean for the status, and means between the points of a curve.

    Args:
        window: lessons that the sliding mean looks back on.
        surprise: a lesson is hard when its error lies above this quantile of the window's.
    """

    def __init__(self, *, window: int = 100, surprise: float = 0.8) -> None:
        self._surprise = surprise
        self._window: deque[dict[str, float]] = deque(maxlen=window)
        self._since_point: list[dict[str, float]] = []
        self._point_ns: int | None = None

    def add(self, figures: Mapping[str, float]) -> bool:
        """Take the figures of one lesson; return whether it was hard, for its time."""
        known = [row["error"] for row in self._window if math.isfinite(row.get("error", math.nan))]
        error = figures.get("error", math.nan)
        hard = len(known) >= 20 and bool(error > np.quantile(known, self._surprise))
        self._window.append(dict(figures))
        self._since_point.append(dict(figures))
        return hard

    def recent(self) -> dict[str, float]:
        """Return the mean figures of the window."""
        return _means(self._window)

    def point(self, stamp_ns: int, every_s: float) -> dict[str, float] | None:
        """Return the next point of the curve when it is due: mean figures since the last one, and ``lessons``."""
        if self._point_ns is None:
            self._point_ns = stamp_ns
        if stamp_ns - self._point_ns < every_s * 1e9:
            return None
        means = {**_means(self._since_point), "lessons": float(len(self._since_point))}
        self._since_point.clear()
        self._point_ns = stamp_ns
        return means

    def state(self) -> State:
        names = sorted({name for row in (*self._window, *self._since_point) for name in row})

        def table(rows: deque[dict[str, float]] | list[dict[str, float]]) -> np.ndarray:
            return np.array([[row.get(name, math.nan) for name in names] for row in rows]).reshape(-1, len(names))

        return State(
            {"names": names, "point_ns": self._point_ns},
            {"window": table(self._window), "since_point": table(self._since_point)},
        )

    def load_state(self, state: State) -> None:
        names, self._point_ns = state.meta["names"], state.meta["point_ns"]
        rows = [dict(zip(names, row, strict=True)) for row in state.arrays["window"].tolist()]
        self._window = deque(rows, maxlen=self._window.maxlen)
        self._since_point = [dict(zip(names, row, strict=True)) for row in state.arrays["since_point"].tolist()]


def _means(rows: deque[dict[str, float]] | list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the rows in which it is finite; NaN where it never is."""
    means = {}
    for name in sorted({name for row in rows for name in row}):
        values = [row[name] for row in rows if math.isfinite(row.get(name, math.nan))]
        means[name] = float(np.mean(values)) if values else math.nan
    return means
