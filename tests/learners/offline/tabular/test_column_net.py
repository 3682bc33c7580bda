"""The network over columns and its losses against naive loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError
from selfcue.learners.offline.tabular import column_net
from selfcue.learners.offline.tabular.column_graph import ColumnGraph, Described
from selfcue.learners.offline.tabular.column_net import ColumnNet, distances, join_cross_entropy, join_triplets
from selfcue.learners.offline.tabular.column_text import columns_of
from selfcue.learners.offline.tabular.signals import SIGNALS
from tests.learners.offline.tabular.toy_lake import fleet_lake


def pairs(n=6, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.triu(rng.integers(0, 3, (n, n)), 1)
    joins, others = (torch.from_numpy((kind == k) | (kind == k).T) for k in (1, 2))
    return joins, others, torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(n, 4))), dim=1)


def test_distances_are_euclidean():
    z = pairs()[2].requires_grad_()
    torch.testing.assert_close(distances(z), torch.cdist(z, z), atol=1e-5, rtol=1e-4)
    distances(z).sum().backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_triplet_loss_takes_every_join_with_every_non_join(seed):
    joins, others, z = pairs(seed=seed)
    d = distances(z)
    total, count = 0.0, 0
    for a in range(len(z)):
        for p in range(len(z)):
            for n in range(len(z)):
                if joins[a, p] and others[a, n]:
                    total += max(0.0, float(d[a, p] - d[a, n]) + 0.5)
                    count += 1
    assert float(join_triplets(d, joins, others, margin=0.5)) == pytest.approx(total / count)


def test_the_cross_entropy_weighs_joins_as_much_as_non_joins():
    joined = torch.tensor([True, False, False, True, False, False, False])
    logits = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = 5 / 2
    terms = [
        -weight * math.log(1 / (1 + math.exp(-x))) if join else -math.log(1 - 1 / (1 + math.exp(-x)))
        for x, join in zip(logits.tolist(), joined.tolist(), strict=True)
    ]
    assert float(join_cross_entropy(logits, joined)) == pytest.approx(sum(terms) / len(terms))


def test_losses_without_pairs_say_so():
    joins, _, z = pairs()
    none = torch.zeros_like(joins)
    for others in (none, joins & none):
        with pytest.raises(BadInputError, match="two columns"):
            join_triplets(distances(z), joins, others, margin=0.5)
    for joined in (torch.zeros(4), torch.ones(4)):
        with pytest.raises(BadInputError, match="two columns"):
            join_cross_entropy(torch.zeros(4), joined.bool())


def graph_and_net(**settings):
    seen = Described.of(columns_of(fleet_lake()))
    graph = ColumnGraph.of(seen, SIGNALS, k=2, floor=0.0, threshold=0.0, device="cpu")
    torch.manual_seed(0)
    net = ColumnNet(graph.x.shape[1], n_types=len(SIGNALS), dim=5, **settings)
    net.scale_to(graph.x)
    return seen, graph, net


@torch.no_grad()
def test_a_layer_takes_the_mean_over_neighbours_of_each_type():
    _, graph, net = graph_and_net(layers=1, judged=False)
    (layer,) = net.layers
    x = ((graph.x - net.mean) / net.scale).clamp(-5, 5)
    rows = []
    for v in range(len(x)):
        h = x[v] @ layer.root + layer.bias
        for r in range(len(SIGNALS)):
            into = [
                int(u)
                for u, w, t in zip(*graph.edge_index, graph.edge_type, strict=True)
                if int(w) == v and int(t) == r
            ]
            if into:
                h = h + torch.stack([x[u] for u in into]).mean(0) @ layer.weight[r]
        rows.append(h / h.norm())
    torch.testing.assert_close(net.vectors(graph), torch.stack(rows), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("judged", [False, True])
def test_scores_are_symmetric_shares(monkeypatch, judged):
    _, graph, net = graph_and_net(layers=2, judged=judged)
    z = net.vectors(graph)
    a, b = torch.triu_indices(len(z), len(z), 1)
    monkeypatch.setattr(column_net, "PAIRS", 7)
    score = net.scores(z, a, b)
    torch.testing.assert_close(score, net.scores(z, b, a))
    assert 0.0 <= float(score.min()) <= float(score.max()) <= 1.0
    torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)))
    if judged:  # the network on both vectors one after the other, asked in both orders
        widen, out = net.judge
        both = (widen(torch.cat((z[u], z[v]))).relu() for u, v in ((0, 3), (3, 0)))
        torch.testing.assert_close(score[2], out(sum(both) / 2).sigmoid()[0])
    else:
        torch.testing.assert_close(score, 1 - torch.cdist(z, z)[a, b] / 2, atol=2e-3, rtol=0)


@torch.no_grad()
def test_without_layers_edges_play_no_part():
    _, graph, net = graph_and_net(layers=0, judged=False)
    bare = ColumnGraph(graph.x, graph.edge_index[:, :0], graph.edge_type[:0])
    torch.testing.assert_close(net.vectors(graph), net.vectors(bare))
    _, _, deep = graph_and_net(layers=2, judged=False)
    assert float((deep.vectors(graph) - deep.vectors(bare)).abs().max()) > 0.05


def test_edges_join_tables_never_columns_of_one():
    seen, graph, _ = graph_and_net(layers=1, judged=False)
    names = [column.table for column in seen.columns]
    assert graph.edge_index.shape[1] > 0
    assert not [1 for u, v in graph.edge_index.T.tolist() if names[u] == names[v]]
    strict = ColumnGraph.of(seen, ("jaccard",), k=2, floor=0.0, threshold=0.9, device="cpu")
    assert {int(t) for t in strict.edge_type} <= {0}
    for u, v in strict.edge_index.T.tolist():
        assert seen.signals[0, v, u] >= 0.9
