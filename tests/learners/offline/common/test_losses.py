"""Every loss against a naive loop that follows its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.contrastive import _ExpRowSums, info_nce, nt_xent, weighted_contrast
from selfcue.learners.offline.common.ranking import bpr, triplet
from selfcue.learners.offline.common.reconstruction import scaled_cosine_error
from selfcue.learners.offline.common.redundancy import barlow_twins, decorrelation, vicreg

N, D = 7, 4


def views(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(N, D))
    return z, z + 0.5 * rng.normal(size=(N, D))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def tensors(*arrays: np.ndarray) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in arrays)


def columns(z: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)
    return scaled


def naive_info_nce(z, v, t, log_q=None):
    log_q = np.zeros(N) if log_q is None else log_q
    total = 0.0
    for i in range(N):
        scores = [cosine(z[i], v[j]) / t - log_q[j] for j in range(N)]
        total -= scores[i] - math.log(sum(math.exp(s) for s in scores))
    return total / N


def naive_nt_xent(z, v, t):
    both = [*z, *v]
    total = 0.0
    for a in range(2 * N):
        below = sum(math.exp(cosine(both[a], both[b]) / t) for b in range(2 * N) if b != a)
        total -= math.log(math.exp(cosine(both[a], both[(a + N) % (2 * N)]) / t) / below)
    return total / (2 * N)


def naive_weighted(z, w, c):
    total = 0.0
    for i in range(N):
        e = [math.exp(c * (cosine(z[i], z[j]) if i != j else 0.0)) for j in range(N)]
        total -= math.log(sum(w[i, j] * e[j] for j in range(N)) / sum(e) + 1e-8)
    return total / N


def naive_barlow(z, v, weight):
    a, b = columns(z), columns(v)
    total = 0.0
    for i in range(D):
        for j in range(D):
            c = sum(a[n, i] * b[n, j] for n in range(N)) / N
            total += (1 - c) ** 2 if i == j else weight * c**2
    return total


def naive_vicreg(z, v):
    def one(x):
        short = sum(max(0.0, 1 - math.sqrt(x[:, i].var(ddof=1) + 1e-4)) for i in range(D)) / D
        covariance = np.cov(x.T)
        return 25 * short + sum(covariance[i, j] ** 2 for i in range(D) for j in range(D) if i != j) / D

    return 25 * sum(float(((a - b) ** 2).sum()) for a, b in zip(z, v, strict=True)) / N + one(z) + one(v)


def naive_decorrelation(z, v, weight):
    a, b = columns(z) / math.sqrt(N), columns(v) / math.sqrt(N)

    def off(x):
        gram = [[sum(x[n, i] * x[n, j] for n in range(N)) for j in range(D)] for i in range(D)]
        return math.sqrt(sum(((i == j) - gram[i][j]) ** 2 for i in range(D) for j in range(D)))

    return math.sqrt(((a - b) ** 2).sum()) + weight * (off(a) + off(b))


def test_info_nce_follows_its_formula():
    z, v = views()
    log_q = np.log(np.linspace(0.1, 0.4, N))
    assert float(info_nce(*tensors(z, v), temperature=0.3)) == pytest.approx(naive_info_nce(z, v, 0.3))
    corrected = info_nce(*tensors(z, v), temperature=0.3, log_frequency=torch.from_numpy(log_q))
    assert float(corrected) == pytest.approx(naive_info_nce(z, v, 0.3, log_q))


def test_nt_xent_follows_its_formula_and_is_symmetric():
    z, v = views()
    assert float(nt_xent(*tensors(z, v), temperature=0.3)) == pytest.approx(naive_nt_xent(z, v, 0.3))
    assert float(nt_xent(*tensors(v, z))) == pytest.approx(float(nt_xent(*tensors(z, v))))


@pytest.mark.parametrize("sparse", [False, True])
def test_weighted_contrast_follows_its_formula(sparse):
    z, _ = views()
    w = np.random.default_rng(1).random((N, N)) * (np.random.default_rng(2).random((N, N)) < 0.5) + np.eye(N)
    w /= w.sum(1, keepdims=True)
    weight = torch.from_numpy(w)
    found = weighted_contrast(torch.from_numpy(z), weight.to_sparse() if sparse else weight, sharpness=1.7)
    assert float(found) == pytest.approx(naive_weighted(z, w, 1.7))


def test_weighted_contrast_has_the_gradient_of_its_formula():
    z = torch.from_numpy(views()[0]).requires_grad_()
    w = torch.rand(N, N, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).fill_diagonal_(0.5)
    found = torch.autograd.grad(weighted_contrast(z, w, sharpness=1.7), z)[0]
    unit = torch.nn.functional.normalize(z, dim=1)
    similar = torch.exp(1.7 * (unit @ unit.t()) * (1 - torch.eye(N)))
    naive = -torch.log((similar * w).sum(1) / similar.sum(1) + 1e-8).mean()
    torch.testing.assert_close(found, torch.autograd.grad(naive, z)[0])
    assert torch.autograd.gradcheck(lambda u: _ExpRowSums.apply(u, 0.7), z)  # of rows of any length, too


def test_losses_without_negatives_follow_their_formulas():
    z, v = views()
    assert float(barlow_twins(*tensors(z, v), off_diagonal=0.02)) == pytest.approx(naive_barlow(z, v, 0.02))
    assert float(vicreg(*tensors(z, v))) == pytest.approx(naive_vicreg(z, v))
    assert float(decorrelation(*tensors(z, v), weight=0.1)) == pytest.approx(naive_decorrelation(z, v, 0.1))


def test_scaled_cosine_error_follows_its_formula():
    z, v = views()
    for gamma in (1.0, 2.0, 3.0):
        naive = sum((1 - cosine(a, b)) ** gamma for a, b in zip(z, v, strict=True)) / N
        assert float(scaled_cosine_error(*tensors(v, z), gamma=gamma)) == pytest.approx(naive)
    assert float(scaled_cosine_error(torch.ones(1, 3), torch.zeros(1, 3))) == pytest.approx(1.0)


def test_ranking_losses_follow_their_formulas():
    s, t = np.random.default_rng(0).normal(size=(2, N)) * 30
    naive = sum(math.log1p(math.exp(b - a)) if b - a < 30 else b - a for a, b in zip(s, t, strict=True)) / N
    assert float(bpr(*tensors(s, t))) == pytest.approx(naive)
    a, p = views()
    n = views(5)[0]
    total = 0.0
    for x, y, w in zip(a, p, n, strict=True):
        total += max(0.0, float(np.linalg.norm(x - y) - np.linalg.norm(x - w)) + 0.5)
    naive = total / N
    assert float(triplet(*tensors(a, p, n))) == pytest.approx(naive)


@pytest.mark.parametrize("loss", [info_nce, nt_xent, barlow_twins, vicreg, decorrelation])
def test_every_contrast_is_least_for_equal_views_and_has_gradients(loss):
    z = torch.randn(32, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    other = torch.randn(32, 8, generator=torch.Generator().manual_seed(1))
    assert bool(loss(z, z.detach()) < loss(z, other))
    loss(z, other).backward()
    assert z.grad is not None
    assert bool(z.grad.abs().sum() > 0)


@pytest.mark.parametrize("loss", [info_nce, nt_xent, barlow_twins, vicreg, decorrelation])
@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((1, 2), (1, 2)), ((3,), (3,))])
def test_views_that_do_not_fit_are_refused(loss, shapes):
    with pytest.raises(BadInputError, match="two views"):
        loss(torch.ones(shapes[0]), torch.ones(shapes[1]))


def test_other_wrong_shapes_are_refused():
    with pytest.raises(BadInputError, match="pairs"):
        bpr(torch.ones(2), torch.ones(3))
    with pytest.raises(BadInputError, match="one shape"):
        triplet(torch.ones(2, 2), torch.ones(2, 2), torch.ones(3, 2))
    with pytest.raises(BadInputError, match="rows must be"):
        scaled_cosine_error(torch.ones(2, 2), torch.ones(2, 3))
