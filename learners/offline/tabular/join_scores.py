"""How good scores of column pairs are, once one knows which pairs are joins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.optional import require

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]


def best_cut(score: FloatArray, joined: BoolArray) -> tuple[float, float]:
    """Return the score from which on calling pairs (M,) joins gives the best F1, and that F1; one must be a join."""
    metrics = require("sklearn.metrics", extra="offline")
    precision, recall, cuts = metrics.precision_recall_curve(joined, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(np.argmax(f1[:-1]))
    return float(cuts[best]), float(f1[best])


def average_precision(score: FloatArray, joined: BoolArray) -> float:
    """Return the area under the precision-recall curve of pairs (M,), as a sum of steps; one at least is a join."""
    metrics = require("sklearn.metrics", extra="offline")
    return float(metrics.average_precision_score(joined, score))


def at_cut(score: FloatArray, joined: BoolArray, cut: float) -> dict[str, float]:
    """Return ``precision``, ``recall`` and ``f1`` of calling pairs (M,) with a score of ``cut`` or more joins."""
    called = score >= cut
    right = int((called & joined).sum())
    precision, recall = right / max(int(called.sum()), 1), right / max(int(joined.sum()), 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if right else 0.0,
    }


def first_join_ranks(score: FloatArray, joins: BoolArray, candidates: BoolArray) -> npt.NDArray[np.int64]:
    """Return for each column that has a join how far down the list of its candidates the first one stands, from 1.

    Args:
        score, joins, candidates: (N, N), symmetric. Of equals the join comes last.
    """
    asked = (joins & candidates).any(1)
    held = np.where(candidates, score, -np.inf)[asked]
    wanted = (joins & candidates)[asked]
    best = np.where(wanted, held, -np.inf).max(1)
    ranks: npt.NDArray[np.int64] = 1 + ((held >= best[:, None]) & ~wanted).sum(1)
    return ranks


def join_figures(
    score: FloatArray, joins: BoolArray, candidates: BoolArray, cut: float, parts: dict[str, BoolArray]
) -> dict[str, float]:
    """Return what is reported of scores (N, N) over all ``candidates`` (N, N, symmetric).

    ``pr_auc``; ``best_f1`` at the best of all cuts, which needs the truth; ``f1``, ``precision`` and ``recall`` at
    ``cut``; ``mrr``, ``hits1``, ``hits3`` of columns asked one by one; and for each of ``parts`` (name to a part of the
    joins, (N, N)) that is not empty: ``NAME_pr_auc``, the other joins left out, and ``NAME_recall`` among as many best
    pairs as there are joins in all.
    """
    upper = np.triu(candidates, 1)
    flat, joined = score[upper], joins[upper]
    ranks = first_join_ranks(score, joins, candidates)
    figures = {
        "pr_auc": average_precision(flat, joined),
        "best_f1": best_cut(flat, joined)[1],
        **at_cut(flat, joined, cut),
        "mrr": float((1.0 / ranks).mean()),
        "hits1": float((ranks <= 1).mean()),
        "hits3": float((ranks <= 3).mean()),
    }
    first = np.zeros(len(flat), dtype=np.bool_)
    first[np.argsort(-flat, kind="stable")[: int(joined.sum())]] = True
    for name, part in parts.items():
        wanted = part[upper] & joined
        if wanted.any():
            kept = wanted | ~joined
            figures[f"{name}_pr_auc"] = average_precision(flat[kept], wanted[kept])
            figures[f"{name}_recall"] = float(first[wanted].mean())
    return figures
