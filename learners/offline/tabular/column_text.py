"""Columns of text as the tabular methods look at them: cleaned values, how often each comes, and their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.data.table_lake import TableLake

MISSING = frozenset({"", "nan", "nat", "null", "none", "n/a"})
"""What stands for no value, in lower case. 'na' does not: it is a country and a first name."""
_WHOLE = re.compile(r"(-?\d+)\.0+")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
NUMERIC_SHARE = 0.9
"""A column is one of numbers when so many of its values are."""


@dataclass(frozen=True, eq=False)
class ColumnText:
    """One column.

    Attributes:
        table, name: where it stands.
        counts: how often each cleaned value comes; empty where the column holds nothing.
        rows: how many rows the table has.
    """

    table: str
    name: str
    counts: Mapping[str, int]
    rows: int

    @classmethod
    def of(cls, table: str, name: str, values: Sequence[str]) -> ColumnText:
        """Return the column of raw ``values``."""
        counts: Counter[str] = Counter()
        for value, times in Counter(values).items():
            text = clean(value)
            if text:
                counts[text] += times
        return cls(table, name, counts, len(values))

    @property
    def filled(self) -> int:
        """How many rows hold a value."""
        return sum(self.counts.values())

    @property
    def uniqueness(self) -> float:
        """Distinct values over filled rows, in [0, 1]; a key has 1."""
        return len(self.counts) / max(self.filled, 1)

    def token_counts(self) -> Counter[str]:
        """Return how many rows hold each word."""
        tokens: Counter[str] = Counter()
        for value, times in self.counts.items():
            for token in set(tokens_of(value)):
                tokens[token] += times
        return tokens

    def numbers(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None:
        """Return the values, rising, and how often each comes; None where the column is not one of numbers."""
        texts = [value for value in self.counts if is_number(value)]
        if not texts or len(texts) < NUMERIC_SHARE * len(self.counts):
            return None
        found: Counter[float] = Counter()
        for text in texts:
            found[float(text)] += self.counts[text]
        values = sorted(found)
        return np.array(values), np.array([found[value] for value in values], dtype=np.int64)


def clean(value: str) -> str:
    """Return ``value`` in lower case, '' where it is missing, '7' for '7.0'."""
    text = value.strip().lower()
    if text in MISSING:
        return ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def is_number(value: str) -> bool:
    """Say whether ``value`` is a finite number in digits."""
    return _NUMBER.fullmatch(value) is not None and abs(float(value)) < float("inf")


def tokens_of(value: str) -> list[str]:
    """Return the words of a cleaned value: runs of letters and digits; a number stays whole."""
    return [value] if is_number(value) else _WORD.findall(value)


def columns_of(lake: TableLake) -> list[ColumnText]:
    """Return all columns of ``lake``, in the order of ``lake.columns()``."""
    return [ColumnText.of(t, name, values) for t, table in lake.tables.items() for name, values in table.items()]


def apart(columns: Sequence[ColumnText]) -> npt.NDArray[np.bool_]:
    """Return (N, N): whether two columns may be joined at all, being of different tables and both not empty."""
    names = np.array([column.table for column in columns], dtype=np.str_)
    held = np.array([bool(column.counts) for column in columns])
    different: npt.NDArray[np.bool_] = (names[:, None] != names[None]) & held[:, None] & held[None]
    return different
