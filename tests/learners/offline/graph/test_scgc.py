from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.common.clustering import cluster_scores
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph import scgc as scgc_module
from selfcue.learners.offline.graph.adjacency import influence, symmetric, with_noise
from selfcue.learners.offline.graph.scgc import SCGC, ClusterNet, SCGCConfig, sharpened
from tests.learners.offline.conftest import assert_same_weights, block_graph

SMALL = SCGCConfig(
    hidden=(16,), n_z=4, pretrain=5, pretrain_batch=16, cluster_epochs=40, lr=5e-3, order=2, sharpness=1.0
)


def accuracy(graph, y, seed, **settings):
    return cluster_scores(SCGC(SMALL, **settings).fit(graph, seed=seed, progress=False).predict(graph), y)["acc"]


@pytest.mark.parametrize("variant", ["star", "plain"])
def test_the_graph_helps_to_find_the_blocks(variant):
    graph, y = block_graph(n=90)
    found = np.mean([accuracy(graph, y, seed, variant=variant) for seed in range(3)])
    blind = np.mean([accuracy(graph, y, seed, variant=variant, alpha=0.0) for seed in range(3)])
    assert found > 0.65
    assert found > blind + 0.08


def test_what_it_gives_is_what_it_says():
    graph, _ = block_graph()
    plain = SCGC(SMALL, variant="plain").fit(graph, progress=False)
    np.testing.assert_allclose(plain.predict_proba(graph).sum(1), 1.0, rtol=1e-5)
    assert set(plain.history[0]) == {"loss"}  # the autoencoder comes first
    assert set(plain.history[-1]) == {"loss", "clustering", "contrast", "rebuilding"}
    assert "rebuilding" not in SCGC(SMALL).fit(graph, progress=False).history[-1]


def test_a_new_node_needs_no_edges(tmp_path):
    graph, _ = block_graph()
    method = SCGC(SMALL).fit(graph, progress=False)
    method.save(tmp_path / "m.safetensors")
    alone = GraphData(graph.x[:1], np.zeros((2, 0), dtype=np.int64))
    assert SCGC.load(tmp_path / "m.safetensors").predict(alone) == method.predict(graph)[:1]


def test_a_run_goes_on_across_the_two_phases(tmp_path):
    graph, _ = block_graph()
    whole = SCGC(SMALL, cluster_epochs=4).fit(graph, progress=False)
    part = SCGC(SMALL, cluster_epochs=4)
    for epochs in (3, 5, 7, 99):
        part = SCGC(SMALL, cluster_epochs=4)
        part.fit(graph, budget=Budget(epochs=epochs), resume=tmp_path / "run.safetensors", progress=False)
    assert_same_weights(whole, part)


def test_mostly_empty_features_are_learned_from_as_dense_ones_are(monkeypatch):
    graph, _ = block_graph(features=12)
    x = np.concatenate((graph.x, np.zeros((60, 100), dtype=np.float32)), axis=1)  # a tenth is not 0: sparse products
    wide = GraphData(x, graph.edge_index)
    settings = dataclasses.replace(SMALL, variant="plain", cluster_epochs=3, pretrain=2)
    sparse = SCGC(settings).fit(wide, progress=False)
    monkeypatch.setattr(scgc_module, "_SPARSE", 0.0)
    dense = SCGC(settings).fit(wide, progress=False)
    np.testing.assert_allclose(sparse.transform(wide), dense.transform(wide), rtol=1e-3, atol=1e-4)
    assert [set(a) for a in sparse.history] == [set(b) for b in dense.history]
    for a, b in zip(sparse.history, dense.history, strict=True):
        assert list(a.values()) == pytest.approx(list(b.values()), rel=1e-3, abs=1e-6)


def test_large_graphs_are_clustered_in_parts():
    graph, _ = block_graph()
    method = SCGC(SMALL, batch=20, cluster_epochs=3).fit(graph, progress=False)
    assert np.isfinite(method.history[-1]["loss"])


def test_without_edges_it_joins_neighbours_or_says_so():
    graph, y = block_graph(n=90, features=30)
    bare = graph.with_edges(graph.edge_index[:, :0])
    with pytest.raises(BadInputError, match="neighbours=5"):
        SCGC(SMALL).fit(bare, progress=False)
    method = SCGC(SMALL, neighbours=5).fit(bare, progress=False)
    assert cluster_scores(method.predict(bare), y)["nmi"] > 0.3


def test_assignment_and_target_follow_their_formulas():
    net = ClusterNet(dataclasses.replace(SMALL, n_clusters=3), 2)
    torch.manual_seed(0)
    with torch.no_grad():
        net.centres.normal_()
    z = torch.randn(5, 4)
    q = net.assignment(z).detach()
    p = sharpened(q)
    for i in range(5):
        near = [1 / (1 + float((z[i] - net.centres[k].detach()).square().sum())) for k in range(3)]
        assert q[i].tolist() == pytest.approx([value / sum(near) for value in near], rel=1e-5)
        share = [float(q[i, k]) ** 2 / float(q[:, k].sum()) for k in range(3)]
        assert p[i].tolist() == pytest.approx([value / sum(share) for value in share], rel=1e-5)


def test_influence_reaches_as_far_as_it_should():
    path = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
    plain = influence(path, 5, 2, summed=False).to_dense()
    summed = influence(path, 5, 2, summed=True).to_dense()
    a = np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-1)
    a /= a.sum(1, keepdims=True)
    np.testing.assert_allclose(plain.numpy(), a @ a, rtol=1e-5)
    np.testing.assert_allclose(summed.numpy(), (a + a @ a) / 2, rtol=1e-5)
    assert float(plain[0, 3]) == 0.0


def test_the_symmetric_adjacency_is_kipf_s():
    edges = np.array([[0, 1, 1, 2], [1, 0, 2, 1]])
    a = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1.0]])
    d = np.diag(a.sum(1) ** -0.5)
    np.testing.assert_allclose(symmetric(edges, 3).to_dense().numpy(), d @ a @ d, rtol=1e-5)


def test_noise_adds_edges_and_takes_none():
    graph, _ = block_graph()
    noisy = with_noise(graph.edge_index, 60, 0.5, np.random.default_rng(0))
    before, after = ({tuple(e) for e in edges.T} for edges in (graph.edge_index, noisy))
    assert before < after
    assert {(b, a) for a, b in after} == after
    assert 1.2 < len(after) / len(before) <= 1.5


@pytest.mark.parametrize("change", [{"n_clusters": 1}, {"order": 0}, {"hidden": ()}, {"batch": 1}])
def test_wrong_settings_are_refused(change):
    with pytest.raises(BadInputError, match="SCGCConfig"):
        dataclasses.replace(SMALL, **change)


def test_too_few_nodes_are_refused():
    graph, _ = block_graph()
    with pytest.raises(BadInputError, match="70 clusters of 60 nodes"):
        SCGC(n_clusters=70).fit(graph, progress=False)
