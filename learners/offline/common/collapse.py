"""Has a representation collapsed? Figures that say so, and what value is healthy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

FloatArray = npt.NDArray[np.float32]


def effective_rank(z: FloatArray) -> float:
    """Return how many dimensions the rows of ``z`` (N, D) really use: from 1 (a line) to min(N - 1, D).

    The exponential of the entropy of the centred matrix's singular values, as shares of their sum; 0 where all rows are
    equal. Source: Roy and Vetterli, EUSIPCO 2007. Under a tenth of D is a warning, 1 or less a collapse.
    """
    _check(z)
    values = np.linalg.svd(z.astype(np.float64) - z.mean(0, dtype=np.float64), compute_uv=False)
    total = values.sum()
    if total <= 1e-9 * max(1.0, float(np.abs(z).max())):
        return 0.0
    share = values[values > 0] / total
    return float(np.exp(-(share * np.log(share)).sum()))


def spread(z: FloatArray) -> float:
    """Return the mean deviation of the dimensions of rows scaled to length 1, times sqrt(D).

    Near 1 for directions spread over the whole sphere, 0 where all rows point the same way.
    """
    _check(z)
    unit = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
    return float(unit.std(0).mean() * np.sqrt(z.shape[1]))


def mean_cosine(z: FloatArray) -> float:
    """Return the mean cosine between different rows of ``z``; near 1: over-smoothed or collapsed."""
    _check(z)
    unit = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
    n = len(z)
    total = float(np.square(unit.sum(0, dtype=np.float64)).sum())
    return (total - float(np.square(unit).sum(dtype=np.float64))) / (n * (n - 1))


def collapse_figures(z: FloatArray) -> dict[str, float]:
    """Return all figures of this module by name."""
    return {"effective_rank": effective_rank(z), "spread": spread(z), "mean_cosine": mean_cosine(z)}


def _check(z: FloatArray) -> None:
    if z.ndim != 2 or len(z) < 2 or not z.shape[1] or not np.isfinite(z).all():
        raise BadInputError(f"needs finite vectors (N, D), N at least 2; got {z.shape}")
