from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from selfcue import cli
from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.method import Explains, capabilities
from selfcue.learners.offline.timeseries.classifier import TorchReference, WindowClassifier
from selfcue.learners.offline.timeseries.mask_leak import follows_data
from selfcue.learners.offline.timeseries.timex import TimeX
from selfcue.learners.offline.timeseries.timex_config import TimeXConfig
from selfcue.learners.offline.timeseries.timex_net import ExplanationNet
from tests.learners.offline.conftest import assert_same_weights, weights_of

SMALL = TimeXConfig(classifier_epochs=2, epochs=2, n_landmarks=6, batch=16)


def bumps(n: int = 96, seed: int = 0, t: int = 20) -> tuple[Windows, np.ndarray]:
    """Return windows of two noisy sensors, the first with a bump of 3 samples up (1) or down (0); and where it is."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.0, 0.3, (n, t, 2)), np.arange(n) % 2
    salient = np.zeros(x.shape, dtype=bool)
    for row in range(n):
        at = rng.integers(0, t - 3)
        salient[row, at : at + 3, 0] = True
        x[row, at : at + 3, 0] += 3.0 if y[row] else -3.0
    return Windows(x.astype(np.float32), y.astype(np.int64), name="bumps"), salient


@pytest.fixture(scope="module")
def learned():
    windows, _ = bumps(256)
    settings = TimeXConfig(
        classifier="cnn",
        width=32,
        n_landmarks=6,
        classifier_epochs=15,
        classifier_lr=3e-3,
        lr=4e-3,
        epochs=25,
        batch=16,
    )
    return TimeX(settings).fit(windows, progress=False)


def weights(part: Any) -> dict[str, torch.Tensor]:
    return dict(part.state_dict())


def test_it_names_the_samples_that_decide(learned):
    windows, salient = bumps(100, seed=1)
    assert (learned.classify(windows).argmax(1) == windows.y).mean() > 0.97
    found = learned.score(windows, salient)
    assert found["auprc"] > 0.9  # chance: 3 of 40
    assert learned.explain(windows).shape == windows.x.shape
    assert set(np.unique(learned.explain(windows, discrete=True))) == {0.0, 1.0}


def test_the_data_decide_and_not_the_mask(learned):
    windows, _ = bumps(100, seed=1)
    assert follows_data(learned, windows, np.random.default_rng(0)) > 0.6


def test_windows_that_are_decided_alike_share_landmarks(learned):
    windows, _ = bumps(200, seed=1)
    groups = learned.landmarks(windows)
    assert groups.min() >= 0 > groups.max() - 6
    pure = sum(np.bincount(np.asarray(windows.y)[groups == group]).max() for group in np.unique(groups)) / 200
    assert pure > 0.9
    assert learned.embed_explanation(windows).shape == (200, learned.net.reference.body.width)


def test_the_history_tells_both_phases_and_the_best_epoch_is_kept(learned):
    assert set(learned.history[0]) == {"loss"}
    last = learned.history[-1]
    assert {"consistency", "landmarks", "labels", "size", "jumps", "validation"} <= set(last)
    parts = last["consistency"] + last["landmarks"] + last["labels"] + 2.0 * (last["size"] + 2.0 * last["jumps"])
    assert last["loss"] == pytest.approx(parts, rel=1e-4)
    scores = [epoch["validation"] for epoch in learned.history if "validation" in epoch]
    assert len(scores) == 25
    assert scores.index(max(scores)) > 0


def test_only_its_capability_is_to_explain(learned):
    assert capabilities(TimeX) == ["explain"]
    assert isinstance(learned, Explains)


def test_same_seed_same_weights_and_another_seed_others():
    windows, _ = bumps(32)
    before = torch.random.get_rng_state()
    first, again, other = (TimeX(SMALL).fit(windows, seed=seed, progress=False) for seed in (0, 0, 1))
    assert_same_weights(first, again)
    assert not np.array_equal(weights_of(first)["landmarks"], weights_of(other)["landmarks"])
    first.landmarks(windows)
    torch.testing.assert_close(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("own", [True, False])
def test_a_run_goes_on_across_the_two_phases(tmp_path, own):
    windows, _ = bumps(32)
    torch.manual_seed(0)
    model = None if own else TorchReference(nn.Flatten(), nn.Linear(40, 2))
    whole = TimeX(SMALL, reference=model).fit(windows, progress=False)
    part = TimeX(SMALL, reference=model)
    for epochs in (1, 2, 3, 99):
        part = TimeX(SMALL, reference=model)
        part.fit(windows, budget=Budget(epochs=epochs), resume=tmp_path / "run.safetensors", progress=False)
    assert_same_weights(whole, part)
    assert whole.history == part.history


def test_a_saved_model_explains_alike(tmp_path):
    windows, _ = bumps(32)
    method = TimeX(SMALL).fit(windows, progress=False)
    method.save(tmp_path / "m.safetensors")
    again = TimeX.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.explain(windows), method.explain(windows))
    np.testing.assert_array_equal(again.landmarks(windows), method.landmarks(windows))
    assert again.config == method.config


def test_a_classifier_of_the_user_is_explained_and_left_as_it_is(tmp_path):
    windows, _ = bumps(64)
    torch.manual_seed(0)
    mine = TorchReference(nn.Sequential(nn.Flatten(), nn.Linear(40, 8), nn.BatchNorm1d(8)), nn.Linear(8, 3)).train()
    before = {name: tensor.clone() for name, tensor in mine.state_dict().items()}
    method = TimeX(SMALL, reference=mine).fit(windows.without_labels(), progress=False)
    assert len(method.history) == SMALL.epochs  # nothing to be learned first
    torch.testing.assert_close(weights(mine), before)
    assert mine.training
    torch.testing.assert_close(weights(method.net.reference), before)
    mine.eval()
    expected = mine(torch.from_numpy(windows.x)).softmax(1).detach().numpy()
    np.testing.assert_allclose(method.classify(windows), expected, rtol=1e-5)
    method.save(tmp_path / "m.safetensors")
    with pytest.raises(BadInputError, match="reference=that_classifier"):
        TimeX.load(tmp_path / "m.safetensors")
    fresh = TorchReference(nn.Sequential(nn.Flatten(), nn.Linear(40, 8), nn.BatchNorm1d(8)), nn.Linear(8, 3))
    again = TimeX.load(tmp_path / "m.safetensors", reference=fresh)
    np.testing.assert_array_equal(again.explain(windows), method.explain(windows))


def test_a_run_does_not_go_on_with_another_classifier(tmp_path):
    windows, _ = bumps(32)
    for seed, refused in ((0, False), (0, False), (1, True)):
        torch.manual_seed(seed)
        method = TimeX(SMALL, reference=TorchReference(nn.Flatten(), nn.Linear(40, 2)))
        if refused:
            with pytest.raises(BadInputError, match="another file"):
                method.fit(windows, resume=tmp_path / "run.safetensors", progress=False)
        else:
            method.fit(windows, resume=tmp_path / "run.safetensors", progress=False)


@pytest.mark.parametrize(
    "change",
    [
        {"explainer": "frozen"},
        {"explainer": "random"},
        {"mask_encoder": "classifier"},
        {"mask_encoder": "classifier", "classifier": "lstm"},
        {"classifier": "cnn"},
        {"straight_through": False},
        {"consistency": "none"},
        {"consistency": "contrast"},
        {"label_weight": 0.0},
        {"validation": 0.0},
    ],
)
def test_every_variant_learns(change):
    windows, _ = bumps(32)
    method = TimeX(SMALL, **change).fit(windows, progress=False)
    assert np.isfinite(method.explain(windows)).all()
    explainer, reference = weights(method.net.explainer), weights(method.net.reference)
    same = all(torch.equal(explainer[name], reference[name]) for name in reference)
    assert same == (change.get("explainer") == "frozen")
    last = method.history[-1]
    assert ("consistency" in last) == (change.get("consistency") != "none")
    assert ("validation" in last) == (change.get("validation") != 0.0)


def test_landmarks_learn_and_explanations_do_not_learn_from_them():
    windows, _ = bumps(32)
    net = TimeX(SMALL).fit(windows, progress=False).net
    assert isinstance(net, ExplanationNet)
    z = torch.randn(5, net.landmarks.shape[1], requires_grad=True)
    near = net.assigned(z, draw=True)
    assert near.sum(1).tolist() == pytest.approx([1.0] * 5)
    (near @ net.landmarks).square().sum().backward()
    assert z.grad is None
    assert net.landmarks.grad is not None
    assert net.landmarks.grad.abs().sum() > 0
    flat = net.landmarks / net.landmarks.norm(dim=1, keepdim=True)
    nearest = [int((flat @ (row / row.norm())).argmax()) for row in z]
    assert net.assigned(z, draw=False).argmax(1).tolist() == nearest


def test_a_single_sensor_is_hidden_by_looking_away_where_it_can_be():
    windows, _ = bumps(32)
    one = Windows(windows.x[..., :1].copy(), windows.y)
    x, nothing = torch.from_numpy(one.x), torch.zeros(32, 20, 1)
    other_nets = dataclasses.replace(SMALL, single="replacing"), dataclasses.replace(SMALL, classifier="cnn")
    for config, away in ((SMALL, True), (other_nets[0], False), (other_nets[1], False)):
        net = TimeX(config).fit(one, progress=False).net
        assert isinstance(net, ExplanationNet)
        torch.manual_seed(0)
        first = net.explained(x, nothing)
        torch.manual_seed(0)
        other = net.explained(x + 3.0, nothing)  # all is hidden
        assert torch.equal(first, other) != away
        assert not torch.equal(net.explained(x, nothing + 1.0), first)


def test_the_copy_begins_as_the_classifier_and_chance_does_not():
    windows, _ = bumps(32)
    for explainer, equal in (("copy", True), ("random", False)):
        method = TimeX(SMALL, lr=1e-12, weight_decay=0.0, explainer=explainer).fit(windows, progress=False)
        first, second = weights(method.net.explainer), weights(method.net.reference)
        assert all(torch.allclose(first[name], second[name], atol=1e-8) for name in first) == equal


def test_windows_without_labels_help_to_explain():
    windows, _ = bumps(32)
    assert windows.y is not None
    some = dataclasses.replace(windows, y=np.where(np.arange(32) < 16, windows.y, -1))
    with_rest = TimeX(SMALL).fit(some, progress=False)
    alone = TimeX(SMALL).fit(windows.rows(np.arange(16)), progress=False)
    assert with_rest.facts["classes"] == alone.facts["classes"] == 2
    assert not np.array_equal(with_rest.explain(windows), alone.explain(windows))


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (None, "no labels; timex learns a classifier from y"),
        ([-1] * 32, "no labels"),
        ([1] * 32, "all 32 labelled windows are of class 1; needs two classes"),
        ([0, 2] * 16, "without gaps; got 0, 2"),
        ([0, -3] * 16, "all 16 labelled"),
        ([0, 1, -3, 1] * 8, "without gaps; got -3, 0, 1"),
    ],
)
def test_labels_that_teach_nothing_are_refused(y, said):
    x = bumps(32)[0].x
    with pytest.raises(BadInputError, match=said):
        TimeX(SMALL).fit(Windows(x, None if y is None else np.array(y, dtype=np.int64)), progress=False)


def test_windows_that_cannot_be_learned_from_are_refused():
    x = bumps(32)[0].x
    broken = x.copy()
    broken[3, 5, 1] = np.nan
    with pytest.raises(BadInputError, match="sample 5 of sensor 1 in window 3 is nan"):
        Windows(broken)
    with pytest.raises(BadInputError, match="7 windows of 20 samples; needs 8"):
        TimeX(SMALL).fit(Windows(x[:7], np.arange(7) % 2), progress=False)
    with pytest.raises(BadInputError, match="32 windows of 1 samples"):
        TimeX(SMALL).fit(Windows(x[:, :1].copy(), np.arange(32) % 2), progress=False)
    with pytest.raises(BadInputError, match="embed"):
        TimeX(SMALL, reference=nn.Linear(2, 2)).fit(Windows(x), progress=False)
    with pytest.raises(UsageError, match=r"states\(x\)"):
        TimeX(reference=TorchReference(nn.Flatten(), nn.Linear(40, 2)), mask_encoder="classifier")


def test_other_windows_than_it_learned_from_are_refused():
    windows, _ = bumps(32)
    named = dataclasses.replace(windows, sensors=("left", "right"))
    method = TimeX(SMALL).fit(named, progress=False)
    with pytest.raises(BadInputError, match="windows of 15 samples of 2 sensors; learned from 20 of 2"):
        method.explain(Windows(windows.x[:, :15].copy()))
    with pytest.raises(BadInputError, match="sensors right, left; learned from left, right"):
        method.explain(dataclasses.replace(windows, sensors=("right", "left")))
    method.explain(windows)


def test_a_dead_sensor_is_borne():
    windows, _ = bumps(32)
    x = windows.x.copy()
    x[..., 1] = 7.0
    method = TimeX(SMALL).fit(Windows(x, windows.y), progress=False)
    assert np.isfinite(method.explain(Windows(x))).all()


def test_before_it_explains_it_says_that_it_cannot():
    windows, _ = bumps(32)
    with pytest.raises(UsageError, match="call fit or load"):
        TimeX().explain(windows)
    half = TimeX(SMALL).fit(windows, budget=Budget(epochs=2), progress=False)
    with pytest.raises(UsageError, match="only the classifier was learned yet"):
        half.explain(windows)


@pytest.mark.parametrize(
    "change", [{"r": 1.0}, {"width": 7}, {"code": 3}, {"batch": 1}, {"tau": 0.0}, {"validation": 0.9}, {"epochs": -1}]
)
def test_wrong_settings_are_refused(change):
    with pytest.raises(BadInputError, match="TimeXConfig"):
        dataclasses.replace(SMALL, **change)


def test_our_classifier_can_be_given_too():
    windows, _ = bumps(32)
    torch.manual_seed(0)
    given = WindowClassifier("cnn", 2, 2, torch.arange(20.0), width=8)
    method = TimeX(SMALL, reference=given, mask_encoder="classifier").fit(windows, progress=False)
    assert method.facts["width"] == 8


def test_from_the_command_line(capsys, tmp_path):
    windows, _ = bumps(32)
    np.savez(tmp_path / "w.npz", x=windows.x, y=np.asarray(windows.y), sensors=np.array(["left", "right"]))
    words = ["fit", "timex", "--data", str(tmp_path / "w.npz"), "--out", str(tmp_path / "run"), "--json"]
    words += [word for name in ("epochs=1", "classifier_epochs=1") for word in ("--set", name)]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 2
    out = tmp_path / "why.npz"
    assert cli.main(["apply", str(tmp_path / "run"), "--data", str(tmp_path / "w.npz"), "--out", str(out)]) == 0
    with np.load(out, allow_pickle=False) as found:
        np.testing.assert_array_equal(found["explain"], TimeX.load(tmp_path / "run/model.safetensors").explain(windows))
    np.savez(tmp_path / "one.npz", x=windows.x, y=np.zeros(32, dtype=np.int64))
    capsys.readouterr()
    words[3] = str(tmp_path / "one.npz")
    words[5] = str(tmp_path / "other")
    assert cli.main(words) == 3
    said = capsys.readouterr().err.strip()
    assert said.endswith("needs two classes")
    assert "\n" not in said
