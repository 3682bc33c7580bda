"""The network over columns, and its two losses."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.tabular.column_graph import ColumnGraph
from selfcue.optional import require

PAIRS = 20_000
"""Pairs that the judge is shown at once."""
CLIP = 5.0
"""Standard deviations beyond which a figure of a profile counts no more."""


class ColumnNet(nn.Module):
    """Relational graph convolutions over columns; a vector of length 1 for each.

    ``h_v' = W_0 h_v + sum_r mean_{u in N_r(v)} W_r h_u``, ReLU between layers (Schlichtkrull et al., ESWC 2018). The
    authors' library sums over neighbours where this takes the mean. Without layers, a linear map of the profile.

    Attributes:
        mean, scale: (F,) of the profiles that were trained on.
        cut: the score from which on a pair counts as a join.
    """

    mean: Tensor
    scale: Tensor
    cut: Tensor

    def __init__(self, n_features: int, *, n_types: int, layers: int, dim: int, judged: bool) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.register_buffer("cut", torch.tensor(0.5))
        self.layers = nn.ModuleList()
        if layers:
            geometric = require("torch_geometric.nn", extra="offline")
            for inputs, outputs in pairwise([n_features, *[dim] * layers]):
                self.layers.append(geometric.RGCNConv(inputs, outputs, n_types, aggr="mean"))
        self.linear = None if layers else nn.Linear(n_features, dim)
        self.judge = nn.ModuleList((nn.Linear(2 * dim, dim), nn.Linear(dim, 1))) if judged else None

    def scale_to(self, profiles: Tensor) -> None:
        """Take mean and deviation of the features from ``profiles`` (N, F)."""
        deviation = profiles.std(0, correction=0)
        self.mean.copy_(profiles.mean(0))
        self.scale.copy_(torch.where(deviation > 1e-6, deviation, 1.0))

    def vectors(self, graph: ColumnGraph) -> Tensor:
        """Return (N, dim), rows of length 1."""
        h = ((graph.x - self.mean) / self.scale).clamp(-CLIP, CLIP)
        if self.linear is not None:
            return F.normalize(self.linear(h), dim=1)
        for number, layer in enumerate(self.layers):
            h = layer(F.relu(h) if number else h, graph.edge_index, graph.edge_type)
        return F.normalize(h, dim=1)

    def logits(self, z: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return (M,): what the judge says of the pairs ``first``, ``second`` (M,) int64; the mean of both orders."""
        assert self.judge is not None
        widen, out = self.judge
        assert isinstance(widen, nn.Linear)
        left, right = z @ widen.weight[:, : z.shape[1]].t(), z @ widen.weight[:, z.shape[1] :].t() + widen.bias
        ways = [F.relu(left[a] + right[b]) for a, b in ((first, second), (second, first))]
        said: Tensor = out((ways[0] + ways[1]) / 2.0).squeeze(1)
        return said

    def scores(self, z: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return (M,) in [0, 1] for pairs (M,) int64 of columns: the judge's probability, or 1 - half the distance."""
        if self.judge is None:
            return 1.0 - distances(z)[first, second] / 2.0
        parts = zip(torch.split(first, PAIRS), torch.split(second, PAIRS), strict=True)
        return torch.cat([self.logits(z, a, b) for a, b in parts]).sigmoid()


def distances(z: Tensor) -> Tensor:
    """Return the Euclidean distances (N, N) of rows of length 1; in [0, 2]."""
    return (2.0 - 2.0 * (z @ z.t())).clamp(1e-12, 4.0).sqrt()


def join_triplets(distance: Tensor, joins: Tensor, others: Tensor, *, margin: float) -> Tensor:
    """Return the mean of ``max(0, d_ap - d_an + margin)`` over all joins (a, p) and all non-joins (a, n) of a.

    Args:
        distance: (N, N).
        joins, others: (N, N) bool.

    Raises:
        BadInputError: no column has a join and a non-join.

    Source: Koutras et al., arXiv 2403.07653: anchors with a join, all their non-joins.
    """
    anchor, positive = torch.nonzero(joins, as_tuple=True)
    against = others[anchor]
    count = against.sum()
    if not count:
        raise BadInputError("no column has both a join and a non-join: the tables need two columns or more")
    gap = distance[anchor, positive][:, None] - distance[anchor] + margin
    return (gap.clamp_min(0.0) * against).sum() / count


def join_cross_entropy(logits: Tensor, joined: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of pairs; a join weighs #non-joins / #joins.

    Args:
        logits: (M,).
        joined: (M,) bool.

    Raises:
        BadInputError: there are no joins among them, or nothing but joins.
    """
    count = int(joined.sum())
    if not 0 < count < len(joined):
        raise BadInputError("needs joins and non-joins: the tables need two columns or more")
    weight = torch.tensor((len(joined) - count) / count, dtype=logits.dtype, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, joined.to(logits.dtype), pos_weight=weight)
