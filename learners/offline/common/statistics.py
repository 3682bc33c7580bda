"""What a handful of paired runs say: means, intervals, and whether a difference is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfcue.errors import BadInputError
from selfcue.optional import require

DRAWS = 10_000


@dataclass(frozen=True)
class Interval:
    """A mean with a 95 % interval; with a single value both ends are NaN."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]" if self.n > 1 else f"{self.mean:.4g}"


def bootstrap_mean(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the mean of ``values`` with the 95 % percentile interval of 10,000 redraws.

    With few values the interval is too narrow (with 3 it covers about 75 %): read it as a spread.

    Raises:
        BadInputError: no values, or one that is not finite.
    """
    x = np.asarray(values, dtype=np.float64)
    if not x.size or not np.isfinite(x).all():
        raise BadInputError(f"an interval needs finite values, got {list(values)}")
    if len(x) == 1:
        return Interval(float(x[0]), math.nan, math.nan, 1)
    draws = x[np.random.default_rng(seed).integers(0, len(x), (DRAWS, len(x)))].mean(1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(x.mean()), float(low), float(high), len(x))


def paired_difference(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> tuple[Interval, float]:
    """Return the mean of ``first - second``, pair by pair, and the p of the paired t-test (two-sided).

    p is NaN for fewer than two pairs, and where all differences are 0.
    """
    if len(first) != len(second):
        raise BadInputError(f"{len(first)} values against {len(second)}: they must come in pairs")
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    interval = bootstrap_mean(list(difference), seed=seed)
    if len(difference) < 2 or not difference.any():
        return interval, math.nan
    if np.ptp(difference) == 0:
        return interval, 0.0
    stats = require("scipy.stats", extra="offline")
    return interval, float(stats.ttest_1samp(difference, 0.0).pvalue)
