"""How far an estimate of depth is from the truth."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from selfcue.messages import Estimate

NEAREST_M = 0.2
FARTHEST_M = 10.0


def depth_of(estimate: Estimate) -> npt.NDArray[np.float32]:
    """Return an estimate of inverse depth as depth (h, w) [m], NaN where it says nothing."""
    usable = estimate.valid & np.isfinite(estimate.value)
    inverse = np.maximum(estimate.value, 1.0 / FARTHEST_M)
    return np.where(usable, 1.0 / inverse, np.nan).astype(np.float32)


def resized(truth_m: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a truth depth picture at a smaller size: each pixel the mean inverse depth of those that it covers.

    Sizes that do not divide the picture take the nearest pixel.
    """
    height, width = truth_m.shape
    rows, columns = shape
    inverse = 1.0 / np.where(truth_m > 0, truth_m, np.nan)
    if height % rows == 0 and width % columns == 0:
        blocks = inverse.reshape(rows, height // rows, columns, width // columns)
        with np.errstate(divide="ignore"):  # nothing in sight: endless
            return np.asarray(1.0 / blocks.mean(axis=(1, 3)), dtype=np.float32)
    v = ((np.arange(rows) + 0.5) * height / rows).astype(int)
    u = ((np.arange(columns) + 0.5) * width / columns).astype(int)
    return np.asarray(truth_m[v[:, None], u[None, :]], dtype=np.float32)


def abs_rel(estimate: Estimate, truth_m: npt.NDArray[np.float32]) -> float:
    """Return the mean of |Z - Z*| / Z* where the estimate speaks and truth is 0.2 to 10 m away.

    NaN where nothing can be compared, as for an estimate that is one number.
    """
    if estimate.value.ndim != 2:
        return math.nan
    truth = resized(truth_m, estimate.value.shape)
    depth = depth_of(estimate)
    with np.errstate(invalid="ignore"):
        compared = np.isfinite(depth) & (truth >= NEAREST_M) & (truth <= FARTHEST_M)
    if not compared.any():
        return math.nan
    return float(np.mean(np.abs(depth[compared] - truth[compared]) / truth[compared]))
