"""The common descent direction against a brute-force answer, and the condition that it must meet."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.min_norm import (
    conflict_share,
    divided,
    gram_of,
    min_norm_weights,
    share_of_first,
    sizes,
)

GRADIENTS = st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-10, 10, width=32))
)


def least_by_trying_all(gram: np.ndarray) -> float:
    """Return the least c' M c over the simplex: of each subset of tasks its equality-constrained optimum, if inside."""
    count, best = len(gram), float(np.diag(gram).min())
    for size in range(2, count + 1):
        for some in combinations(range(count), size):
            part = gram[np.ix_(some, some)]
            system = np.block([[part, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            c = np.linalg.lstsq(system, np.r_[np.zeros(size), 1.0], rcond=1e-12)[0][:size]
            if c.min() >= -1e-9 and abs(c.sum() - 1) < 1e-6:
                best = min(best, float(c @ part @ c))
    return best


@given(GRADIENTS)
def test_it_is_the_shortest_vector_in_the_hull(gradients):
    gram = gram_of(gradients)
    weights = min_norm_weights(gram)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0)
    scale = max(1.0, float(np.diag(gram).max()))
    assert float(weights @ gram @ weights) == pytest.approx(least_by_trying_all(gram), abs=1e-7 * scale)


@given(GRADIENTS)
def test_no_task_is_hurt_by_the_direction(gradients):
    gram = gram_of(gradients)
    weights = min_norm_weights(gram)
    direction = weights @ gradients
    scale = max(1.0, float(np.diag(gram).max()))
    assert (gradients @ direction).min() >= direction @ direction - 1e-7 * scale


def test_a_grid_of_the_simplex_holds_nothing_shorter():
    gradients = np.random.default_rng(3).normal(size=(3, 4))
    gram = gram_of(gradients)
    weights = min_norm_weights(gram)
    steps = np.linspace(0, 1, 101)
    grid = [(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-12]
    least = min(float(np.array(c) @ gram @ np.array(c)) for c in grid)
    found = float(weights @ gram @ weights)
    assert found <= least
    assert found == pytest.approx(least, rel=1e-2)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ([1.0, 0.0], [0.0, 1.0], 0.5),
        ([1.0, 0.0], [3.0, 0.0], 1.0),  # the shorter of two that point one way
        ([4.0, 0.0], [1.0, 1.0], 0.0),
        ([1.0, 0.0], [-3.0, 0.0], 0.75),  # opposite: they cancel
        ([2.0, 1.0], [2.0, 1.0], 0.5),  # equal: any will do
    ],
)
def test_two_gradients_have_a_closed_form(first, second, share):
    gram = gram_of(np.array([first, second]))
    assert share_of_first(gram) == pytest.approx(share)
    assert min_norm_weights(gram)[0] == pytest.approx(share)


def test_gradients_that_cancel_leave_no_direction():
    gradients = np.array([[1.0, 0.0], [-0.5, 1.0], [-0.5, -1.0]])
    weights = min_norm_weights(gram_of(gradients))
    np.testing.assert_allclose(weights @ gradients, 0.0, atol=1e-6)


def test_scaling_keeps_a_tiny_gradient_from_taking_all():
    gradients = np.array([[1.0, 0.0], [0.0, 1e-3]])
    gram = gram_of(gradients)
    assert min_norm_weights(divided(gram, sizes(gram, [1.0, 1.0], "none")))[1] > 0.99
    np.testing.assert_allclose(min_norm_weights(divided(gram, sizes(gram, [1.0, 1.0], "l2"))), 0.5)
    np.testing.assert_allclose(sizes(gram, [2.0, 4.0], "l2"), [1.0, 1e-3])
    np.testing.assert_allclose(sizes(gram, [2.0, 4.0], "loss"), [2.0, 4.0])
    np.testing.assert_allclose(sizes(gram, [2.0, 4.0], "loss+"), [2.0, 4e-3])
    by = np.array([2.0, 7.0])
    np.testing.assert_allclose(divided(gram, by), gram_of(gradients / by[:, None]))


def test_pairs_that_pull_apart_are_counted():
    gram = gram_of(np.array([[1.0, 0.0], [-1.0, 0.5], [1.0, 1.0]]))
    assert conflict_share(gram) == pytest.approx(2 / 3)
    assert conflict_share(gram[:1, :1]) == 0.0


@pytest.mark.parametrize(
    ("gram", "what"),
    [
        (np.ones((2, 3)), r"\(K, K\)"),
        (np.ones((0, 0)), r"\(K, K\)"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "not finite"),
        (np.array([[1.0, 0.5], [0.2, 1.0]]), "symmetric"),
    ],
)
def test_what_is_no_gram_matrix_is_refused(gram, what):
    with pytest.raises(BadInputError, match=what):
        min_norm_weights(gram)
    with pytest.raises(BadInputError, match="tasks, parameters"):
        gram_of(np.ones(3))
    with pytest.raises(BadInputError, match="2 gradients, but losses"):
        sizes(np.eye(2), [1.0], "l2")
