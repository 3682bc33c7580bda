"""Weighted sums over the edges of a graph, and softmax over each node's incoming edges."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Edges:
    """Directed edges, sorted by where they lead.

    Attributes:
        source: (E,) int64: node that an edge comes from, of ``n_sources``.
        target: (E,) int64, rising: node that it leads to, of ``n_targets``.
    """

    source: Tensor
    target: Tensor
    n_sources: int
    n_targets: int

    @classmethod
    def of(cls, edge_index: Tensor, n_nodes: int, *, loops: bool) -> Edges:
        """Return the edges of ``edge_index`` (2, E); with ``loops`` one from each node to itself besides."""
        source, target = edge_index
        if loops:
            nodes = torch.arange(n_nodes, device=source.device)
            source, target = torch.cat((source, nodes)), torch.cat((target, nodes))
        order = torch.argsort(target * n_nodes + source)
        return cls(source[order], target[order], n_nodes, n_nodes)

    def to(self, targets: Tensor) -> Edges:
        """Return the edges that lead to ``targets`` (T,) int64, rising; targets are numbered anew from 0."""
        place = torch.full((self.n_targets,), -1, device=targets.device)
        place[targets] = torch.arange(len(targets), device=targets.device)
        new = place[self.target]
        kept = new >= 0
        return Edges(self.source[kept], new[kept], self.n_sources, len(targets))

    def subset(self, kept: Tensor) -> Edges:
        """Return the edges where ``kept`` (E,) bool holds."""
        return Edges(self.source[kept], self.target[kept], self.n_sources, self.n_targets)

    def sum(self, weight: Tensor, h: Tensor) -> Tensor:
        """Return ``out[t] = sum over edges e into t of weight[e] * h[source[e]]``, head by head.

        Shapes: weight (E, H), h (n_sources, H, D), out (n_targets, H, D).
        """
        out: Tensor = _EdgeSum.apply(weight, h, self)  # type: ignore[no-untyped-call]
        return out

    def matrix(self, weight: Tensor) -> Tensor:
        """Return the sparse CSR matrix (n_targets, n_sources) that holds ``weight`` (E,) of each edge."""
        return csr_matrix(_starts(self.target, self.n_targets), self.source, weight, self.n_sources)

    def softmax(self, score: Tensor) -> Tensor:
        """Return exp(score) (E, H) over its sum over the edges that lead to the same node."""
        index = self.target[:, None].expand_as(score)
        shape = (self.n_targets, score.shape[1])
        highest = torch.full(shape, -torch.inf, device=score.device).scatter_reduce(0, index, score.detach(), "amax")
        part = (score - highest[self.target]).exp()
        total = torch.zeros(shape, device=score.device).index_add(0, self.target, part)
        return part / total[self.target]


@functools.cache
def _announce() -> None:
    """Make torch say here, unheard, what it says once in a process: that its CSR support is new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.long), torch.tensor([]), (1, 1))


class _EdgeSum(torch.autograd.Function):
    """Sparse products forward and backward: no (E, H, D) array is ever made on the way forward."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, h: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(weight, h)
        ctx.edges = edges
        return _products(edges.target, edges.source, weight, h, edges.n_targets)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,) = grads
        weight, h = ctx.saved_tensors
        edges: Edges = ctx.edges
        grad = grad.contiguous()
        for_weight = (h[edges.source] * grad[edges.target]).sum(-1) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return for_weight, None, None
        order = torch.argsort(edges.source, stable=True)
        back = _products(edges.source[order], edges.target[order], weight[order], grad, edges.n_sources)
        return for_weight, back, None


def _products(rows: Tensor, columns: Tensor, weight: Tensor, h: Tensor, n_rows: int) -> Tensor:
    """Return the sparse (n_rows, n) matrix of each head times that head of ``h``; ``rows`` rise."""
    starts = _starts(rows, n_rows)
    heads = [csr_matrix(starts, columns, weight[:, i].contiguous(), len(h)) @ h[:, i] for i in range(h.shape[1])]
    return torch.stack(heads, 1)


def csr_matrix(starts: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    """Return the sparse matrix (R, width) whose row i holds the entries from ``starts[i]`` to ``starts[i + 1]``."""
    _announce()
    return torch.sparse_csr_tensor(starts, columns, values, (len(starts) - 1, width), check_invariants=False)


def _starts(rows: Tensor, n_rows: int) -> Tensor:
    """Return where each row begins (n_rows + 1,) among entries whose ``rows`` rise."""
    return F.pad(torch.bincount(rows, minlength=n_rows).cumsum(0), (1, 0))
