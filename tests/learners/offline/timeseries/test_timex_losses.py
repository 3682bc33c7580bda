"""Each loss against a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.learners.offline.timeseries.consistency import (
    behaviour_consistency,
    jumpiness,
    label_consistency,
    mask_size,
    pairwise_js,
)

seeds = st.integers(0, 2**16)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def divergence(p, q):
    """Jensen-Shannon, term by term."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        m = (a + b) / 2
        total += 0.5 * a * math.log(a / m) + 0.5 * b * math.log(b / m)
    return total


def softmax(row):
    whole = [math.exp(value) for value in row]
    return [value / sum(whole) for value in whole]


@given(seeds, st.integers(1, 6))
def test_behaviour_is_consistent_where_cosines_agree(seed, n):
    rng = torch.Generator().manual_seed(seed)
    z, e = torch.randn(n, 3, generator=rng), torch.randn(n, 5, generator=rng)
    expected = sum(
        (cosine(z[i].tolist(), z[j].tolist()) - cosine(e[i].tolist(), e[j].tolist())) ** 2
        for i in range(n)
        for j in range(n)
    ) / (n * n)
    assert float(behaviour_consistency(z, e)) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@given(seeds)
def test_turning_or_scaling_the_space_changes_no_behaviour(seed):
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(5, 3, generator=rng)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=rng))
    assert float(behaviour_consistency(z, 7.0 * z @ turn)) == pytest.approx(0.0, abs=1e-9)


@given(seeds, st.integers(2, 6))
def test_labels_are_consistent_where_divergences_agree(seed, n):
    rng = torch.Generator().manual_seed(seed)
    a, b = 2 * torch.randn(n, 4, generator=rng), 2 * torch.randn(n, 4, generator=rng)
    p, q = [softmax(row) for row in a.tolist()], [softmax(row) for row in b.tolist()]
    pairs = [(divergence(p[i], p[j]) - divergence(q[i], q[j])) ** 2 for i in range(n) for j in range(i + 1, n)]
    assert float(label_consistency(a, b)) == pytest.approx(sum(pairs) / len(pairs), rel=1e-3, abs=1e-6)


@given(seeds)
def test_divergences_are_what_scipy_says(seed):
    from scipy.spatial.distance import jensenshannon

    logits = 3 * torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
    p = logits.softmax(1).double().numpy()
    expected = [[jensenshannon(p[i], p[j]) ** 2 if i != j else 0.0 for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(pairwise_js(logits).numpy(), expected, atol=1e-5)


def test_certain_labels_give_no_nan():
    sure = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    found = pairwise_js(sure)
    assert float(found[0, 1].detach()) == pytest.approx(math.log(2), rel=1e-5)
    found.sum().backward()
    assert sure.grad is not None
    assert torch.isfinite(sure.grad).all()
    assert float(label_consistency(sure[:1], sure[:1]).detach()) == 0.0


@given(seeds, st.floats(0.05, 0.95))
def test_masks_are_priced_by_their_distance_from_the_prior(seed, r):
    p = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(seed)) * 0.98 + 0.01
    terms = [x * math.log(x / r) + (1 - x) * math.log((1 - x) / (1 - r)) for x in p.flatten().tolist()]
    assert float(mask_size(p, r)) == pytest.approx(sum(terms) / len(terms), rel=1e-3, abs=1e-6)
    assert float(mask_size(torch.full((1, 2, 1), r), r)) == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(float(mask_size(torch.tensor([[[0.0], [1.0]]]), r)))


@given(seeds)
def test_jumps_are_the_length_of_all_steps_in_time(seed):
    p = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(seed))
    steps = [
        (float(p[n, t + 1, d]) - float(p[n, t, d])) ** 2 for n in range(2) for t in range(3) for d in range(3)
    ]  # fmt: skip
    assert float(jumpiness(p)) == pytest.approx(math.sqrt(sum(steps)) / 24, rel=1e-4)
    flat = torch.full((1, 3, 1), 0.5, requires_grad=True)
    jumpiness(flat).backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


def test_unequal_rows_are_refused():
    with pytest.raises(BadInputError, match=r"\(3, 2\) and \(4, 2\)"):
        behaviour_consistency(torch.ones(3, 2), torch.ones(4, 2))
    with pytest.raises(BadInputError, match="logits must be"):
        label_consistency(torch.ones(3, 2), torch.ones(3, 4))
