"""Has the world changed? Page's test on the error of lessons that are never learned from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from selfcue.errors import BadInputError
from selfcue.state import State


@dataclass(frozen=True)
class DriftConfig:
    """Settings of the drift alarm.

    Attributes:
        delta: rise of the mean that is put up with.
        threshold: the alarm goes off when the values have exceeded their mean by this much, summed up.
        warm_up: values that only form the mean.
    """

    delta: float = 0.005
    threshold: float = 50.0
    warm_up: int = 30

    def __post_init__(self) -> None:
        if self.delta < 0 or self.threshold <= 0 or self.warm_up < 1:
            raise BadInputError(f"drift needs delta >= 0, threshold > 0 and warm_up >= 1, got {self}")


class PageHinkley:
    """Page-Hinkley test for a rise of the mean.

    ``m_t = sum (x_i - mean_i - delta)``; alarm when ``m_t - min m`` exceeds the threshold. Source: Page 1954, Hinkley
    1971, in the form of Gama et al. 2014.
    """

    def __init__(self, config: DriftConfig | None = None) -> None:
        self.config = config or DriftConfig()
        self._forget()

    def _forget(self) -> None:
        self._count, self._mean, self._sum, self._least = 0, 0.0, 0.0, 0.0

    @property
    def level(self) -> float:
        """How far the test has risen; alarm at ``threshold``."""
        return self._sum - self._least

    def add(self, value: float) -> bool:
        """Take one value; return whether that sets off the alarm (the test then starts anew). NaN is passed over."""
        if not math.isfinite(value):
            return False
        self._count += 1
        self._mean += (value - self._mean) / self._count
        if self._count <= self.config.warm_up:
            return False
        self._sum += value - self._mean - self.config.delta
        self._least = min(self._least, self._sum)
        if self.level <= self.config.threshold:
            return False
        self._forget()
        return True

    def state(self) -> State:
        return State({"count": self._count, "mean": self._mean, "sum": self._sum, "least": self._least})

    def load_state(self, state: State) -> None:
        self._count, self._mean = int(state.meta["count"]), float(state.meta["mean"])
        self._sum, self._least = float(state.meta["sum"]), float(state.meta["least"])
