from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from selfcue.learners.online.depth.losses import (  # noqa: E402 - after the check for torch
    edge_aware_smoothness,
    laplace_nll,
    scale_invariant,
)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    rho = torch.from_numpy(rng.uniform(0.1, 3.0, (2, 5, 6)).astype(np.float32))
    target = torch.from_numpy(rng.uniform(0.1, 3.0, (2, 5, 6)).astype(np.float32))
    log_scale = torch.from_numpy(rng.uniform(-3.0, 1.0, (2, 5, 6)).astype(np.float32))
    weight = torch.from_numpy((rng.uniform(size=(2, 5, 6)) * (rng.uniform(size=(2, 5, 6)) > 0.4)).astype(np.float32))
    return rho, log_scale, target, weight


def cells(weight):
    return [(i, y, x) for i in range(2) for y in range(5) for x in range(6) if weight[i, y, x] > 0]


def test_laplace_nll_against_a_naive_loop(batch):
    rho, log_scale, target, weight = batch
    for i in range(2):
        total = norm = 0.0
        for j, y, x in cells(weight):
            if j == i:
                b = math.exp(float(log_scale[i, y, x]))
                w = float(weight[i, y, x])
                total += w * (abs(float(rho[i, y, x] - target[i, y, x])) / b + math.log(b))
                norm += w
        assert float(laplace_nll(rho, log_scale, target, weight)[i]) == pytest.approx(total / norm, rel=1e-4)


def test_laplace_nll_is_least_where_the_scale_is_the_mean_error():
    rho, target = torch.zeros(1, 1, 1000), torch.from_numpy(np.random.default_rng(0).laplace(0, 0.3, (1, 1, 1000)))
    weight = torch.ones(1, 1, 1000)
    scales = torch.linspace(-3.0, 1.0, 81)
    losses = [float(laplace_nll(rho, torch.full_like(rho, float(s)), target, weight)) for s in scales]
    assert math.exp(float(scales[int(np.argmin(losses))])) == pytest.approx(0.3, rel=0.1)


def test_scale_invariant_against_a_naive_loop_and_blind_to_scale(batch):
    rho, _, target, weight = batch
    found = scale_invariant(rho, target, weight)
    for i in range(2):
        mine = [(y, x) for j, y, x in cells(weight) if j == i]
        w = [float(weight[i, y, x]) for y, x in mine]
        d = [math.log(float(rho[i, y, x])) - math.log(float(target[i, y, x])) for y, x in mine]
        mean = sum(a * b for a, b in zip(w, d, strict=True)) / sum(w)
        variance = sum(a * (b - mean) ** 2 for a, b in zip(w, d, strict=True)) / sum(w)
        assert float(found[i]) == pytest.approx(variance, rel=1e-4)
    torch.testing.assert_close(scale_invariant(2.0 * rho, target, weight), found)


def test_smoothness_against_a_naive_loop(batch):
    rho, gray, _, _ = batch
    found = edge_aware_smoothness(rho, gray)
    for i in range(2):
        r = rho[i].numpy() / float(rho[i].mean())
        g = gray[i].numpy()
        down = [abs(r[y + 1, x] - r[y, x]) * math.exp(-abs(g[y + 1, x] - g[y, x])) for y in range(4) for x in range(6)]
        across = [
            abs(r[y, x + 1] - r[y, x]) * math.exp(-abs(g[y, x + 1] - g[y, x])) for y in range(5) for x in range(5)
        ]
        assert float(found[i]) == pytest.approx(np.mean(down) + np.mean(across), rel=1e-4)


def test_a_lesson_without_any_target_costs_nothing_and_gives_no_gradient(batch):
    rho, log_scale, target, _ = batch
    rho = rho.requires_grad_()
    nothing = torch.zeros_like(target)
    loss = laplace_nll(rho, log_scale, target, nothing) + scale_invariant(rho, target, nothing)
    assert loss.tolist() == [0.0, 0.0]
    loss.sum().backward()
    assert torch.isfinite(rho.grad).all()
    assert not rho.grad.any()
