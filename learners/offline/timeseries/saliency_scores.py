"""How well scores of samples name those that matter: against truth, or against the classifier itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.optional import require

FloatArray = npt.NDArray[np.float32]


def saliency_scores(scores: FloatArray, truth: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return ``auprc``, ``aup`` and ``aur``, each the mean over windows in which something matters.

    A window's scores are first stretched to [0, 1]. ``auprc`` is average precision; ``aup`` and ``aur`` are the areas
    under precision and recall as functions of the threshold (Crabbe, van der Schaar, ICML 2021), which also ask that
    scores spread: they are not the same as areas under precision against recall.

    Args:
        scores, truth: (N, T, D).

    Raises:
        BadInputError: unequal shapes, or a truth in which nothing matters.
    """
    metrics = require("sklearn.metrics", extra="offline")
    if scores.shape != truth.shape or scores.ndim != 3:
        raise BadInputError(f"scores {scores.shape} and truth {truth.shape} must be the same (N, T, D)")
    some = truth.reshape(len(truth), -1).any(1)
    if not some.any():
        raise BadInputError("in none of the windows does the truth name a sample; there is nothing to judge")
    rows = []
    for given, true in zip(scores[some].reshape(some.sum(), -1), truth[some].reshape(some.sum(), -1), strict=True):
        low, high = given.min(), given.max()
        stretched = (given - low) / max(high - low, 1e-12)
        precision, recall, threshold = metrics.precision_recall_curve(true, stretched)
        rows.append((
            metrics.average_precision_score(true, stretched),
            _area(threshold, precision[:-1]),
            _area(threshold, recall[:-1]),
        ))  # fmt: skip
    auprc, aup, aur = np.mean(rows, axis=0)
    return {"auprc": float(auprc), "aup": float(aup), "aur": float(aur)}


def _area(threshold: FloatArray, height: FloatArray) -> float:
    return float(((height[1:] + height[:-1]) / 2 * np.diff(threshold)).sum())


def keep_top(x: FloatArray, scores: FloatArray, share: float, stand_in: FloatArray) -> FloatArray:
    """Return ``x`` (N, T, D) with all but the best-scored ``share`` of each window replaced by ``stand_in``.

    Of equal scores the earlier sample is kept.
    """
    flat = scores.reshape(len(scores), -1)
    count = max(1, round(share * flat.shape[1]))
    best = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    kept = np.zeros(flat.shape, dtype=bool)
    np.put_along_axis(kept, best, values=True, axis=1)
    return np.where(kept.reshape(x.shape), x, stand_in).astype(np.float32)


def kept_accuracy(
    classify: Callable[[FloatArray], npt.NDArray[np.int64]],
    x: FloatArray,
    y: npt.NDArray[np.int64],
    scores: FloatArray,
    stand_in: FloatArray,
    shares: tuple[float, ...] = (0.10, 0.15, 0.20, 0.25),
) -> float:
    """Return the mean accuracy of a classifier that sees the best-scored samples alone, over several ``shares``.

    Args:
        classify: windows (N, T, D) to classes (N,).
        x, y: windows and their classes.
        scores: (N, T, D).
        stand_in: what stands in place of the others, (N, T, D): the same for every explanation compared.
        shares: how much of a window is kept.
    """
    right = [float((classify(keep_top(x, scores, share, stand_in)) == y).mean()) for share in shares]
    return float(np.mean(right))
