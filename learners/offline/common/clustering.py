"""How well clusters agree with classes, whatever the clusters are called."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.optional import require

IntArray = npt.NDArray[np.int64]


def cluster_scores(clusters: IntArray, truth: IntArray) -> dict[str, float]:
    """Return ``acc`` and ``f1`` (macro) after the best one-to-one naming of clusters, ``nmi`` and ``ari``.

    Raises:
        BadInputError: unequal lengths, or nothing to judge.
    """
    metrics = require("sklearn.metrics", extra="offline")
    if clusters.shape != truth.shape or clusters.ndim != 1 or not clusters.size:
        raise BadInputError(f"clusters {clusters.shape} and classes {truth.shape} must be (N,), N above 0")
    named = best_naming(clusters, truth)
    return {
        "acc": float((named == truth).mean()),
        "nmi": float(metrics.normalized_mutual_info_score(truth, clusters)),
        "ari": float(metrics.adjusted_rand_score(truth, clusters)),
        "f1": float(metrics.f1_score(truth, named, average="macro")),
    }


def best_naming(clusters: IntArray, truth: IntArray) -> IntArray:
    """Return the clusters renamed to classes so that most agree (Hungarian matching); spare ones get new numbers."""
    optimize = require("scipy.optimize", extra="offline")
    size = int(max(clusters.max(), truth.max())) + 1
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (clusters, truth), 1)
    rows, columns = optimize.linear_sum_assignment(-counts)
    names = np.empty(size, dtype=np.int64)
    names[rows] = columns
    return names[clusters]


def k_means(
    z: npt.NDArray[np.float32], k: int, seed: int, *, tries: int = 10
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Return scikit-learn's k-means labels (N,) and centres (k, D); the best of ``tries``."""
    cluster = require("sklearn.cluster", extra="offline")
    if len(z) < k:
        raise BadInputError(f"{k} clusters of {len(z)} rows")
    model = cluster.KMeans(k, n_init=tries, random_state=seed).fit(z)
    return model.labels_.astype(np.int64), model.cluster_centers_.astype(np.float32)
