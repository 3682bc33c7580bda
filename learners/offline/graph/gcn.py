"""Two graph convolutions (Kipf and Welling, ICLR 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.graph.sparse_rows import SparseRows


class GCN(nn.Module):
    """``softmax(A relu(A X W1 + b1) W2 + b2)`` with A normalised symmetrically; the product with A comes last.

    Shapes: x SparseRows (N, inputs), adjacency sparse (N, N); ``hidden`` (N, hidden), ``logits`` (N, classes).
    """

    def __init__(self, inputs: int, hidden: int, classes: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.w1, self.w2 = nn.Parameter(torch.empty(inputs, hidden)), nn.Parameter(torch.empty(hidden, classes))
        self.b1, self.b2 = nn.Parameter(torch.zeros(hidden)), nn.Parameter(torch.zeros(classes))
        nn.init.xavier_uniform_(self.w1)
        nn.init.xavier_uniform_(self.w2)

    def hidden(self, x: SparseRows, adjacency: Tensor) -> Tensor:
        """Return what the first layer says of each node."""
        x = x.dropout(self.dropout) if self.training else x
        return F.relu(torch.sparse.mm(adjacency, x.times(self.w1)) + self.b1)

    def logits(self, hidden: Tensor, adjacency: Tensor) -> Tensor:
        """Return the scores of the classes from ``hidden``."""
        h = F.dropout(hidden, self.dropout, self.training)
        scores: Tensor = torch.sparse.mm(adjacency, h @ self.w2) + self.b2
        return scores
