"""Figures of depth against sparse truth, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

NEAREST_M, FARTHEST_M = 1e-3, 80.0
"""Depths are scored within these limits, as is usual on KITTI: truth beyond is left out, estimates are clipped."""


@dataclass(frozen=True)
class DepthScore:
    """Figures over the scored pixels of one frame.

    Attributes:
        abs_rel: mean |Z - Z*| / Z*.
        rmse_m: root of the mean squared error [m].
        delta1: share of pixels with max(Z / Z*, Z* / Z) < 1.25.
        pixels: scored pixels.
        coverage: scored pixels as a share of those with truth.
    """

    abs_rel: float
    rmse_m: float
    delta1: float
    pixels: int
    coverage: float


def score_depth(
    inverse_depth: npt.NDArray[np.floating], valid: npt.NDArray[np.bool_], truth: npt.NDArray[np.floating]
) -> DepthScore | None:
    """Score an estimate at the pixels where there is truth.

    Args:
        inverse_depth: (h, w) [1/m] at any resolution of the same view, read bilinearly at the truth's pixels; or (1,),
            one number for all of them.
        valid: shaped like it; truth is scored where the nearest pixel is valid.
        truth: (H, W) depth [m] along the optical axis; not finite or not within (0, 80) m: no truth.

    Returns:
        The figures, or None where no pixel can be scored.
    """
    if truth.ndim != 2 or valid.shape != inverse_depth.shape:
        raise BadInputError(
            f"scoring needs truth (H, W) and a mask like the estimate, got {truth.shape}, {inverse_depth.shape}, "
            f"{valid.shape}"
        )
    with np.errstate(invalid="ignore"):
        rows, columns = np.nonzero((truth > 0) & (truth < FARTHEST_M))
    if inverse_depth.ndim == 1:
        inverse_depth, valid = inverse_depth.reshape(1, 1), valid.reshape(1, 1)
    rho, known = _read(inverse_depth, valid, rows, columns, truth.shape)
    if not known.any():
        return None
    depth = 1.0 / rho[known].clip(1.0 / FARTHEST_M, 1.0 / NEAREST_M)
    true = truth[rows, columns][known].astype(np.float64)
    ratio = np.maximum(depth / true, true / depth)
    return DepthScore(
        abs_rel=float((np.abs(depth - true) / true).mean()),
        rmse_m=float(np.sqrt(np.square(depth - true).mean())),
        delta1=float((ratio < 1.25).mean()),
        pixels=int(known.sum()),
        coverage=float(known.mean()),
    )


def block_bootstrap(
    values: npt.NDArray[np.float64], blocks: Sequence[int], *, seed: int = 0, draws: int = 4000
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``values``, resampling whole blocks: neighbours are not independent.

    Args:
        values: (n,) or (n, 2); of two columns the interval is that of ``1 - mean(first) / mean(second)``.
        blocks: (n,) the block that each value belongs to.

    Returns:
        Lower and upper end; NaN for fewer than two blocks.
    """
    labels, place = np.unique(np.asarray(blocks), return_inverse=True)
    if len(labels) < 2:
        return float("nan"), float("nan")
    table = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(place, column, minlength=len(labels)) for column in table.T], axis=1)
    counts = np.bincount(place, minlength=len(labels))
    picked = np.random.default_rng(seed).integers(len(labels), size=(draws, len(labels)))
    means = sums[picked].sum(axis=1) / counts[picked].sum(axis=1, keepdims=True)
    drawn = means[:, 0] if table.shape[1] == 1 else 1.0 - means[:, 0] / means[:, 1]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _read(
    values: npt.NDArray[np.floating],
    valid: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    full: tuple[int, ...],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Read ``values`` (h, w) bilinearly at pixels of a (H, W) picture of the same view; edges are continued."""
    height, width = values.shape
    y = ((rows + 0.5) * (height / full[0]) - 0.5).clip(0, height - 1)
    x = ((columns + 0.5) * (width / full[1]) - 0.5).clip(0, width - 1)
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = y - top, x - left
    known = valid[np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)]
    filled = np.where(valid & np.isfinite(values), values, 0.0).astype(np.float64)
    usable = (valid & np.isfinite(values)).astype(np.float64)
    total, weight = np.zeros(len(rows)), np.zeros(len(rows))
    for r, c, share in (
        (top, left, (1 - down) * (1 - across)),
        (top, right, (1 - down) * across),
        (bottom, left, down * (1 - across)),
        (bottom, right, down * across),
    ):
        total += filled[r, c] * share
        weight += usable[r, c] * share
    return total / np.maximum(weight, 1e-12), known & (weight > 1e-6)
