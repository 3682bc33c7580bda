"""Graph attention (Velickovic et al., ICLR 2018), in two orders: project then gather, and gather then project."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.common.edges import Edges
from selfcue.learners.offline.graph.sparse_rows import SparseRows

_SLOPE = 0.2


class GATLayer(nn.Module):
    """``h'_v = concat_k sum_u alpha^k_uv W^k h_u + b``, ``alpha = softmax_u leaky(a_s . W h_u + a_t . W h_v)``.

    Args:
        inputs: width of a node's input.
        width: width of one head's output.
        heads: how many heads; their outputs stand side by side.
        attention_dropout: share of attention weights that training zeroes.

    Shapes: input SparseRows or (N, inputs); output (targets, heads * width).
    """

    def __init__(self, inputs: int, width: int, heads: int, *, attention_dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.width, self.attention_dropout = heads, width, attention_dropout
        self.weight = nn.Parameter(torch.empty(inputs, heads * width))
        self.a_source = nn.Parameter(torch.empty(heads, width))
        self.a_target = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(heads * width))
        nn.init.xavier_normal_(self.weight, gain=math.sqrt(2.0))
        for vector in (self.a_source, self.a_target):
            nn.init.normal_(vector, std=math.sqrt(2.0) * math.sqrt(2.0 / ((heads + 1) * width)))

    def project(self, x: Tensor | SparseRows) -> Tensor:
        """Return ``W x``: (N, heads * width)."""
        return x.times(self.weight) if isinstance(x, SparseRows) else x @ self.weight

    def gather(self, projected: Tensor, edges: Edges, targets: Tensor | None = None) -> Tensor:
        """Return the outputs at ``targets`` (all nodes without), from what ``project`` gave for all nodes."""
        h = projected.view(-1, self.heads, self.width)
        at = h if targets is None else h[targets]
        wanted = edges if targets is None else edges.to(targets)
        score = (h * self.a_source).sum(-1)[wanted.source] + (at * self.a_target).sum(-1)[wanted.target]
        weight = wanted.softmax(F.leaky_relu(score, _SLOPE))
        weight = F.dropout(weight, self.attention_dropout, self.training)
        return wanted.sum(weight, h).flatten(1) + self.bias

    def forward(self, x: Tensor | SparseRows, edges: Edges) -> Tensor:
        return self.gather(self.project(x), edges)


class NarrowGATLayer(nn.Module):
    """One head of attention that gathers in the input's width, and leaves the projection to the caller.

    Attention is linear in what it gathers: ``sum_u alpha_uv W h_u = W sum_u alpha_uv h_u``, and
    ``a . W h = (W' a) . h``. Where the output is much wider than the input, and few rows of it are wanted, this order
    costs a fraction.

    Shapes: input (N, inputs); ``gather`` (targets, inputs); ``project`` (targets, outputs).
    """

    def __init__(self, inputs: int, outputs: int, *, attention_dropout: float = 0.0) -> None:
        super().__init__()
        self.attention_dropout = attention_dropout
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.a_source = nn.Parameter(torch.empty(outputs))
        self.a_target = nn.Parameter(torch.empty(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_normal_(self.weight, gain=math.sqrt(2.0))
        for vector in (self.a_source, self.a_target):
            nn.init.normal_(vector, std=math.sqrt(2.0) * math.sqrt(1.0 / outputs))

    def gather(self, h: Tensor, edges: Edges, targets: Tensor) -> Tensor:
        """Return ``sum_u alpha_uv h_u`` at ``targets`` (T,): (T, inputs)."""
        wanted = edges.to(targets)
        source, target = h @ (self.weight @ self.a_source), h[targets] @ (self.weight @ self.a_target)
        score = F.leaky_relu(source[wanted.source] + target[wanted.target], _SLOPE)
        weight = F.dropout(wanted.softmax(score[:, None]), self.attention_dropout, self.training)
        return wanted.sum(weight, h[:, None]).squeeze(1)

    def project(self, gathered: Tensor) -> Tensor:
        """Return ``W gathered + b``."""
        return gathered @ self.weight + self.bias
