from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.common.probes import Split, linear_probe
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph import pareto_gnn
from selfcue.learners.offline.graph.pareto_gnn import ParetoGNN, ParetoGNNConfig
from selfcue.learners.offline.graph.pareto_pretexts import PRETEXTS
from selfcue.learners.offline.graph.task_weights import TaskGradients, uncertainty, weigh
from selfcue.learners.offline.graph.views import Graph
from selfcue.learners.offline.method import Method, capabilities
from tests.learners.offline.conftest import assert_same_weights, block_graph

SMALL = ParetoGNNConfig(hidden=(16, 12), head=8, epochs=20, lr=5e-3, warm=2)
WEIGHTINGS = ("mgda", "equal", "uncertainty", "random")


def fitted(**overrides):
    return ParetoGNN(SMALL, **overrides).fit(block_graph()[0], progress=False)


def test_it_keeps_the_contract():
    assert isinstance(ParetoGNN(), Method)
    assert capabilities(ParetoGNN) == ["transform"]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_it_learns_all_tasks_and_its_vectors_tell_the_blocks_apart(weighting):
    graph, y = block_graph(n=120)
    method = ParetoGNN(SMALL, weighting=weighting, epochs=60).fit(graph, progress=False)
    for task in PRETEXTS:
        losses = [step[f"loss/{task}"] for step in method.history]
        assert np.mean(losses[-10:]) < np.mean(losses[:5])
    rows = np.arange(120)
    split = Split(rows[:15], rows[15:40], rows[40:])
    z = method.transform(graph)
    assert z.shape == (120, 12)
    assert linear_probe(z, y, split)["test"] > linear_probe(graph.x, y, split)["test"] + 0.1


def test_the_common_direction_hurts_no_task():
    steps = fitted(epochs=30).history
    assert min(step["inner"] for step in steps) >= -1e-6
    for step in steps:
        weights = [step[f"weight/{task}"] for task in PRETEXTS]
        assert min(weights) >= 0
        assert sum(weights) == pytest.approx(1.0)
        assert step["loss"] == pytest.approx(
            sum(step[f"weight/{task}"] * step[f"loss/{task}"] for task in PRETEXTS), rel=1e-5
        )
    assert len({round(step["weight/link"], 6) for step in steps}) > 1


def test_a_scaled_step_hurts_no_task_where_a_raw_one_does():
    raw, scaled = (fitted(epochs=30, step=step).history for step in ("raw", "scaled"))
    assert min(step["inner_step"] for step in scaled) >= -1e-6
    assert min(step["inner_step"] for step in raw) < -0.01
    assert raw[0]["inner"] == scaled[0]["inner"]
    assert sum(scaled[5][f"weight/{task}"] for task in PRETEXTS) == pytest.approx(1.0)


def test_one_pass_takes_the_step_of_the_authors_two(monkeypatch):
    graph = Graph.of(block_graph()[0])
    torch.manual_seed(0)
    net = pareto_gnn.ParetoNet(SMALL, 12)
    torch.manual_seed(1)
    tasks = pareto_gnn._gradients(net, graph, np.random.default_rng(0))
    weighed = weigh(tasks, SMALL, None, np.random.default_rng(0))
    pareto_gnn._place(net, tasks, weighed)
    ours = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    torch.manual_seed(1)
    again = net.losses(graph, net.draw(graph, np.random.default_rng(0)))
    total = sum(float(w) * loss for w, (_, loss) in zip(weighed.weights, again, strict=True))
    assert isinstance(total, torch.Tensor)
    total.backward()
    assert ours.keys() == {name for name, _ in net.named_parameters()}
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-7)


def test_uncertainty_follows_its_formula():
    s = torch.tensor([0.3, -1.0, 2.0], requires_grad=True)
    losses = np.array([0.5, 2.0, 7.0])
    weights, gradient = uncertainty(losses, s)
    whole = (0.5 * (torch.exp(-s) * torch.from_numpy(losses) + s)).sum()
    whole.backward()
    np.testing.assert_allclose(weights, 0.5 * np.exp(-s.detach().numpy()), rtol=1e-6)
    assert s.grad is not None
    torch.testing.assert_close(gradient, s.grad)


def test_weights_follow_their_rules():
    shared = torch.tensor([[1.0, 0.0, 0.0], [0.0, 100.0, 0.0]])
    tasks = TaskGradients(np.array([1.0, 2.0]), shared, [[], []])

    def found(**settings):
        config = dataclasses.replace(SMALL, tasks=("recon", "link"), **settings)
        return weigh(tasks, config, None, np.random.default_rng(0)).weights

    np.testing.assert_allclose(found(), 0.5)
    np.testing.assert_allclose(found(weighting="equal"), 0.5)
    assert found(grad_norm="none")[0] > 0.999
    np.testing.assert_allclose(found(step="scaled"), np.array([1.0, 0.01]) / 1.01)
    np.testing.assert_allclose(found(weighting="random"), np.random.default_rng(0).dirichlet(np.ones(2)))


def test_one_task_alone_is_that_method():
    method = fitted(tasks=("ming",), epochs=3)
    assert [step["weight/ming"] for step in method.history] == [1.0] * 3
    assert {name for name in method.history[0] if name.startswith("loss/")} == {"loss/ming"}
    assert not any("recon" in name for name, _ in method.fitted().named_parameters())


def test_one_seed_is_one_result_and_labels_play_no_part():
    graph, _ = block_graph()
    first = fitted(epochs=4)
    assert_same_weights(first, ParetoGNN(SMALL, epochs=4).fit(GraphData(graph.x, graph.edge_index), progress=False))
    other = ParetoGNN(SMALL, epochs=4).fit(graph, seed=1, progress=False)
    assert not np.array_equal(first.transform(graph), other.transform(graph))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_run_goes_on_bit_for_bit(tmp_path, weighting):
    graph, _ = block_graph()
    whole = ParetoGNN(SMALL, weighting=weighting, epochs=6, part=40).fit(graph, progress=False)
    part = whole
    for epochs in (2, 5, 6):
        part = ParetoGNN(SMALL, weighting=weighting, epochs=6, part=40)
        part.fit(graph, budget=Budget(epochs=epochs), resume=tmp_path / "run.safetensors", progress=False)
    assert_same_weights(whole, part)
    assert part.history == whole.history


def test_it_can_be_saved_and_applied_to_another_graph(tmp_path):
    method = fitted(epochs=3)
    method.save(tmp_path / "model.safetensors")
    loaded = ParetoGNN.load(tmp_path / "model.safetensors")
    assert loaded.config == method.config
    other, _ = block_graph(7, n=20)
    np.testing.assert_array_equal(loaded.transform(other), method.transform(other))
    narrow, _ = block_graph(features=5)
    with pytest.raises(BadInputError, match="5 features; learned from 12"):
        loaded.transform(narrow)


def test_a_large_graph_is_seen_in_parts():
    method = fitted(part=20, epochs=8)
    assert np.isfinite(method.history[-1]["loss"])
    assert method.transform(block_graph()[0]).shape == (60, 12)


def test_isolated_nodes_and_nodes_without_features_are_borne():
    graph, _ = block_graph()
    x = graph.x.copy()
    x[:4] = 0.0
    edges = graph.edge_index[:, (graph.edge_index > 2).all(0)]
    method = ParetoGNN(SMALL, epochs=5).fit(GraphData(x, np.ascontiguousarray(edges)), progress=False)
    assert np.isfinite(method.transform(graph)).all()


def test_what_cannot_be_learned_from_is_refused():
    graph, _ = block_graph()
    with pytest.raises(BadInputError, match="without edges"):
        ParetoGNN().fit(graph.with_edges(graph.edge_index[:, :0]), progress=False)
    with pytest.raises(BadInputError, match="all features are 0"):
        ParetoGNN().fit(GraphData(np.zeros_like(graph.x), graph.edge_index), progress=False)
    x = graph.x.copy()
    x[1, 2] = np.nan
    with pytest.raises(BadInputError, match="feature 2 of node 1 is nan"):
        ParetoGNN().fit(GraphData(x, graph.edge_index), progress=False)
    with pytest.raises(BadInputError, match="learns from GraphData, got list"):
        ParetoGNN().fit([], progress=False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="call fit or load"):
        ParetoGNN().transform(graph)


@pytest.mark.parametrize(
    "change",
    [{"tasks": ()}, {"tasks": ("recon", "recon")}, {"tasks": ("gm",)}, {"hidden": ()}, {"part": 1}, {"warm": 0}],
)
def test_wrong_settings_are_refused(change):
    with pytest.raises(BadInputError, match=r"name each of recon, link|got ParetoGNNConfig"):
        dataclasses.replace(SMALL, **change)
