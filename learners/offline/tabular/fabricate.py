"""Training pairs from the tables themselves: each is split into pairs of tables whose shared columns are known joins.

Source: Koutras et al., arXiv 2403.07653, after the fabricator of Valentine (Koutras et al., ICDE 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.data.table_lake import Table, TableLake
from selfcue.learners.offline.tabular.column_graph import Described
from selfcue.learners.offline.tabular.column_text import ColumnText
from selfcue.learners.offline.tabular.noise import noisy

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Recipe:
    """How tables are fabricated.

    Attributes:
        pairs: pairs of tables made of each table.
        rows: rows of a table that are used, drawn anew for each of its pairs.
        noise: chance of a pair's second table to have its shared columns written differently.
        typos: chance of each letter and digit to be mistyped there.
    """

    pairs: int
    rows: int
    noise: float
    typos: float


@dataclass(frozen=True, eq=False)
class Fabricated:
    """A lake of fabricated tables.

    Attributes:
        seen: its columns.
        joins: (N, N) bool: columns of different tables that were one column.
        others: (N, N) bool: columns of different tables, both made of one table, that were two of its columns.
    """

    seen: Described
    joins: BoolArray
    others: BoolArray

    @property
    def candidates(self) -> BoolArray:
        """Every pair of columns of different tables (N, N), each once; all but the joins are held to be none."""
        return np.triu(self.seen.apart)

    def negatives(self, kind: Literal["fabricated", "random", "all"], rng: np.random.Generator) -> BoolArray:
        """Return (N, N) bool, which pairs are shown as non-joins.

        ``fabricated``: the others; ``random``: for each column as many random columns of other sources as it has
        others; ``all``: every pair that is no join.
        """
        if kind == "fabricated":
            return self.others
        if kind == "all":
            every: BoolArray = self.seen.apart & ~self.joins
            return every
        free = self.seen.apart & ~self.others & ~self.joins
        rank = np.where(free, rng.random(free.shape), np.inf).argsort(1).argsort(1)
        drawn: BoolArray = free & (rank < self.others.sum(1)[:, None])
        return drawn

    @classmethod
    def of(cls, lake: TableLake, rng: np.random.Generator, recipe: Recipe) -> Fabricated:
        """Make a lake of ``lake``'s tables."""
        columns: list[ColumnText] = []
        source: list[int] = []
        origin: list[tuple[int, int]] = []
        for number, table in enumerate(lake.tables.values()):
            place = {name: i for i, name in enumerate(table)}
            for pair in range(recipe.pairs):
                for half, part in enumerate(split(table, rng, recipe)):
                    columns += [ColumnText.of(f"{number}/{pair}/{half}", name, part[name]) for name in part]
                    source += [number] * len(part)
                    origin += [(number, place[name]) for name in part]
        seen = Described.of(columns)
        sources, origins = np.array(source), np.array(origin)
        same = (origins[:, None] == origins[None]).all(2)
        near = sources[:, None] == sources[None]
        return cls(seen, same & seen.apart, near & ~same & seen.apart)


def split(table: Table, rng: np.random.Generator, recipe: Recipe) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return two tables made of ``table``: some columns are in both, and some rows."""
    length = len(next(iter(table.values())))
    rows = rng.permutation(length)[: recipe.rows]
    both = max(1, round(float(rng.integers(1, 11)) / 10.0 * len(rows)))
    cut = both + (len(rows) - both + 1) // 2
    parts = rows[:cut], np.concatenate((rows[:both], rows[cut:]))
    shared = _shared(table, rows, rng)
    alone = [name for name in table if name not in shared]
    to_first = rng.permutation(len(alone)) < (len(alone) + 1) // 2
    kept = (
        [name for name in table if name in shared or (name in alone and to_first[alone.index(name)])],
        [name for name in table if name in shared or (name in alone and not to_first[alone.index(name)])],
    )
    first, second = (
        {name: [table[name][i] for i in at] for name in names} for at, names in zip(parts, kept, strict=True)
    )
    if rng.random() < recipe.noise:
        second = {
            name: noisy(values, rng, typos=recipe.typos) if name in shared else values
            for name, values in second.items()
        }
    return first, second


def _shared(table: Table, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Sequence[str]:
    """Return one to all but one of the columns: half the time those with most distinct values, else any."""
    names = list(table)
    count = int(rng.integers(1, max(len(names), 2)))
    if rng.random() < 0.5:
        distinct = {name: len({table[name][i] for i in rows}) for name in names}
        return sorted(names, key=lambda name: -distinct[name])[:count]
    return [names[i] for i in rng.permutation(len(names))[:count]]
