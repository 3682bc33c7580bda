"""The experiments of the graph family: whole, run through on small graphs, and blind to the test part."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.task import NodeTask
from selfcue.learners.offline.graph import (
    graphmae_reproduction,
    pareto_gnn_reproduction,
    scgc_reproduction,
    selftask_gnn_reproduction,
)
from selfcue.learners.offline.graph.four_tasks import draw_tasks
from selfcue.learners.offline.graph.pareto_gnn import ParetoGNN, ParetoGNNConfig
from selfcue.learners.offline.graph.selftask_gnn import SelfTaskConfig
from selfcue.learners.offline.randomness import child
from selfcue.learners.offline.reproduction.experiment import Experiment, Trial
from tests.learners.offline.conftest import block_graph

MODULES = (graphmae_reproduction, pareto_gnn_reproduction, scgc_reproduction, selftask_gnn_reproduction)
EXPERIMENTS = [experiment for module in MODULES for experiment in module.experiments()]


def small_task() -> NodeTask:
    graph, y = block_graph(n=90)
    return NodeTask(graph.with_labels(y, np.arange(12), np.arange(12, 40)), y, np.arange(40, 90))


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_claim_is_about_arms_and_data_that_there_are(experiment: Experiment):
    arms, data = [arm.name for arm in experiment.arms], set(experiment.data)
    assert len(set(arms)) == len(arms)
    assert experiment.arms[0].role == "ours"
    assert experiment.seeds >= 3
    assert len({repr(arm.run) for arm in experiment.arms}) == len(arms)
    for claim in experiment.claims:
        fields = {field.name: getattr(claim, field.name) for field in dataclasses.fields(claim)}  # type: ignore[arg-type]
        named = {fields[key] for key in ("first", "second", "arm") if key in fields} | set(fields.get("arms", ()))
        named |= {name for pair in fields.get("pairs", ()) for name in pair}
        assert named
        assert named <= set(arms)
        assert ({fields["data"]} if isinstance(fields["data"], str) else set(fields["data"])) <= data
    assert len({claim.id for claim in experiment.claims}) == len(experiment.claims)


@pytest.mark.parametrize("arm", pareto_gnn_reproduction.experiments()[0].arms, ids=lambda arm: arm.name)
def test_each_arm_of_paretognn_gives_what_the_claims_ask_for(arm):
    pytest.importorskip("pymetis")
    graph, y = block_graph(n=200, blocks=4)
    tasks = draw_tasks(NodeTask(graph, y, np.arange(200)), child(0, "four tasks"))
    run = dataclasses.replace(arm.run, settings=dataclasses.replace(arm.run.settings, hidden=(8,), head=4))
    figures = run(Trial("blocks", tasks, 0, Budget(epochs=8)))
    assert {"mean", *pareto_gnn_reproduction.SCORES} <= figures.keys()
    several = arm.run.kind == "learned" and len(arm.run.settings.tasks) > 1
    assert ({"worst", "conflict", "descends", "steps_descend"} <= figures.keys()) == several
    if arm.name in ("paretognn", "scaled step"):
        assert figures["descends"] == 100.0
    if arm.name == "scaled step":
        assert figures["steps_descend"] == 100.0


def test_the_course_of_a_run_is_told_from_its_steps():
    method = ParetoGNN(ParetoGNNConfig(tasks=("recon", "link")))
    losses = [(4.0, 1.0)] * 5 + [(3.0, 0.5)] * 10 + [(2.0, 0.9)] * 5
    method.history = [
        {"loss/recon": a, "loss/link": b, "conflict": float(i % 2), "inner": 0.0, "inner_step": -0.1 if i < 5 else 0.1}
        for i, (a, b) in enumerate(losses)
    ]
    told = pareto_gnn_reproduction._course(method)
    assert told == pytest.approx({"worst": 10.0, "conflict": 50.0, "descends": 100.0, "steps_descend": 75.0})


@pytest.mark.parametrize("settings", [{}, {"pretrain": 20}, {"task": "none"}])
def test_selftask_chooses_on_validation_and_never_on_test(settings, monkeypatch):
    monkeypatch.setattr(selftask_gnn_reproduction, "PRETRAIN", (2, 3, 4))
    config = dataclasses.replace(SelfTaskConfig(hidden=8, epochs=8, sampled=30, patience=4), **settings)
    run = selftask_gnn_reproduction.Run(settings=config)
    task = small_task()
    wrong = NodeTask(task.data, (task.truth + 1) % 3, task.test)
    right, other = (dict(run(Trial("blocks", each, 0))) for each in (task, wrong))
    assert right.pop("accuracy") != other.pop("accuracy")
    assert right == other
    assert right["pretrain"] in ((2, 3, 4) if "pretrain" in settings else (0,))


def test_every_scheme_of_selftask_tries_as_many_settings():
    arms = [arm for arm in selftask_gnn_reproduction.experiments()[0].arms if arm.run.kind == "network"]  # type: ignore[attr-defined]
    counts = {arm.name: len(arm.run._tried()) for arm in arms}  # type: ignore[attr-defined]
    assert counts.pop("gcn") == 1
    assert set(counts.values()) == {3}
    assert sum(name.startswith("two-stage") for name in counts) == 3
