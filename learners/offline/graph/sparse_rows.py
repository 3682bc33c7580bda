"""Feature rows that are mostly zero: their product with a weight costs what their non-zeros cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.common.edges import csr_matrix


@dataclass(frozen=True, eq=False)
class Turned:
    """Where the entries of a matrix stand in its transpose: starts (F + 1,), rows (nnz,), and which entry (nnz,)."""

    starts: Tensor
    rows: Tensor
    entry: Tensor

    def to(self, device: str) -> Turned:
        """Return the same on ``device``."""
        return Turned(self.starts.to(device), self.rows.to(device), self.entry.to(device))


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix (N, F) row by row.

    Attributes:
        starts: (N + 1,) int64: row i holds the entries from ``starts[i]`` to ``starts[i + 1]``.
        columns: (nnz,) int64.
        values: (nnz,) float32.
        width: F.
        turned: of the transpose; None: not known (of a selection of rows).
    """

    starts: Tensor
    columns: Tensor
    values: Tensor
    width: int
    turned: Turned | None = None

    @classmethod
    def of(cls, x: npt.NDArray[np.float32], device: str = "cpu") -> SparseRows:
        """Return the non-zeros of ``x`` (N, F)."""
        rows, columns = np.nonzero(x)
        starts = np.zeros(len(x) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(x)), out=starts[1:])
        order = np.argsort(columns, kind="stable")
        below = np.zeros(x.shape[1] + 1, dtype=np.int64)
        np.cumsum(np.bincount(columns, minlength=x.shape[1]), out=below[1:])
        turned = Turned(*(torch.from_numpy(a.astype(np.int64)) for a in (below, rows[order], order)))
        whole = cls(
            torch.from_numpy(starts), torch.from_numpy(columns.astype(np.int64)), torch.from_numpy(x[rows, columns]),
            x.shape[1], turned,
        )  # fmt: skip
        return whole.to(device)

    def to(self, device: str) -> SparseRows:
        """Return the rows on ``device``."""
        turned = None if self.turned is None else self.turned.to(device)
        return SparseRows(self.starts.to(device), self.columns.to(device), self.values.to(device), self.width, turned)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def select(self, rows: Tensor) -> SparseRows:
        """Return the rows ``rows`` (R,) int64, in that order; a row may come twice."""
        counts = self.starts[rows + 1] - self.starts[rows]
        starts = F.pad(counts.cumsum(0), (1, 0))
        entries = torch.arange(int(starts[-1]), device=rows.device)
        entries = entries + (self.starts[rows] - starts[:-1]).repeat_interleave(counts)
        return SparseRows(starts, self.columns[entries], self.values[entries], self.width)

    def dropout(self, share: float) -> SparseRows:
        """Return the rows with each entry zeroed with probability ``share``, the others scaled up to make up for it."""
        return replace(self, values=F.dropout(self.values, share))

    def columns_of(self, kept: Tensor) -> SparseRows:
        """Return the rows with the columns zeroed where ``kept`` (F,) bool does not hold."""
        return replace(self, values=self.values * kept[self.columns])

    def times(self, weight: Tensor) -> Tensor:
        """Return the product with ``weight`` (F, D): (N, D). A sparse product is a bag of weighted embeddings."""
        if self.turned is None:
            return self._bag(weight)
        out: Tensor = _Times.apply(weight, self)  # type: ignore[no-untyped-call]
        return out

    def _bag(self, weight: Tensor) -> Tensor:
        return F.embedding_bag(self.columns, weight, self.starts[:-1], mode="sum", per_sample_weights=self.values)

    def unit(self) -> SparseRows:
        """Return the rows scaled to length 1; rows of zeros stay."""
        norms = self.norms().clamp_min(1e-12).repeat_interleave(self.starts.diff())
        return replace(self, values=self.values / norms)

    def norms(self) -> Tensor:
        """Return the length of each row (N,)."""
        total = torch.zeros(len(self), dtype=self.values.dtype, device=self.values.device)
        rows = torch.arange(len(self), device=self.values.device).repeat_interleave(self.starts.diff())
        return total.index_add(0, rows, self.values.square()).sqrt()

    def dense(self) -> Tensor:
        """Return the matrix (N, F)."""
        out = torch.zeros(len(self), self.width, dtype=self.values.dtype, device=self.values.device)
        rows = torch.arange(len(self), device=self.values.device).repeat_interleave(self.starts.diff())
        return out.index_put((rows, self.columns), self.values, accumulate=True)


def squared_error(h: Tensor, layer: nn.Linear, x: SparseRows) -> Tensor:
    """Return the mean over all places of ``(layer(h) - x)^2``, without ever forming ``layer(h)`` (R, F).

    ``|h W' + b - x|^2 = h W'W h' + 2 h W'b + |b|^2 - 2 x.(h W' + b) + |x|^2``: what a row of ``h`` (R, D) costs grows
    with D and with the non-zeros of its row of ``x``, not with F.
    """
    weight, bias = layer.weight, layer.bias
    square = ((h @ (weight.t() @ weight)) * h).sum() + 2.0 * (h @ (weight.t() @ bias)).sum()
    square = square + len(h) * bias.square().sum()
    both = (x.times(weight) * h).sum() + x.times(bias[:, None]).sum()
    error: Tensor = (square - 2.0 * both + x.values.square().sum()) / (len(h) * x.width)
    return error


class _Times(torch.autograd.Function):
    """A bag forward; backward the product with the transpose, a fraction of what the bag's own gradient costs."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: SparseRows) -> Tensor:
        ctx.x = x
        return x._bag(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x: SparseRows = ctx.x
        assert x.turned is not None
        turned = csr_matrix(x.turned.starts, x.turned.rows, x.values[x.turned.entry], len(x))
        return turned @ grads[0].contiguous(), None
