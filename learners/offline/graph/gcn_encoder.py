"""Graph convolutions that turn a view of a graph into vectors of its nodes."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from selfcue.learners.offline.graph.sparse_rows import SparseRows
from selfcue.learners.offline.graph.views import View


class GCNEncoder(nn.Module):
    """``h <- prelu(norm(A h W + b))``, layer upon layer, A normalised symmetrically with self loops.

    The norm is over the numbers of a node: it keeps no running figures, which several tasks in one step would mix up.

    Args:
        inputs: width of a node's features.
        widths: of the layers; the last is that of a node's vector.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = list(pairwise((inputs, *widths)))
        self.weights = nn.ParameterList(nn.init.xavier_uniform_(torch.empty(size)) for size in sizes)
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        self.slopes = nn.ParameterList(torch.full((1,), 0.25) for _ in widths)

    def project(self, x: SparseRows) -> Tensor:
        """Return the first layer's product with the features (N, widths[0])."""
        return x.times(self.weights[0])

    def after(self, projected: Tensor, view: View) -> Tensor:
        """Return the vectors (N, widths[-1]) from what ``project`` gave; the view's own features play no part."""
        h = projected
        for i, (bias, norm, slope) in enumerate(zip(self.biases, self.norms, self.slopes, strict=True)):
            h = norm(view.mix(h if not i else h @ self.weights[i]) + bias)
            h = torch.relu(h) - slope * torch.relu(-h)  # torch's own prelu takes five times as long backward
        return h

    def forward(self, view: View) -> Tensor:
        return self.after(self.project(view.x), view)
