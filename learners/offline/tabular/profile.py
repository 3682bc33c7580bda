"""A column by itself as a row of numbers: which characters its values are made of, how long, how many, how large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.tabular.column_text import ColumnText, is_number, tokens_of

FloatArray = npt.NDArray[np.float32]

CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789 -_/.:,()@#&'+"
"""Each is counted by itself; all others together."""
_KINDS = len(CHARACTERS) + 1
_LENGTH = 64
"""Characters of a value that are looked at."""
_VALUES = 2000
"""Distinct values of a column that are looked at: evenly spread over the sorted ones."""
_OTHER = 20
N_FEATURES = 2 * _KINDS + _OTHER


def profiles(columns: Sequence[ColumnText]) -> FloatArray:
    """Return (N, N_FEATURES), in the manner of Sherlock: all finite; zeros for an empty column.

    First the mean count of each character in a distinct value, then the share of values that have it, then figures of
    lengths, words, repetition and (signed logarithms) of the numbers.

    Source: Hulsebos et al., KDD 2019, much reduced.
    """
    rows = np.zeros((len(columns), N_FEATURES))
    for row, column in zip(rows, columns, strict=True):
        if column.counts:
            values = sorted(column.counts)
            values = [values[i] for i in np.unique(np.linspace(0, len(values) - 1, _VALUES).astype(np.int64))]
            count = _character_counts(values)
            row[:_KINDS], row[_KINDS : 2 * _KINDS] = count.mean(0), (count > 0).mean(0)
            row[2 * _KINDS :] = _figures(column, values)
    return rows.astype(np.float32)


def _character_counts(values: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return (V, K): how often each kind of character comes in each value."""
    codes = np.array(values, dtype=f"U{_LENGTH}").view(np.uint32).reshape(len(values), _LENGTH)
    kind_of = np.full(128, _KINDS - 1)
    kind_of[[ord(character) for character in CHARACTERS]] = np.arange(len(CHARACTERS))
    kinds = np.where(codes < 128, kind_of[np.minimum(codes, 127)], _KINDS - 1)
    kinds[codes == 0] = _KINDS  # the filling behind a short value
    places = kinds + (_KINDS + 1) * np.arange(len(values))[:, None]
    counts = np.bincount(places.ravel(), minlength=(_KINDS + 1) * len(values))
    table: npt.NDArray[np.int64] = counts.reshape(len(values), _KINDS + 1)[:, :_KINDS]
    return table


def _figures(column: ColumnText, values: Sequence[str]) -> list[float]:
    length = np.array([len(value) for value in values])
    words = np.array([len(tokens_of(value)) for value in values])
    times = np.array(list(column.counts.values()), dtype=np.float64)
    p = times / times.sum()
    entropy = float(-(p * np.log(p)).sum())
    numeric = float(np.mean([is_number(value) for value in values]))
    found = column.numbers()
    numbers = found[0] if found is not None else np.zeros(1)
    return [
        np.log1p(column.filled), np.log1p(len(times)), column.uniqueness, 1.0 - column.filled / column.rows,
        entropy, entropy / np.log(max(len(times), 2)), float(p.max()),
        float(length.mean()), float(length.std()), float(length.min()), float(length.max()),
        float(words.mean()), float(words.std()), numeric, float(found is not None),
        _log(numbers.mean()), np.log1p(numbers.std()), _log(numbers.min()), _log(numbers.max()),
        float(np.mean(numbers == np.round(numbers))) if found is not None else 0.0,
    ]  # fmt: skip


def _log(value: float) -> float:
    return float(np.sign(value) * np.log1p(abs(value)))
