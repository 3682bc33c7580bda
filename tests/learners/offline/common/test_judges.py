"""Probes, clustering scores and statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.clustering import best_naming, cluster_scores, k_means
from selfcue.learners.offline.common.probes import Split, linear_probe, neighbour_probe, softmax_probe
from selfcue.learners.offline.common.statistics import bootstrap_mean, paired_difference

ROWS = np.arange(90)
SPLIT = Split(ROWS[:30], ROWS[30:60], ROWS[60:])


def blobs(apart: float = 6.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(90) % 3
    return (rng.normal(size=(90, 5)) + apart * np.eye(5)[y]).astype(np.float32), y


def test_probes_see_what_is_there_and_not_what_is_not():
    z, y = blobs()
    shuffled = np.random.default_rng(1).permutation(y)
    assert linear_probe(z, y, SPLIT)["test"] == 1.0
    assert softmax_probe(z, y, SPLIT, lr=0.1)["last"] == 1.0
    assert neighbour_probe(z, y, SPLIT) == 1.0
    assert linear_probe(z, shuffled, SPLIT)["test"] < 0.7
    assert neighbour_probe(z, shuffled, SPLIT) < 0.7


def test_test_rows_change_no_choice():
    z, y = blobs(1.0)
    wrong = y.copy()
    wrong[SPLIT.test] = (y[SPLIT.test] + 1) % 3
    for probe in (linear_probe, softmax_probe):
        right, other = probe(z, y, SPLIT), probe(z, wrong, SPLIT)
        assert right["val"] == other["val"]
        assert right["test"] != other["test"]
    assert linear_probe(z, y, SPLIT)["strength"] == linear_probe(z, wrong, SPLIT)["strength"]


def test_the_scale_of_vectors_does_not_matter_to_the_linear_probe():
    z, y = blobs(1.0)
    assert linear_probe(z, y, SPLIT)["test"] == linear_probe((z * 100.0).astype(np.float32), y, SPLIT)["test"]


def test_probes_refuse_what_they_cannot_judge():
    z, y = blobs()
    with pytest.raises(BadInputError, match="two classes"):
        linear_probe(z, np.zeros_like(y), SPLIT)
    z[3, 2] = np.nan
    for probe in (linear_probe, softmax_probe, neighbour_probe):
        with pytest.raises(BadInputError, match="not finite"):
            probe(z, y, SPLIT)
    with pytest.raises(BadInputError, match="needs test rows"):
        Split(ROWS, ROWS, ROWS[:0])


def test_names_of_clusters_do_not_matter():
    truth = np.array([0, 0, 0, 1, 1, 2])
    renamed = np.array([2, 2, 2, 0, 0, 1])
    assert cluster_scores(renamed, truth) == pytest.approx({"acc": 1.0, "nmi": 1.0, "ari": 1.0, "f1": 1.0})
    one_wrong = np.array([2, 2, 0, 0, 0, 1])
    assert cluster_scores(one_wrong, truth)["acc"] == pytest.approx(5 / 6)
    more_clusters = np.array([3, 3, 4, 0, 0, 1])
    assert (best_naming(more_clusters, truth) == truth).sum() == 5
    with pytest.raises(BadInputError, match="must be"):
        cluster_scores(truth[:2], truth)


def test_k_means_finds_blobs():
    z, y = blobs()
    labels, centres = k_means(z, 3, 0)
    assert cluster_scores(labels, y)["acc"] == 1.0
    assert centres.shape == (3, 5)
    with pytest.raises(BadInputError, match="3 clusters of 2"):
        k_means(z[:2], 3, 0)


def test_the_bootstrap_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        interval = bootstrap_mean(rng.normal(2.0, 1.0, 40).tolist())
        inside += interval.low <= 2.0 <= interval.high
    assert 0.89 <= inside / 200 <= 0.99


def test_pairs_remove_what_both_share():
    rng = np.random.default_rng(0)
    shared = rng.normal(0.0, 10.0, 12)
    interval, p = paired_difference((shared + 0.5 + rng.normal(0, 0.1, 12)).tolist(), shared.tolist())
    assert interval.low > 0.3
    assert p < 1e-6
    same, p = paired_difference(shared.tolist(), shared.tolist())
    assert (same.mean, math.isnan(p)) == (0.0, True)
    with pytest.raises(BadInputError, match="in pairs"):
        paired_difference([1.0], [1.0, 2.0])
    with pytest.raises(BadInputError, match="finite"):
        bootstrap_mean([math.nan])
