"""Adjacency matrices as graph methods use them: normalised, powers of them, and with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.errors import BadInputError
from selfcue.optional import require

IntArray = npt.NDArray[np.int64]
_LEAST = 1e-4


def influence(edges: IntArray, n: int, order: int, *, summed: bool) -> Tensor:
    """Return the sparse (n, n) weight of node j for node i: ``A^order``, or ``A + ... + A^order`` when ``summed``.

    A is the undirected adjacency with self loops, rows scaled to sum 1. Entries below 1e-4 of powers are dropped, and
    rows of the result sum to 1 again. Source: Kulatilleke et al. (SCGC) 2022, section 3.2.
    """
    sparse = require("scipy.sparse", extra="offline")
    ones = np.ones(edges.shape[1], dtype=np.float32)
    a = sparse.csr_matrix((ones, (edges[0], edges[1])), shape=(n, n))
    a = (a.maximum(a.T) > 0).astype(np.float32)
    a.setdiag(1.0)
    a = _rows_to_one(a)
    power, total = a, a.copy()
    for _ in range(order - 1):
        power = power @ a
        power.data[power.data < _LEAST] = 0.0
        power.eliminate_zeros()
        total = total + power
    return sparse_tensor(_rows_to_one(total if summed else power))


def symmetric(edges: IntArray, n: int) -> Tensor:
    """Return the sparse (n, n) ``D^-1/2 (A + I) D^-1/2`` (Kipf and Welling, ICLR 2017, eq. 2)."""
    sparse = require("scipy.sparse", extra="offline")
    a = sparse.csr_matrix((np.ones(edges.shape[1], dtype=np.float32), (edges[0], edges[1])), shape=(n, n))
    a = a + sparse.eye(n, dtype=np.float32)
    scale = sparse.diags(1.0 / np.sqrt(np.asarray(a.sum(1)).ravel()))
    return sparse_tensor((scale @ a @ scale).astype(np.float32))


def with_noise(edges: IntArray, n: int, share: float, rng: np.random.Generator) -> IntArray:
    """Return ``edges`` (2, E) with ``share`` times as many random ones added, both directions, doubles dropped."""
    if share < 0:
        raise BadInputError(f"a share of random edges must not be below 0, got {share}")
    extra = rng.integers(0, n, (2, round(share * edges.shape[1] / 2)))
    extra = extra[:, extra[0] != extra[1]]
    return np.unique(np.concatenate((edges, extra, extra[::-1]), axis=1), axis=1)


def sparse_tensor(matrix: Any) -> Tensor:
    """Return a scipy matrix as a coalesced torch COO tensor, float32."""
    coo = matrix.tocoo()
    places = torch.from_numpy(np.stack((coo.row, coo.col)).astype(np.int64))
    values = torch.from_numpy(coo.data.astype(np.float32))
    return torch.sparse_coo_tensor(places, values, coo.shape, check_invariants=True).coalesce()


def _rows_to_one(matrix: Any) -> Any:
    sparse = require("scipy.sparse", extra="offline")
    total = np.asarray(matrix.sum(1)).ravel()
    return (sparse.diags(1.0 / np.maximum(total, 1e-12)) @ matrix).tocsr()
