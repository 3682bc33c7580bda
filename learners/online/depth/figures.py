"""Figures of one depth lesson: what the student said against what the teacher says."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]

LAPLACE_90 = math.log(10.0)
"""Half the width of a Laplace distribution's central 90 % interval, in units of its scale b."""

FAR_PER_M = 1.0 / 80.0
"""Inverse depth [1/m] that stands for everything beyond: figures in metres are of depths up to 80 m."""


def lesson_figures(rho: Map, scale: Map, target: Map, weight: Map) -> dict[str, float]:
    """Return how well a student's inverse depth meets a lesson's, weighted means over its pixels.

    Args:
        rho, scale: (h, w) the student's inverse depth and calibrated Laplace scale [1/m].
        target, weight: (h, w) the teacher's inverse depth [1/m] and its weight, 0 where it is silent.

    Returns:
        ``error``: mean |rho - target| [1/m]; ``nll``: negative log likelihood; ``inside``: share of targets in the
        90 % interval; ``abs_rel``: mean |Z - Z*| / Z* and ``rmse_m``, both of depth up to 80 m. All NaN for a lesson
        without any target.
    """
    total = float(weight.sum())
    if not total > 0:
        return dict.fromkeys(("error", "nll", "inside", "abs_rel", "rmse_m"), math.nan)
    miss = np.abs(rho - target)
    depth = 1.0 / np.maximum(rho, FAR_PER_M)
    true_depth = 1.0 / np.maximum(target, FAR_PER_M)
    off = depth - true_depth

    def mean(values: npt.NDArray[np.floating]) -> float:
        return float((values * weight).sum() / total)

    return {
        "error": mean(miss),
        "nll": mean(miss / scale + np.log(scale)),
        "inside": mean((miss <= LAPLACE_90 * scale).astype(np.float32)),
        "abs_rel": mean(np.abs(off) / true_depth),
        "rmse_m": math.sqrt(mean(off * off)),
    }
