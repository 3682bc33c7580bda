from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.common.probes import Split, linear_probe
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.graphmae import GraphMAE, GraphMAEConfig
from tests.learners.offline.conftest import assert_same_weights, block_graph

SMALL = GraphMAEConfig(hidden=16, heads=2, epochs=30, lr=5e-3)


def fitted(**overrides):
    return GraphMAE(SMALL, **overrides).fit(block_graph()[0], progress=False)


def test_it_learns_and_its_vectors_tell_the_blocks_apart():
    graph, y = block_graph(n=120)
    method = GraphMAE(SMALL, epochs=60).fit(graph, progress=False)
    assert method.history[-1]["loss"] < 0.7 * method.history[0]["loss"]
    rows = np.arange(120)
    split = Split(rows[:15], rows[15:40], rows[40:])
    z = method.transform(graph)
    assert z.shape == (120, 16)
    assert linear_probe(z, y, split)["test"] > linear_probe(graph.x, y, split)["test"] + 0.1


@pytest.mark.parametrize(
    "change",
    [{"loss": "mse"}, {"mask_rate": 0.0}, {"remask": False}, {"decoder": "linear"}, {"drop_edge": 0.3}, {"layers": 1}],
)
def test_each_ingredient_can_be_taken_out_and_is_really_out(change):
    other = fitted(epochs=3, **change)
    full = fitted(epochs=3)
    assert np.isfinite(other.history[-1]["loss"])
    assert other.history[1]["loss"] != full.history[1]["loss"]


def test_one_seed_is_one_result_and_another_another():
    first, again = fitted(), fitted()
    assert_same_weights(first, again)
    other = GraphMAE(SMALL).fit(block_graph()[0], seed=1, progress=False)
    assert not np.array_equal(first.transform(block_graph()[0]), other.transform(block_graph()[0]))


def test_labels_play_no_part():
    graph, _ = block_graph()
    bare = GraphData(graph.x, graph.edge_index)
    assert_same_weights(fitted(), GraphMAE(SMALL).fit(bare, progress=False))


def test_it_can_be_saved_and_applied_to_another_graph(tmp_path):
    method = fitted()
    method.save(tmp_path / "model.safetensors")
    loaded = GraphMAE.load(tmp_path / "model.safetensors")
    assert loaded.config == method.config
    other, _ = block_graph(7, n=20)
    np.testing.assert_array_equal(loaded.transform(other), method.transform(other))
    narrow, _ = block_graph(features=5)
    with pytest.raises(BadInputError, match="5 features; learned from 12"):
        loaded.transform(narrow)


def test_what_cannot_be_learned_from_is_refused():
    graph, _ = block_graph()
    with pytest.raises(BadInputError, match="without edges"):
        GraphMAE().fit(graph.with_edges(graph.edge_index[:, :0]), progress=False)
    with pytest.raises(BadInputError, match="all features are 0"):
        GraphMAE().fit(GraphData(np.zeros_like(graph.x), graph.edge_index), progress=False)
    with pytest.raises(BadInputError, match="learns from GraphData, got int"):
        GraphMAE().fit(3, progress=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"heads": 3}, {"mask_rate": 1.0}, {"gamma": 0.5}, {"layers": 0}])
def test_wrong_settings_are_refused(change):
    with pytest.raises(BadInputError, match="got GraphMAEConfig"):
        dataclasses.replace(GraphMAEConfig(), **change)


def test_an_unknown_setting_names_the_known_ones():
    with pytest.raises(UsageError, match="settings: hidden, heads"):
        GraphMAE(hiden=3)


def test_nothing_is_applied_before_it_learned():
    with pytest.raises(UsageError, match="call fit or load"):
        GraphMAE().transform(block_graph()[0])


def test_isolated_nodes_and_nodes_without_features_are_borne():
    graph, _ = block_graph()
    x = graph.x.copy()
    x[:4] = 0.0
    edges = graph.edge_index[:, (graph.edge_index > 2).all(0)]
    method = GraphMAE(SMALL, epochs=5).fit(GraphData(x, np.ascontiguousarray(edges)), progress=False)
    assert np.isfinite(method.transform(graph)).all()
