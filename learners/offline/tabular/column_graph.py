"""Columns as nodes, what two of them have in common as typed edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.learners.offline.tabular.column_text import ColumnText, apart
from selfcue.learners.offline.tabular.profile import profiles
from selfcue.learners.offline.tabular.signals import SIGNALS, signals_of

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Described:
    """Columns with all that is measured of them; what no training changes.

    Attributes:
        columns: N of them.
        profile: (N, F) float32.
        signals: (7, N, N) float32, in the order of ``SIGNALS``.
        apart: (N, N) bool: of different tables, and neither empty. Only such pairs are looked at.
    """

    columns: Sequence[ColumnText]
    profile: npt.NDArray[np.float32]
    signals: npt.NDArray[np.float32]
    apart: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, columns: Sequence[ColumnText]) -> Described:
        """Measure ``columns``."""
        return cls(columns, profiles(columns), signals_of(columns), apart(columns))


@dataclass(frozen=True, eq=False)
class ColumnGraph:
    """What the network sees.

    Attributes:
        x: (N, F) float32: profiles.
        edge_index: (2, E) int64: from a similar column to the column that it is similar to.
        edge_type: (E,) int64: the signal, by its place in the settings.
    """

    x: Tensor
    edge_index: Tensor
    edge_type: Tensor

    @classmethod
    def of(
        cls, seen: Described, names: Sequence[str], *, k: int, floor: float, threshold: float, device: str
    ) -> ColumnGraph:
        """Return the graph of ``seen`` with one type of edge for each signal of ``names``.

        Args:
            k: edges of a type into each column, from those most like it.
            floor: edges only from columns more alike than this.
            threshold: above 0: edges from all columns at least so similar, in place of the ``k`` first.
        """
        parts = []
        for place, name in enumerate(names):
            value = np.where(seen.apart, seen.signals[SIGNALS.index(name)], -np.inf)
            edges = similar_enough(value, threshold) if threshold > 0 else most_similar(value, k, floor)
            parts.append((edges, np.full(edges.shape[1], place, dtype=np.int64)))
        index = np.concatenate([edges for edges, _ in parts], axis=1)
        kind = np.concatenate([kinds for _, kinds in parts])
        tensors = (torch.from_numpy(array).to(device) for array in (seen.profile, index, kind))
        return cls(*tensors)


def most_similar(value: npt.NDArray[np.float32], k: int, floor: float) -> IntArray:
    """Return (2, E): into each column a from the ``k`` columns b of highest value[a, b] > ``floor``; first of equals.

    The authors' floor is -1: a column that is like none then gets edges from the first ``k`` that there are.
    """
    n = len(value)
    order = np.argsort(-value, axis=1, kind="stable")[:, : min(k, n)]
    kept = np.take_along_axis(value, order, axis=1) > floor
    target = np.broadcast_to(np.arange(n)[:, None], order.shape)
    return np.stack((order[kept], target[kept])).astype(np.int64)


def similar_enough(value: npt.NDArray[np.float32], threshold: float) -> IntArray:
    """Return (2, E): into each column a from every b with value[a, b] at least ``threshold``."""
    target, source = np.nonzero(value >= threshold)
    return np.stack((source, target)).astype(np.int64)
