"""Lakes with known joins to judge by: tables cut into overlapping parts and written differently.

The noise is another than that of the fabricated training pairs (abbreviations, turned words, units), or the generator
would grade itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.data.table_lake import TableLake
from selfcue.learners.offline.data.task import LakeTask
from selfcue.learners.offline.tabular.column_graph import Described
from selfcue.learners.offline.tabular.column_text import clean, columns_of, is_number
from selfcue.learners.offline.tabular.fabricate import Fabricated

BoolArray = npt.NDArray[np.bool_]

PARTS = ((0.0, 0.5), (0.25, 0.75), (0.5, 1.0))
"""Which rows each part of a table has: the first and the last share none, and both share some with the middle one."""
KEPT = 0.7
"""Chance of a column to be in a part."""
REWRITTEN = 0.5
"""Chance of a column of the second or third part to be written differently."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = ("pcs", "units", "no", "x")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(.*)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class JoinTask:
    """Tables to find joins in, and the joins.

    Attributes:
        data: what methods get.
        seen: its columns, measured; the same for all arms.
        joins: (N, N) bool, symmetric: columns of different tables that can be joined.
        parts: kinds of joins by name: ``equi`` (both columns as they were), ``fuzzy`` (one at least rewritten),
            ``far`` (no value in common), ``keys`` (by declared keys, or parts of one column).
        made: lakes fabricated of the tables, for models of pairs; the last one validates.
    """

    data: TableLake
    seen: Described
    joins: BoolArray
    parts: dict[str, BoolArray]
    made: tuple[Fabricated, ...] = ()

    @classmethod
    def of(cls, task: LakeTask, rewritten: BoolArray | None = None) -> JoinTask:
        """Return the joins of ``task``; ``rewritten`` (N,) marks columns that are not as they were."""
        seen = Described.of(columns_of(task.data))
        rough = np.zeros(len(seen.columns), dtype=np.bool_) if rewritten is None else rewritten
        joins = (task.domains[:, None] == task.domains[None]) & seen.apart
        fuzzy = joins & (rough[:, None] | rough[None])
        keys = joins & (task.keys[:, None] == task.keys[None])
        far = joins & (seen.signals[0] == 0.0)
        return cls(task.data, seen, joins, {"equi": joins & ~fuzzy, "fuzzy": fuzzy, "far": far, "keys": keys})


def rough_lake(task: LakeTask, rng: np.random.Generator) -> JoinTask:
    """Return ``task``'s tables in three parts each, half of the columns of the later ones rewritten."""
    place = {column: i for i, column in enumerate(task.data.columns())}
    tables: dict[str, dict[str, tuple[str, ...]]] = {}
    origin: list[int] = []
    rewritten: list[bool] = []
    for name, table in task.data.tables.items():
        order = rng.permutation(len(next(iter(table.values()))))
        for number, (begin, end) in enumerate(PARTS):
            first = int(begin * len(order))
            rows = order[first : max(int(end * len(order)), first + 1)]
            kept = [head for head in table if rng.random() < KEPT] or [next(iter(table))]
            part: dict[str, tuple[str, ...]] = {}
            for head in kept:
                values = [table[head][row] for row in rows]
                written = rewrite(values, rng) if number and rng.random() < REWRITTEN else values
                part[head] = tuple(written)
                origin.append(place[name, head])
                rewritten.append(written != values)
            tables[f"{name}/{number}"] = part
    source = np.array(origin, dtype=np.int64)
    lake = TableLake(tables, f"{task.data.name}, in parts")
    return JoinTask.of(LakeTask(lake, task.keys[source], task.domains[source]), np.array(rewritten, dtype=np.bool_))


def rewrite(values: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return ``values`` as another office would write them, all in one manner; '' stays ''.

    Numbers get a unit, dates the name of their month; words are cut to four letters, or come last first, or the value
    gets a tail that all share.
    """
    filled = [value for value in values if clean(value)]
    unit = UNITS[rng.integers(len(UNITS))]
    manner = int(rng.integers(3))
    if filled and all(is_number(clean(value)) for value in filled):
        return [f"{value} {unit}" if clean(value) else value for value in values]
    if filled and all(_DATE.fullmatch(value) for value in filled):
        return [_DATE.sub(lambda d: f"{int(d[3])} {MONTHS[int(d[2]) - 1]} {d[1]}{d[4]}", value) for value in values]
    if manner == 0:
        return [re.sub(r"[^\W\d_]{5,}", lambda word: word[0][:4] + ".", value) for value in values]
    if manner == 1 and any(" " in value for value in filled):
        return [", ".join(reversed(value.split(" ", 1))) for value in values]
    return [f"{value} ({unit})" if clean(value) else value for value in values]
