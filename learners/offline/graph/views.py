"""A graph as convolutions take it, and looks at it with edges, features or nodes left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfcue.learners.offline.common.edges import Edges
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.sparse_rows import SparseRows

_SEEDS = 8
"""A part of a graph grows from one in so many of its nodes."""


@dataclass(frozen=True, eq=False)
class View:
    """Nodes with features, and edges with self loops.

    Attributes:
        x: (N, F).
        edges: both directions of each edge, and one from each node to itself.
        matrix: ``D^-1/2 (A + I) D^-1/2`` (N, N), sparse; symmetric (Kipf and Welling, ICLR 2017, eq. 2).
    """

    x: SparseRows
    edges: Edges
    matrix: Tensor

    @classmethod
    def of(cls, x: SparseRows, edges: Edges) -> View:
        """Return the view with ``edges``: both directions of each, and all self loops."""
        scale = torch.bincount(edges.target, minlength=len(x)).to(x.values.dtype).rsqrt()
        return cls(x, edges, edges.matrix(scale[edges.source] * scale[edges.target]))

    def mix(self, h: Tensor) -> Tensor:
        """Return the product of ``matrix`` and ``h``: (N, D)."""
        out: Tensor = _Symmetric.apply(h, self.matrix)  # type: ignore[no-untyped-call]
        return out


class _Symmetric(torch.autograd.Function):
    """A sparse product whose matrix is its own transpose: torch would transpose it again in every step."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, matrix: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ h

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.matrix @ grads[0].contiguous(), None


@dataclass(frozen=True, eq=False)
class Graph:
    """What views are made of.

    Attributes:
        x: features (N, F). unit: the same, rows scaled to length 1.
        pairs: (2, P) int64: each undirected edge once.
        pair_of: (E,) which of ``pairs`` each edge of ``whole`` is; P for self loops.
        whole: the view with everything.
    """

    x: SparseRows
    unit: SparseRows
    pairs: Tensor
    pair_of: Tensor
    whole: View

    @classmethod
    def of(cls, data: GraphData, device: str = "cpu") -> Graph:
        """Return ``data`` on ``device``."""
        x = SparseRows.of(data.x, device)
        once = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
        return cls.joined(x, x.unit(), torch.from_numpy(np.ascontiguousarray(once)).to(device))

    @classmethod
    def joined(cls, x: SparseRows, unit: SparseRows, pairs: Tensor) -> Graph:
        """Return the graph of ``x`` with the undirected edges ``pairs``, each once, smaller node first."""
        n = len(x)
        edges = Edges.of(torch.cat((pairs, pairs.flip(0)), 1), n, loops=True)
        codes, order = torch.sort(pairs[0] * n + pairs[1])
        mine = torch.minimum(edges.source, edges.target) * n + torch.maximum(edges.source, edges.target)
        place = torch.searchsorted(codes, mine).clamp_max(max(len(codes) - 1, 0))
        loop = torch.full_like(mine, len(codes))
        pair_of = torch.where(edges.source == edges.target, loop, order[place]) if len(codes) else loop
        return cls(x, unit, pairs, pair_of, View.of(x, edges))

    def __len__(self) -> int:
        return len(self.x)

    def thinned(self, share: float, rng: np.random.Generator) -> View:
        """Return the graph without the ``share`` of its edges that ``rng`` draws."""
        stay = np.append(rng.random(self.pairs.shape[1]) >= share, True)  # self loops stay
        return View.of(self.x, self.whole.edges.subset(torch.from_numpy(stay).to(self.pairs.device)[self.pair_of]))

    def corrupted(self, edges: float, features: float, rng: np.random.Generator) -> View:
        """Return the graph without a share of its ``edges``, and a share of the columns of ``features`` zeroed."""
        view = self.thinned(edges, rng)
        stay = torch.from_numpy(rng.random(self.x.width) >= features).to(self.pairs.device)
        return replace(view, x=self.x.columns_of(stay))

    def part(self, size: int, rng: np.random.Generator) -> Graph:
        """Return at most ``size`` nodes and the edges among them: what lies around nodes that ``rng`` draws."""
        n = len(self)
        if n <= size:
            return self
        order, pairs = rng.permutation(n), self.pairs.cpu().numpy()
        inside = np.zeros(n, dtype=np.bool_)
        inside[order[: max(1, size // _SEEDS)]] = True
        while (room := size - int(inside.sum())) > 0:
            border = pairs[:, inside[pairs[0]] ^ inside[pairs[1]]]
            near = np.unique(border[~inside[border]])
            if not len(near):  # whole components: begin another
                near = order[~inside[order]][:1]
            inside[rng.permutation(near)[:room]] = True
        nodes = np.flatnonzero(inside)
        place = np.full(n, -1)
        place[nodes] = np.arange(len(nodes))
        among = torch.from_numpy(place[pairs[:, inside[pairs].all(0)]]).to(self.pairs.device)
        rows = torch.from_numpy(nodes).to(self.pairs.device)
        return Graph.joined(self.x.select(rows), self.unit.select(rows), among)
