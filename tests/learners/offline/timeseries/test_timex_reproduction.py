"""The experiments' parts on windows small enough for a test; whole ones are run by ``selfcue reproduce timex``."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from selfcue.learners.offline.reproduction.experiment import Ahead, Reaches, Trial
from selfcue.learners.offline.timeseries import timex_reproduction
from selfcue.learners.offline.timeseries.timex import TimeX
from selfcue.learners.offline.timeseries.timex_config import TimeXConfig
from selfcue.learners.offline.timeseries.timex_reproduction import Explained, Run, experiments, prepare, purity
from tests.learners.offline.timeseries.test_timex import bumps

SMALL = TimeXConfig(
    classifier="cnn", width=32, n_landmarks=6, classifier_epochs=15, classifier_lr=3e-3, lr=4e-3, epochs=20, batch=16
)


@pytest.fixture(scope="module")
def task():
    windows, _ = bumps(160)
    others, salient = bumps(60, seed=1)
    classifier: Any = TimeX(SMALL, epochs=0).fit(windows, progress=False).net.reference
    assert others.y is not None
    noise = np.random.default_rng(0).normal(0, 0.3, others.x.shape).astype(np.float32)
    mean = windows.x.mean(0)
    return Explained(windows, others.without_labels(), others.y, salient, classifier.eval(), mean, noise)


def run(task, way, **change):
    return Run(way, change, {"bumps": SMALL})(Trial("bumps", task, 0))


def test_all_ways_are_judged_alike(task):
    found = {way: run(task, way) for way in ("timex", "integrated gradients", "random")}
    for figures in found.values():
        assert figures["accuracy"] == found["random"]["accuracy"] > 0.95
        assert figures["classifier f1"] == found["random"]["classifier f1"]
        assert all(experiment.metric in figures for experiment in experiments())
    assert found["random"]["auprc"] < 0.3
    assert min(found["timex"]["auprc"], found["integrated gradients"]["auprc"]) > 0.8
    assert found["random"]["kept accuracy"] < found["timex"]["kept accuracy"] - 0.1
    assert 0.5 <= found["timex"]["purity"] <= 1.0


def test_without_truth_the_classifier_itself_judges(task):
    figures = run(dataclasses.replace(task, salient=None), "random")
    assert "auprc" not in figures
    assert 0.0 <= figures["kept accuracy"] <= 1.0


def test_what_is_changed_reaches_the_method(task, monkeypatch):
    seen = []
    monkeypatch.setattr(TimeX, "fit", lambda self, data, **_: seen.append((self.config, data)))
    monkeypatch.setattr(TimeX, "explain", lambda self, data: np.zeros_like(data.x))
    monkeypatch.setattr(TimeX, "landmarks", lambda self, data: np.zeros(len(data.x), dtype=np.int64))
    monkeypatch.setattr(timex_reproduction, "follows_data", lambda *_: 0.0)
    for arm in experiments()[1].arms:
        Run(arm.run.way, arm.run.change, {"bumps": SMALL})(Trial("bumps", task, 0))  # type: ignore[attr-defined]
    configs = [config for config, _ in seen]
    assert configs[0] == SMALL
    assert len(set(configs)) == len(configs) > 3
    assert all(data.y is None for _, data in seen)  # explanations ask for no label


def test_an_arm_s_name_changes_with_the_settings_of_its_set(monkeypatch):
    before = repr(Run("random"))
    changed = {**timex_reproduction.SETTINGS, "lowvar": SMALL}
    monkeypatch.setattr(timex_reproduction, "SETTINGS", changed)
    assert repr(Run("random")) != before


def test_a_task_keeps_its_truth_apart(monkeypatch):
    monkeypatch.setattr(timex_reproduction, "LEARN", 40)
    monkeypatch.setattr(timex_reproduction, "TEST", 20)
    quick = dataclasses.replace(SMALL, classifier_epochs=1)
    monkeypatch.setitem(timex_reproduction.SETTINGS, "freqshapes", quick)
    first, again, other = (prepare("freqshapes", seed) for seed in (0, 0, 1))
    assert first.test.y is None
    assert first.salient is not None
    assert first.salient.shape == first.test.x.shape == first.stand_in.shape == (20, 50, 1)
    np.testing.assert_array_equal(first.stand_in, again.stand_in)
    np.testing.assert_array_equal(first.classes(first.test.x), again.classes(first.test.x))
    assert not np.array_equal(first.data.x, other.data.x)


def test_claims_speak_of_arms_and_sets_that_there_are():
    for experiment in experiments():
        arms = {arm.name for arm in experiment.arms}
        for claim in experiment.claims:
            assert isinstance(claim, Ahead | Reaches)
            named = {claim.first, claim.second} if isinstance(claim, Ahead) else {claim.arm}
            sets = set(claim.data) if isinstance(claim, Ahead) else {claim.data}
            assert named <= arms
            assert sets <= set(experiment.data)
        assert all(figure.value is None for figure in experiment.published.values())


def test_pure_groups_are_pure():
    assert purity(np.array([0, 0, 3, 3]), np.array([1, 1, 0, 0])) == 1.0
    assert purity(np.array([0, 0, 0, 3]), np.array([1, 1, 0, 0])) == 0.75
