"""Attention and sparse products against PyTorch Geometric and dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from selfcue.learners.offline.common.edges import Edges
from selfcue.learners.offline.common.reconstruction import scaled_cosine_error
from selfcue.learners.offline.graph.gat import GATLayer, NarrowGATLayer
from selfcue.learners.offline.graph.graphmae import sparse_cosine
from selfcue.learners.offline.graph.sparse_rows import SparseRows, squared_error

N, F_IN = 30, 17


@pytest.fixture
def graph() -> tuple[torch.Tensor, torch.Tensor, Edges]:
    """Sparse features, edges as PyG takes them, and ours with self loops. Node 0 has no edge."""
    torch.manual_seed(0)
    x = (torch.rand(N, F_IN) < 0.3) * torch.rand(N, F_IN)
    pairs = torch.randint(1, N, (2, 80))
    pairs = torch.unique(pairs[:, pairs[0] != pairs[1]], dim=1)
    return x, pairs, Edges.of(pairs, N, loops=True)


def copied(layer: GATLayer | NarrowGATLayer, heads: int, width: int) -> Any:
    conv = pytest.importorskip("torch_geometric.nn").GATConv(layer.weight.shape[0], width, heads)
    with torch.no_grad():
        layer.bias.normal_()
        conv.lin.weight.copy_(layer.weight.t())
        conv.att_src.copy_(layer.a_source.view(1, heads, width))
        conv.att_dst.copy_(layer.a_target.view(1, heads, width))
        conv.bias.copy_(layer.bias)
    return conv


def assert_equal_gradients(layer: GATLayer | NarrowGATLayer, conv: Any) -> None:
    for ours, theirs in (
        (layer.weight, conv.lin.weight), (layer.a_source, conv.att_src), (layer.a_target, conv.att_dst),
        (layer.bias, conv.bias),
    ):  # fmt: skip
        theirs_grad = theirs.grad.t() if theirs.ndim == 2 else theirs.grad.view(ours.shape)
        torch.testing.assert_close(ours.grad, theirs_grad, rtol=1e-4, atol=1e-5)


def test_attention_is_pyg_s_with_its_gradients(graph):
    x, pairs, edges = graph
    layer = GATLayer(F_IN, 5, 3)
    conv = copied(layer, 3, 5)
    ours, theirs = layer(SparseRows.of(x.numpy()), edges), conv(x, pairs)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer(x, edges), theirs, rtol=1e-4, atol=1e-5)
    push = torch.randn_like(theirs)
    ours.backward(push)
    theirs.backward(push)
    assert_equal_gradients(layer, conv)


def test_gathering_before_projecting_changes_nothing(graph):
    _, pairs, edges = graph
    layer = NarrowGATLayer(6, 11)
    conv = copied(layer, 1, 11)
    h = torch.randn(N, 6, requires_grad=True)
    again = h.detach().clone().requires_grad_()
    targets = torch.tensor([0, 4, 5, 20, 29])
    ours, theirs = layer.project(layer.gather(h, edges, targets)), conv(again, pairs)[targets]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    push = torch.randn_like(theirs)
    ours.backward(push)
    theirs.backward(push)
    assert_equal_gradients(layer, conv)
    torch.testing.assert_close(h.grad, again.grad, rtol=1e-4, atol=1e-5)


def test_the_edge_sum_has_the_right_gradients(graph):
    _, _, edges = graph
    weight = torch.rand(len(edges.source), 2, dtype=torch.float64, requires_grad=True)
    h = torch.rand(N, 2, 3, dtype=torch.float64, requires_grad=True)
    some = edges.to(torch.tensor([2, 3, 7]))
    kept = weight.detach()[: len(some.source)].requires_grad_()
    assert torch.autograd.gradcheck(some.sum, (kept, h))
    assert edges.sum(weight, h).shape == (N, 2, 3)


def test_sparse_rows_are_the_dense_ones(graph):
    x, _, _ = graph
    rows = SparseRows.of(x.numpy())
    picked = torch.tensor([3, 3, 0, 29])
    weight = torch.randn(F_IN, 4)
    torch.testing.assert_close(rows.dense(), x)
    torch.testing.assert_close(rows.select(picked).dense(), x[picked])
    torch.testing.assert_close(rows.select(picked).times(weight), x[picked] @ weight)
    torch.testing.assert_close(rows.unit().dense(), F.normalize(x, dim=1))
    kept = torch.arange(F_IN) % 3 > 0
    torch.testing.assert_close(rows.columns_of(kept).dense(), x * kept)
    dropped = rows.dropout(0.5).dense()
    torch.testing.assert_close(dropped[dropped != 0], 2 * x[dropped != 0])
    assert 0 < int((dropped != 0).sum()) < int((x != 0).sum())


@pytest.mark.parametrize("rows", [None, [3, 0, 3, 29]])
def test_sparse_products_have_the_dense_gradient(graph, rows):
    x, _, _ = graph
    sparse = SparseRows.of(x.numpy()).columns_of(torch.arange(F_IN) != 2).dropout(0.5)
    if rows is not None:
        sparse = sparse.select(torch.tensor(rows))
    dense = sparse.dense()
    weight = torch.randn(F_IN, 4, requires_grad=True)
    push = torch.randn(len(sparse), 4)
    found = torch.autograd.grad(sparse.times(weight), weight, push)[0]
    torch.testing.assert_close(found, torch.autograd.grad(dense @ weight, weight, push)[0])


def test_the_sparse_squared_error_is_the_dense_one(graph):
    x, _, _ = graph
    layer, h = torch.nn.Linear(6, F_IN), torch.randn(N, 6, requires_grad=True)
    ours = squared_error(h, layer, SparseRows.of(x.numpy()))
    naive = F.mse_loss(layer(h), x)
    assert float(ours.detach()) == pytest.approx(float(naive.detach()), rel=1e-5)
    for found, expected in zip(*(torch.autograd.grad(e, (h, *layer.parameters())) for e in (ours, naive)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_the_sparse_cosine_is_the_scaled_cosine_error_of_the_whole_reconstruction(graph):
    x, _, _ = graph
    x[4] = 0.0
    h, weight, bias = torch.randn(N, 6), torch.randn(6, F_IN, requires_grad=True), torch.randn(F_IN, requires_grad=True)
    cosine = sparse_cosine(h, weight, bias, SparseRows.of(x.numpy()).unit())
    ours = (1 - cosine).pow(3).mean()
    ours.backward()
    assert weight.grad is not None
    assert bias.grad is not None
    found = weight.grad.clone(), bias.grad.clone()
    weight.grad = bias.grad = None
    naive = scaled_cosine_error(h @ weight + bias, x, gamma=3.0)
    naive.backward()
    assert float(ours.detach()) == pytest.approx(float(naive.detach()), rel=1e-5)
    torch.testing.assert_close(found, (weight.grad, bias.grad), rtol=1e-4, atol=1e-6)


def test_softmax_over_incoming_edges_sums_to_one_even_for_large_scores(graph):
    _, _, edges = graph
    weight = edges.softmax(torch.randn(len(edges.source), 2) * 300)
    total = torch.zeros(N, 2).index_add(0, edges.target, weight)
    np.testing.assert_allclose(total.numpy(), 1.0, rtol=1e-5)
