from __future__ import annotations

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph import pretexts
from selfcue.learners.offline.graph.label_correction import corrected_labels, densest
from selfcue.learners.offline.graph.label_guesses import (
    context_distribution,
    iterative_classification,
    label_propagation,
    surroundings,
)
from selfcue.learners.offline.graph.selftask_gnn import TASKS, SelfTaskConfig, SelfTaskGNN
from tests.learners.offline.conftest import assert_same_weights, block_graph, weights_of

SMALL = SelfTaskConfig(hidden=8, epochs=15, sampled=30, weight=1.0)


def few(labels: int = 2) -> tuple[GraphData, np.ndarray]:
    """Return the blocks with so many training labels a block, and as many again to validate."""
    graph, y = block_graph(n=90)
    return graph.with_labels(y, np.arange(3 * labels), np.arange(3 * labels, 6 * labels)), y


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_learned_beside_the_classes(task):
    graph, y = few(4)
    method = SelfTaskGNN(SMALL, task=task, epochs=40, hidden=16, dropout=0.3).fit(graph, progress=False)
    rest = np.arange(24, 90)
    assert (method.predict(graph) == y)[rest].mean() > 0.55  # a third by chance
    np.testing.assert_allclose(method.predict_proba(graph).sum(1), 1.0, rtol=1e-5)
    assert method.transform(graph).shape == (90, 16)
    assert ("task" in method.history[0]) == (task != "none")


@pytest.mark.parametrize("task", ["corrected_label", "distance_to_labelled", "attribute_mask"])
def test_labels_outside_of_training_and_validation_change_nothing(task):
    graph, y = few()
    assert graph.y is not None
    corrupt = graph.y.copy()
    corrupt[12:] = (y[12:] + 1) % 3  # labels of nodes in no mask
    other = GraphData(graph.x, graph.edge_index, corrupt, graph.train_mask, graph.val_mask)
    first, second = (SelfTaskGNN(SMALL, task=task, epochs=3).fit(g, progress=False) for g in (graph, other))
    assert_same_weights(first, second)
    np.testing.assert_array_equal(label_propagation(graph), label_propagation(other))
    np.testing.assert_array_equal(iterative_classification(graph), iterative_classification(other))


def test_guesses_spread_along_edges_and_beat_chance():
    graph, y = few()
    for guess in (label_propagation(graph), iterative_classification(graph)):
        np.testing.assert_allclose(guess.sum(1), 1.0, rtol=1e-5)
        assert (guess.argmax(1) == y).mean() > 0.6
        assert (guess.argmax(1) == y)[:6].all()
    lonely = graph.with_edges(graph.edge_index[:, :0])
    np.testing.assert_allclose(label_propagation(lonely)[50], 1 / 3, rtol=1e-5)


def test_the_context_is_the_mean_of_what_is_one_or_two_edges_away():
    path = GraphData.of(np.ones((5, 1)), [[0, 1, 2, 3], [1, 2, 3, 4]])
    around = surroundings(path)
    assert [np.flatnonzero(row).tolist() for row in around.toarray()] == [
        [1, 2],
        [0, 2, 3],
        [0, 1, 3, 4],
        [1, 2, 4],
        [2, 3],
    ]
    guess = np.eye(5, dtype=np.float32)
    np.testing.assert_allclose(context_distribution(around, guess)[2], [0.25, 0.25, 0, 0.25, 0.25])


def test_distances_are_counted_in_edges():
    path = GraphData.of(np.ones((7, 1)), [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    found = np.minimum(pretexts.hops(path, np.array([0, 3])), pretexts.FARTHEST)
    assert found.tolist() == [[0, 1, 2, 3, 4, 4, 4], [3, 2, 1, 0, 1, 2, 4]]


def test_hidden_edges_and_features_are_really_hidden():
    graph, _ = few()
    rng = np.random.default_rng(0)
    targets = pretexts.edge_mask(graph, rng)
    assert targets.edges is not None
    assert 0.8 < targets.edges.shape[1] / graph.edge_index.shape[1] < 0.97
    assert {tuple(e) for e in targets.edges.T} < {tuple(e) for e in graph.edge_index.T}
    blank = pretexts.attribute_mask(graph, rng).blank
    prepared = SelfTaskGNN(SMALL, task="attribute_mask").prepare(graph, "cpu", np.random.default_rng(0))
    assert len(blank) == 8
    assert graph.train_mask is not None
    assert not graph.train_mask[blank].any()
    assert int((prepared.shown.dense().sum(1) == 0).sum()) >= 8


def test_prototypes_are_the_dense_places():
    torch.manual_seed(0)
    crowd = torch.nn.functional.normalize(torch.tensor([1.0, 0.0, 0.0]) + 0.25 * torch.randn(40, 3), dim=1)
    strays = torch.nn.functional.normalize(torch.tensor([0.0, 0.0, -1.0]) + 0.25 * torch.randn(5, 3), dim=1)
    first = int(densest(torch.cat((crowd, strays)))[0])
    assert first < 40
    assert len(densest(crowd[:3])) == 3


def test_correction_mends_wrong_guesses():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 40)
    h = torch.from_numpy((np.eye(3)[truth] + 0.15 * rng.normal(size=(120, 3))).astype(np.float32))
    wrong = truth.copy()
    wrong[::5] = (truth[::5] + 1) % 3
    assert (corrected_labels(h, wrong, rng).numpy() == truth).mean() > 0.97


def test_a_run_goes_on_bit_for_bit_and_a_model_is_kept(tmp_path):
    graph, _ = few()
    whole = SelfTaskGNN(SMALL, epochs=4).fit(graph, progress=False)
    SelfTaskGNN(SMALL, epochs=4).fit(graph, budget=Budget(epochs=2), resume=tmp_path / "r.safetensors", progress=False)
    again = SelfTaskGNN(SMALL, epochs=4).fit(graph, resume=tmp_path / "r.safetensors", progress=False)
    assert_same_weights(whole, again)
    whole.save(tmp_path / "m.safetensors")
    loaded = SelfTaskGNN.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(graph), whole.predict_proba(graph))


def test_two_stages_learn_the_task_first_and_the_classes_then():
    graph, y = few(4)
    method = SelfTaskGNN(SMALL, task="distance_to_labelled", pretrain=5, epochs=40, dropout=0.3).fit(
        graph, progress=False
    )
    assert len(method.history) == 45
    assert ["validation" in epoch for epoch in method.history] == [False] * 5 + [True] * 40
    assert not any("task" in epoch for epoch in method.history)
    assert (method.predict(graph) == y)[24:].mean() > 0.55
    # The first stage never sees the head of the classes, the second never that of the task.
    first, again = (
        SelfTaskGNN(SMALL, task="distance_to_labelled", pretrain=5, epochs=epochs).fit(graph, progress=False)
        for epochs in (0, 3)
    )
    fresh = SelfTaskGNN(SMALL, task="distance_to_labelled", epochs=0).fit(graph, progress=False)
    before, between, after = (weights_of(method) for method in (fresh, first, again))
    np.testing.assert_array_equal(between["gcn.w2"], before["gcn.w2"])
    assert not np.array_equal(between["gcn.w1"], before["gcn.w1"])
    np.testing.assert_array_equal(after["head.weight"], between["head.weight"])
    assert not np.array_equal(after["gcn.w2"], between["gcn.w2"])


def test_a_run_goes_on_across_the_two_stages(tmp_path):
    graph, _ = few()
    whole = SelfTaskGNN(SMALL, pretrain=3, epochs=4).fit(graph, progress=False)
    part = SelfTaskGNN(SMALL, pretrain=3, epochs=4)
    for epochs in (2, 3, 4, 99):
        part = SelfTaskGNN(SMALL, pretrain=3, epochs=4)
        part.fit(graph, budget=Budget(epochs=epochs), resume=tmp_path / "r.safetensors", progress=False)
    assert_same_weights(whole, part)


def test_patience_ends_a_run_that_gets_no_better(tmp_path):
    graph, _ = few()
    path = tmp_path / "r.safetensors"
    method = SelfTaskGNN(SMALL, epochs=200, patience=5).fit(graph, resume=path, progress=False)
    scores = [epoch["validation"] for epoch in method.history]
    assert 5 < len(scores) < 200
    assert scores.index(max(scores)) == len(scores) - 6
    again = SelfTaskGNN(SMALL, epochs=200, patience=5).fit(graph, resume=path, progress=False)
    assert again.history == method.history
    two = SelfTaskGNN(SMALL, patience=2)
    for said, ends in (([0.1, 0.3, 0.3, 0.2], True), ([0.3, 0.1, 0.31], False), ([0.3, 0.2], False), ([], False)):
        two.history = [{"loss": 1.0}, *({"loss": 1.0, "validation": score} for score in said)]
        assert two.enough() == ends
    assert_same_weights(method, again)


def test_what_cannot_be_learned_from_is_refused():
    graph, y = few()
    bare = GraphData(graph.x, graph.edge_index)
    with pytest.raises(BadInputError, match="needs training labels"):
        SelfTaskGNN(SMALL).fit(bare, progress=False)
    one = graph.with_labels(np.zeros_like(y), np.arange(5), np.arange(5, 9))
    with pytest.raises(BadInputError, match="two classes"):
        SelfTaskGNN(SMALL).fit(one, progress=False)
    with pytest.raises(BadInputError, match="task='none'"):
        SelfTaskGNN(SMALL).fit(graph.with_edges(graph.edge_index[:, :0]), progress=False)
    for wrong in ({"dropout": 1.0}, {"patience": -1}, {"task": "none", "pretrain": 3}):
        with pytest.raises(BadInputError, match="SelfTaskConfig"):
            SelfTaskConfig(**wrong)
