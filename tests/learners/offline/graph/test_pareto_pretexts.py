"""The five tasks of ParetoGNN against naive loops, its encoder against PyTorch Geometric, and its views of a graph."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.gcn_encoder import GCNEncoder
from selfcue.learners.offline.graph.pareto_pretexts import (
    PRETEXTS,
    Decorrelation,
    Links,
    Neighbourhoods,
    Reconstruction,
    WholeGraph,
    Widths,
)
from selfcue.learners.offline.graph.views import Graph, View
from tests.learners.offline.conftest import block_graph

N, F_IN, WIDTHS = 24, 12, Widths(features=12, hidden=6, head=5)


@pytest.fixture
def small() -> tuple[Graph, GCNEncoder, np.random.Generator]:
    torch.manual_seed(0)
    data, _ = block_graph(n=N)
    encoder = GCNEncoder(F_IN, (7, 6))
    with torch.no_grad():
        for bias in encoder.biases:
            bias.normal_()
    return Graph.of(data), encoder, np.random.default_rng(0)


def dense(view: View) -> torch.Tensor:
    """Return the normalised adjacency of ``view`` (N, N) from its edges, one by one."""
    a = torch.zeros(len(view.x), len(view.x))
    for source, target in zip(view.edges.source.tolist(), view.edges.target.tolist(), strict=True):
        a[target, source] += 1.0
    degree = a.sum(1)
    return a / (degree[:, None] * degree[None]).sqrt()


def encoded(encoder: GCNEncoder, x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    h = x
    for i in range(len(encoder.weights)):
        h = F.prelu(encoder.norms[i](a @ h @ encoder.weights[i] + encoder.biases[i]), encoder.slopes[i])
    return h


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a @ b / (a.norm() * b.norm())).detach())


def test_the_encoder_is_pyg_s_convolutions(small):
    graph, encoder, _ = small
    nn = pytest.importorskip("torch_geometric.nn")
    both = torch.cat((graph.pairs, graph.pairs.flip(0)), 1)
    h = graph.x.dense()
    for i, weight in enumerate(encoder.weights):
        conv = nn.GCNConv(*weight.shape)
        with torch.no_grad():
            conv.lin.weight.copy_(weight.t())
            conv.bias.copy_(encoder.biases[i])
        h = F.prelu(encoder.norms[i](conv(h, both)), encoder.slopes[i])
    torch.testing.assert_close(encoder(graph.whole), h, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoded(encoder, graph.x.dense(), dense(graph.whole)), h, rtol=1e-4, atol=1e-5)


def test_reconstruction_follows_its_formula(small):
    graph, encoder, rng = small
    task = Reconstruction(WIDTHS)
    with torch.no_grad():
        task.token.normal_()
    view, hidden, kept = drawn = task.sample(graph, rng)
    assert sorted([*hidden.tolist(), *kept.tolist()]) == list(range(N))
    assert len(hidden) == N // 2
    x = graph.x.dense()
    shown = x.clone()
    shown[hidden] = task.token.detach()
    code = task.to_decoder(encoded(encoder, shown, dense(view)))
    code = code.detach().clone()
    code[hidden] = 0.0
    rebuilt = task.decoder(dense(view) @ code)
    naive = sum((1 - cosine(rebuilt[i], x[i])) ** 3 for i in hidden.tolist()) / len(hidden)
    assert float(task.loss(encoder, graph, drawn).detach()) == pytest.approx(naive, rel=1e-4)


def test_links_follow_their_formula(small):
    graph, encoder, rng = small
    task = Links(WIDTHS)
    task.drop_features = 0.0
    joined, apart = drawn = task.sample(graph, rng)
    assert {tuple(p) for p in joined.t().tolist()} == {tuple(p) for p in graph.pairs.t().tolist()}
    assert joined.shape == apart.shape
    h = F.normalize(encoded(encoder, graph.x.dense(), dense(graph.whole)), dim=1)
    total = 0.0
    for pairs, sign in ((joined, 1.0), (apart, -1.0)):
        for u, v in pairs.t().tolist():
            score = float(task.score(torch.relu(task.hidden(h[u])) * torch.relu(task.hidden(h[v]))).detach())
            total -= math.log(1 / (1 + math.exp(-sign * score)))
    assert float(task.loss(encoder, graph, drawn).detach()) == pytest.approx(total / (2 * joined.shape[1]), rel=1e-4)


def test_whole_graph_is_pyg_s_deep_graph_infomax(small):
    graph, encoder, rng = small
    nn = pytest.importorskip("torch_geometric.nn")
    task = WholeGraph(WIDTHS)
    shuffled = task.sample(graph, rng)
    theirs = nn.DeepGraphInfomax(6, encoder, lambda z: torch.sigmoid(z.mean(0)), lambda x: x)
    with torch.no_grad():
        theirs.weight.copy_(task.bilinear)
    a, x = dense(graph.whole), graph.x.dense()
    true, false = encoded(encoder, x, a), encoded(encoder, x[shuffled], a)
    expected = theirs.loss(true, false, torch.sigmoid(true.mean(0)))
    assert float(task.loss(encoder, graph, shuffled).detach()) == pytest.approx(float(expected.detach()), rel=1e-4)


def test_neighbourhoods_follow_their_formula(small):
    graph, encoder, rng = small
    task = Neighbourhoods(WIDTHS)
    task.nodes = 9
    first, second, nodes = drawn = task.sample(graph, rng)
    assert len(set(nodes.tolist())) == 9
    z, v = (task.projector(encoded(encoder, w.x.dense(), dense(w)))[nodes].detach() for w in (first, second))
    total = 0.0
    for a, b in ((z, v), (v, z)):
        for i in range(9):
            within = sum(math.exp(cosine(a[i], a[j]) / 0.1) for j in range(9) if j != i)
            between = [math.exp(cosine(a[i], b[j]) / 0.1) for j in range(9)]
            total -= math.log(between[i] / (within + sum(between)))
    assert float(task.loss(encoder, graph, drawn).detach()) == pytest.approx(total / 18, rel=1e-3)


def test_decorrelation_follows_its_formula(small):
    graph, encoder, rng = small
    task = Decorrelation(WIDTHS)
    drawn = task.sample(graph, rng)
    z, v = (encoded(encoder, w.x.dense(), dense(w)).detach().double().numpy() for w in drawn)
    z, v = ((h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5) for h in (z, v))

    def apart(h: np.ndarray) -> float:
        return math.sqrt(sum(((i == j) - float(h[:, i] @ h[:, j]) / N) ** 2 for i in range(6) for j in range(6)))

    naive = math.sqrt((((z - v) / N) ** 2).sum()) + 1e-3 * (apart(z) + apart(v))
    assert float(task.loss(encoder, graph, drawn).detach()) == pytest.approx(naive, rel=1e-4)


@pytest.mark.parametrize("name", PRETEXTS)
def test_each_task_moves_the_encoder_and_all_that_is_its_own(small, name):
    graph, encoder, rng = small
    task = PRETEXTS[name](WIDTHS)
    task.loss(encoder, graph, task.sample(graph, rng)).backward()
    for parameter in (*encoder.parameters(), *task.parameters()):
        assert parameter.grad is not None
        assert bool(parameter.grad.abs().sum() > 0)


def test_views_leave_out_what_they_say(small):
    graph, _, rng = small
    edges = {tuple(p) for p in graph.pairs.t().tolist()}
    view = graph.corrupted(0.4, 0.4, rng)
    seen = {(s, t) for s, t in zip(view.edges.source.tolist(), view.edges.target.tolist(), strict=True)}
    between = {(s, t) for s, t in seen if s != t}
    assert {(t, s) for s, t in between} == between
    assert len(seen) - len(between) == N
    assert {(s, t) for s, t in between if s < t} < edges
    assert 0.4 < len(between) / 2 / len(edges) < 0.8
    empty = (view.x.dense().abs().sum(0) == 0) & (graph.x.dense().abs().sum(0) > 0)
    assert 1 <= int(empty.sum()) <= 9
    kept = ~empty
    torch.testing.assert_close(view.x.dense()[:, kept], graph.x.dense()[:, kept])


def test_a_part_of_a_graph_is_what_lies_around_some_nodes():
    data, _ = block_graph(n=90)
    graph = Graph.of(data)
    part = graph.part(40, np.random.default_rng(0))
    assert len(part) == 40
    rows = part.x.dense()
    where = [int(i) for row in rows for i in torch.nonzero((graph.x.dense() == row).all(1))[:1]]
    assert len(where) == 40
    assert part.pairs.shape[1] > 1.5 * graph.pairs.shape[1] * (40 / 90) ** 2 * 0.6
    assert graph.part(90, np.random.default_rng(0)) is graph
    # Every edge among the chosen nodes is there: two cliques of which one is chosen whole.
    clique = [(i, j) for i in range(4) for j in range(i)]
    two = GraphData.of(np.eye(8), np.array([*clique, *((i + 4, j + 4) for i, j in clique)]).T)
    piece = Graph.of(two).part(4, np.random.default_rng(1))
    assert len(piece) == 4
    chosen = piece.x.dense().argmax(1)
    if len({int(i) // 4 for i in chosen}) == 1:
        assert piece.pairs.shape[1] == 6
