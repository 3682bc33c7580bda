"""Split-conformal calibration: how far a student's intervals must be stretched to keep their promise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def conformal_factor(residuals: Sequence[npt.NDArray[np.floating]], *, coverage: float = 0.9) -> float | None:
    """Return by how much to multiply the half-widths of intervals so that they cover ``coverage`` of new targets.

    The ``ceil((n + 1) coverage)``-th smallest residual; with exchangeable data an interval that is stretched by it
    covers at least ``coverage`` (Vovk et al. 2005). Neighbouring pixels are anything but exchangeable, so the promise
    holds over frames, not within one.

    Args:
        residuals: per lesson, |error| / half-width of the uncalibrated interval, (n_i,). Lessons must not have been
            learned from, nor used to choose the weights. Values that are not finite count as infinitely far off.
        coverage: share of targets to cover.

    Returns:
        The factor; None where there are too few residuals to promise anything.
    """
    values = np.concatenate([np.asarray(part, dtype=np.float64).reshape(-1) for part in residuals] or [np.empty(0)])
    rank = math.ceil((values.size + 1) * coverage)
    if not values.size or rank > values.size:
        return None
    values = np.where(np.isfinite(values), values, np.inf)
    factor = float(np.partition(values, rank - 1)[rank - 1])
    return factor if math.isfinite(factor) else None
