"""Attention that can look away, masks that can be drawn, scores of scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.timeseries.attributions import attribute
from selfcue.learners.offline.timeseries.backbones import Attention, Layer, backbone, time_code
from selfcue.learners.offline.timeseries.classifier import TorchReference, WindowClassifier, reference_sizes
from selfcue.learners.offline.timeseries.mask_generator import MaskGenerator, draw_mask
from selfcue.learners.offline.timeseries.saliency_scores import keep_top, kept_accuracy, saliency_scores
from selfcue.learners.offline.timeseries.timex_data import split, stratified


def test_attention_is_softmax_of_products_lowered_where_hidden():
    torch.manual_seed(0)
    look = Attention(3)
    x, memory, keep = torch.randn(2, 4, 3), torch.randn(2, 5, 3), torch.tensor([[1, 0, 1, 1, 0.0]] * 2)
    found = look(x, memory, keep).detach()
    q, (k, v) = look.query(x).detach(), look.key_value(memory).detach().split(3, -1)
    for b in range(2):
        for t in range(4):
            logits = [
                float(q[b, t] @ k[b, s]) / math.sqrt(3) - Attention.DAMP * (1 - float(keep[b, s])) for s in range(5)
            ]
            whole = sum(math.exp(value) for value in logits)
            seen = sum(math.exp(value) / whole * v[b, s] for s, value in enumerate(logits))
            torch.testing.assert_close(found[b, t], look.out(seen), rtol=1e-4, atol=1e-5)


def test_looking_away_has_a_gradient():
    torch.manual_seed(0)
    keep = torch.ones(1, 6, requires_grad=True)
    Layer(4, 8, 0.0)(torch.randn(1, 6, 4), keep).square().mean().backward()
    assert keep.grad is not None
    assert (keep.grad.abs() > 0).any()


def test_a_decoder_reads_what_it_looks_at():
    torch.manual_seed(0)
    layer, x = Layer(4, 8, 0.0, decoder=True), torch.randn(1, 3, 4)
    assert not torch.allclose(layer(x, memory=torch.zeros(1, 2, 4)), layer(x, memory=torch.ones(1, 2, 4)))


@pytest.mark.parametrize("kind", ["transformer", "cnn", "lstm"])
@pytest.mark.parametrize("t", [2, 7])
def test_every_backbone_gives_a_state_a_step(kind, t):
    net = backbone(kind, 3, code=4, layers=2, feed=8, width=6, dropout=0.0)
    states = net(torch.randn(5, t, 3), time_code(torch.arange(float(t)), 4), torch.ones(5, t))
    assert states.shape == (5, t, net.width)


@given(st.floats(1e-3, 1e6), st.floats(-1e3, 1e3))
def test_time_has_no_unit(unit, start):
    times = torch.arange(8, dtype=torch.float64)
    torch.testing.assert_close(time_code(times * unit + start, 4), time_code(times, 4), rtol=1e-4, atol=1e-4)


def test_time_codes_tell_every_step_apart():
    code = time_code(torch.arange(200.0), 16)
    assert code.shape == (200, 16)
    assert float((torch.cdist(code, code) + 10 * torch.eye(200)).min()) > 0.1


def test_a_classifier_reads_any_unit_and_bears_a_dead_sensor():
    torch.manual_seed(0)
    net = WindowClassifier("transformer", 3, 2, torch.arange(6.0), code=4).eval()
    x = torch.randn(20, 6, 3)
    x[..., 2] = 5.0
    net.fit_scale(x)
    first = net(x)
    net.fit_scale(x * 1000 + 7)
    torch.testing.assert_close(net(x * 1000 + 7), first, rtol=1e-3, atol=1e-4)
    assert torch.isfinite(first).all()


def test_what_is_no_classifier_is_refused():
    x = torch.zeros(2, 5, 3)
    with pytest.raises(BadInputError, match="TorchReference"):
        reference_sizes(nn.Linear(3, 2), x)
    with pytest.raises(BadInputError, match="K at least 2"):
        reference_sizes(TorchReference(nn.Flatten(), nn.Linear(15, 1)), x)
    assert reference_sizes(TorchReference(nn.Flatten(), nn.Linear(15, 4)), x) == (15, 4)
    turned = TorchReference(nn.Sequential(nn.Conv1d(3, 6, 1), nn.Flatten()), nn.Linear(30, 2), lambda x: x.mT)
    assert reference_sizes(turned, x) == (30, 2)


@settings(deadline=None, max_examples=20)
@given(st.floats(-3, 3), st.booleans())
def test_masks_are_drawn_as_often_as_they_should(logit, hard):
    torch.manual_seed(0)
    mask = draw_mask(torch.full((20_000,), logit), hard=hard)
    assert float((mask > 0.5).float().mean()) == pytest.approx(1 / (1 + math.exp(-logit)), abs=0.015)
    assert bool(((mask == 0) | (mask == 1)).all()) == hard


def test_hard_masks_pass_the_gradient_of_soft_ones():
    grads = []
    for hard in (True, False):
        logits = torch.linspace(-2, 2, 5, requires_grad=True)
        torch.manual_seed(1)
        (draw_mask(logits, hard=hard) * torch.arange(5.0)).sum().backward()
        grads.append(logits.grad)
    torch.testing.assert_close(*grads)
    assert float(grads[0].abs().sum()) > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("memory", [7, 11])
def test_masks_have_the_shape_of_windows(memory):
    net = MaskGenerator(3, 4, memory, layers=1, feed=8, dropout=0.0)
    assert net(torch.randn(2, 5, 3), torch.zeros(5, 4), torch.randn(2, 5, memory)).shape == (2, 5, 3)


def test_perfect_scores_are_perfect_and_bad_ones_bad():
    truth = np.zeros((3, 4, 2), dtype=bool)
    truth[0, 1, 0] = truth[1, 2:, 1] = True  # the third has no truth and does not count
    perfect = saliency_scores(truth.astype(np.float32), truth)
    assert perfect["auprc"] == 1.0
    assert saliency_scores(1.0 - truth.astype(np.float32), truth)["auprc"] < 0.3
    assert saliency_scores(5.0 + 0.1 * truth.astype(np.float32), truth) == pytest.approx(perfect)


def test_areas_are_those_under_steps_of_the_threshold():
    truth = np.array([True, False, True, False]).reshape(1, 4, 1)
    scores = np.array([1.0, 0.75, 0.5, 0.0], dtype=np.float32).reshape(1, 4, 1)
    # threshold: precision, recall = 0: 1/2, 1; 0.5: 2/3, 1; 0.75: 1/2, 1/2; 1: 1, 1/2
    found = saliency_scores(scores, truth)
    assert found["aup"] == pytest.approx(0.5 * (1 / 2 + 2 / 3) / 2 + 0.25 * (2 / 3 + 1 / 2) / 2 + 0.25 * 0.75)
    assert found["aur"] == pytest.approx(0.5 + 0.25 * 0.75 + 0.25 * 0.5)
    assert found["auprc"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_nothing_to_judge_is_said():
    with pytest.raises(BadInputError, match="none of the windows"):
        saliency_scores(np.zeros((2, 3, 1), np.float32), np.zeros((2, 3, 1), bool))
    with pytest.raises(BadInputError, match="the same"):
        saliency_scores(np.zeros((2, 3, 1), np.float32), np.zeros((2, 3, 2), bool))


def test_what_is_kept_is_the_best_of_each_window():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    scores = x.copy()
    scores[1] *= -1
    kept = keep_top(x, scores, 1 / 3, np.full_like(x, -1.0))
    np.testing.assert_array_equal(kept[0].ravel(), [-1, -1, -1, -1, 4, 5])
    np.testing.assert_array_equal(kept[1].ravel(), [6, 7, -1, -1, -1, -1])
    assert (keep_top(x, scores, 0.0, -x) == x).sum() >= 2  # one of each window at least
    right = kept_accuracy(lambda x: (x[:, 0, 0] > 0).astype(np.int64), x, np.array([0, 1]), scores, -x, (0.4, 1.0))
    assert right == 1.0


def line_classifier():
    """Class 1 where sample 2 of sensor 1 is above 0: the only one that counts."""
    body = nn.Flatten()
    head = nn.Linear(4 * 2, 2, bias=False)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[1, 2 * 2 + 1] = 3.0
    return TorchReference(body, head).eval()


@pytest.mark.parametrize("way", ["integrated gradients", "gradient x input", "occlusion"])
def test_attributions_find_what_a_linear_classifier_reads(way):
    rng = np.random.default_rng(0)
    x = rng.normal(1.0, 0.2, (5, 4, 2)).astype(np.float32)
    found = attribute(way, line_classifier(), x, np.zeros((4, 2), np.float32), rng)
    expected = np.zeros_like(x)
    expected[:, 2, 1] = 3.0 * x[:, 2, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    again = attribute(way, line_classifier(), x + 4, np.full((4, 2), 4, np.float32), rng)
    np.testing.assert_allclose(again, expected, rtol=1e-3, atol=1e-4)


def test_chance_is_drawn_from_the_generator_given():
    x = np.zeros((3, 4, 2), np.float32)
    a, b = (attribute("random", line_classifier(), x, x[0], np.random.default_rng(seed)) for seed in (0, 0))
    np.testing.assert_array_equal(a, b)
    assert a.shape == x.shape
    assert a.min() >= 0 < a.std()


@given(st.integers(0, 99), st.integers(8, 60), st.floats(0.0, 0.5))
def test_every_window_either_learns_or_validates(seed, n, share):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    train, val = split(y, share, rng)
    assert sorted([*train, *val]) == list(range(n))
    assert len(val) != 1
    if len(val):
        for label in np.unique(y):
            assert abs((y[val] == label).sum() - share * (y == label).sum()) <= 0.5 + 1e-9


@given(st.integers(0, 99), st.integers(1, 40))
def test_landmarks_begin_in_all_classes(seed, count):
    rng = np.random.default_rng(seed)
    classes = np.array([0] * 30 + [1] * 5 + [2] * 5)
    chosen = stratified(classes, count, rng)
    assert len(chosen) == count
    assert len(set(chosen)) == count  # there are enough
    shares = np.bincount(classes[chosen], minlength=3)
    assert (shares >= min(count // 3, 5)).all()
