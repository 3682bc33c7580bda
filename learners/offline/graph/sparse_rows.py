"""Feature rows that are mostly zero: their product with a weight costs what their non-zeros cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix (N, F) row by row.

    Attributes:
        starts: (N + 1,) int64: row i holds the entries from ``starts[i]`` to ``starts[i + 1]``.
        columns: (nnz,) int64.
        values: (nnz,) float32.
        width: F.
    """

    starts: Tensor
    columns: Tensor
    values: Tensor
    width: int

    @classmethod
    def of(cls, x: npt.NDArray[np.float32], device: str = "cpu") -> SparseRows:
        """Return the non-zeros of ``x`` (N, F)."""
        rows, columns = np.nonzero(x)
        starts = np.zeros(len(x) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(x)), out=starts[1:])
        whole = cls(
            torch.from_numpy(starts), torch.from_numpy(columns.astype(np.int64)), torch.from_numpy(x[rows, columns]),
            x.shape[1],
        )  # fmt: skip
        return whole.to(device)

    def to(self, device: str) -> SparseRows:
        """Return the rows on ``device``."""
        return SparseRows(self.starts.to(device), self.columns.to(device), self.values.to(device), self.width)

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
        return SparseRows(self.starts, self.columns, F.dropout(self.values, share), self.width)

    def times(self, weight: Tensor) -> Tensor:
        """Return the product with ``weight`` (F, D): (N, D). A sparse product is a bag of weighted embeddings."""
        return F.embedding_bag(self.columns, weight, self.starts[:-1], mode="sum", per_sample_weights=self.values)

    def unit(self) -> SparseRows:
        """Return the rows scaled to length 1; rows of zeros stay."""
        norms = self.norms().clamp_min(1e-12).repeat_interleave(self.starts.diff())
        return SparseRows(self.starts, self.columns, self.values / norms, self.width)

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
