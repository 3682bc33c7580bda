"""Joins that were found, as rows a person can read, and what each rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.tabular.column_graph import ColumnGraph, Described
from selfcue.learners.offline.tabular.signals import SIGNALS

EQUI = 0.5
"""A join is called equi when the smaller column shares so many of its distinct values with the other, else fuzzy."""


def findings(
    seen: Described, score: npt.NDArray[np.float32], cut: float, *, least: int, min_uniqueness: float
) -> list[Mapping[str, Any]]:
    """Return rows of the pairs with a ``score`` (N, N) of at least ``cut``, best first; more until there are ``least``.

    Args:
        min_uniqueness: leave out pairs both of whose columns have a smaller share of distinct values.
    """
    unique = np.array([column.uniqueness for column in seen.columns])
    key_like = np.maximum(unique[:, None], unique[None]) >= min_uniqueness
    first, second = np.nonzero(np.triu(seen.apart & key_like))
    order = np.argsort(-score[first, second], kind="stable")
    called = int((score[first, second] >= cut).sum())
    return [
        _row(seen, int(first[i]), int(second[i]), float(score[first[i], second[i]]), cut)
        for i in order[: max(called, least)]
    ]


def evidence_of(
    seen: Described, graph: ColumnGraph, names: Sequence[str], first: tuple[str, str], second: tuple[str, str]
) -> dict[str, Any]:
    """Return the signals between two columns, and from which columns each got edges, signal by signal."""
    places = [_place(seen, column) for column in (first, second)]
    a, b = places
    index, kind = graph.edge_index.cpu().numpy(), graph.edge_type.cpu().numpy()
    neighbours = [
        {
            name: [f"{seen.columns[u].table}.{seen.columns[u].name}" for u in index[0, (index[1] == v) & (kind == t)]]
            for t, name in enumerate(names)
        }
        for v in places
    ]
    signals = {name: round(float(seen.signals[SIGNALS.index(name), a, b]), 4) for name in names}
    return {"signals": signals, "neighbours": neighbours}


def _row(seen: Described, a: int, b: int, score: float, cut: float) -> dict[str, Any]:
    one, other = seen.columns[a], seen.columns[b]
    share = max(float(seen.signals[SIGNALS.index(name), a, b]) for name in ("contained", "contains"))
    return {
        "table_a": one.table,
        "column_a": one.name,
        "table_b": other.table,
        "column_b": other.name,
        "score": round(score, 4),
        "join": "yes" if score >= cut else "no",
        "kind": "equi" if share >= EQUI else "fuzzy",
        "shared_values": len(one.counts.keys() & other.counts.keys()),
        "uniqueness_a": round(one.uniqueness, 4),
        "uniqueness_b": round(other.uniqueness, 4),
    }


def _place(seen: Described, column: tuple[str, str]) -> int:
    for place, one in enumerate(seen.columns):
        if (one.table, one.name) == tuple(column):
            return place
    known = ", ".join(f"{one.table}.{one.name}" for one in seen.columns[:8])
    raise BadInputError(f"no column {'.'.join(column)}; there are {known}{' ...' if len(seen.columns) > 8 else ''}")
