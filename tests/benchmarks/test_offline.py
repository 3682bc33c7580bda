"""The benchmark of the offline methods: experiments become rows and claims."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed here")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: the offline methods' extra is missing")

from selfcue.benchmarks import offline
from selfcue.learners.offline.reproduction.experiment import Ahead, Arm, Experiment, Published


def test_experiments_become_rows_and_claims(tmp_path, monkeypatch):
    experiment = Experiment(
        name="toy-test",
        title="Is two more than one?",
        data=("a",),
        prepare=lambda data, seed: None,
        arms=(Arm("two", "ours", lambda trial: {"s": 2.0}), Arm("one", "baseline", lambda trial: {"s": 1.0})),
        metric="s",
        seeds=2,
        published={"a": Published(1.5, "a book")},
        claims=(Ahead("more", "two", "one", ("a",)), Ahead("twice", "one", "two", ("a",))),
    )
    monkeypatch.setattr(offline, "find_experiments", lambda name, everything: [experiment])
    monkeypatch.setattr(offline, "step_seconds", lambda data, steps: (1.0, 3.0))
    result = offline.measure(tmp_path, quick=False)
    assert [claim.holds for claim in result.claims] == [True, False, True]
    assert result.claims[0].id == "toy-test.more"
    assert result.rows[0]["published"] == 1.5
    assert result.rows[1]["mean"] == 1.0
    assert not result.holds
