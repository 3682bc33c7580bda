"""Figures of scored pairs against naive loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.learners.offline.tabular.join_scores import at_cut, best_cut, first_join_ranks, join_figures


def f1_at(score, joined, cut):
    called = score >= cut
    right = (called & joined).sum()
    return 0.0 if not right else 2 * right / (called.sum() + joined.sum())


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=20))
def test_the_best_cut_is_the_best_of_all(pairs):
    score = np.array([s / 5 for s, _ in pairs], dtype=np.float32)
    joined = np.array([j for _, j in pairs])
    joined[0] = True
    cut, f1 = best_cut(score, joined)
    assert f1 == pytest.approx(max(f1_at(score, joined, c) for c in score))
    assert f1_at(score, joined, cut) == pytest.approx(f1)
    assert at_cut(score, joined, cut)["f1"] == pytest.approx(f1)


@settings(max_examples=80, deadline=None)
@given(st.integers(3, 8), st.integers(0, 2**31 - 1))
def test_figures_follow_naive_loops(n, seed):
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(0, 4, (n, n)) / 4).astype(np.float32)
    score = np.minimum(drawn, drawn.T)
    candidates = ~np.eye(n, dtype=np.bool_)
    joins = np.triu(rng.random((n, n)) < 0.4, 1)
    joins[0, 1] = True
    joins |= joins.T
    ranks = []
    for a in range(n):
        partners = [b for b in range(n) if joins[a, b]]
        if partners:
            best = max(score[a, b] for b in partners)
            ranks.append(1 + sum(score[a, b] >= best for b in range(n) if b != a and not joins[a, b]))
    assert first_join_ranks(score, joins, candidates).tolist() == ranks
    part = np.zeros_like(joins)
    part[0, 1] = part[1, 0] = True
    figures = join_figures(score, joins, candidates, 0.5, {"some": part, "none": part & False})
    assert figures["mrr"] == pytest.approx(np.mean([1 / rank for rank in ranks]))
    assert figures["hits1"] == pytest.approx(np.mean([rank == 1 for rank in ranks]))
    assert not [name for name in figures if name.startswith("none")]
    # The one pair of the part: found or not, and behind how many that are no joins.
    below = sum(score[a, b] >= score[0, 1] for a in range(n) for b in range(a) if not joins[a, b])
    assert figures["some_pr_auc"] == pytest.approx(1 / (1 + below))
    assert figures["some_recall"] in {0.0, 1.0}


def test_a_perfect_and_a_wrong_score():
    joins = np.zeros((4, 4), dtype=np.bool_)
    joins[0, 2] = joins[2, 0] = True
    apart = np.kron(~np.eye(2, dtype=np.bool_), np.ones((2, 2), dtype=np.bool_))
    perfect = join_figures(joins.astype(np.float32), joins, apart, 0.5, {"all": joins})
    assert {perfect[name] for name in ("pr_auc", "best_f1", "f1", "mrr", "all_recall", "all_pr_auc")} == {1.0}
    wrong = join_figures(1.0 - joins.astype(np.float32), joins, apart, 0.5, {"all": joins})
    assert wrong["pr_auc"] == pytest.approx(1 / 4)  # the last of four pairs
    assert (wrong["f1"], wrong["all_recall"]) == (0.0, 0.0)
