"""What two columns have in common: the similarity signals of OmniMatch, for all pairs of columns at once.

Source: Koutras et al., arXiv 2403.07653; ``quantiles`` is ours, for columns of numbers, whose words say little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.tabular.column_text import ColumnText, tokens_of
from selfcue.learners.offline.tabular.word_vectors import word_vectors
from selfcue.optional import require

FloatArray = npt.NDArray[np.float32]

PAPER_SIGNALS = ("jaccard", "contained", "contains", "rare", "words", "spread")
SIGNALS = (*PAPER_SIGNALS, "quantiles")
LEVELS = np.linspace(0.0, 1.0, 101)
MAX_COLUMNS = 5000
_CHUNK = 2_000_000
"""How many pairs of columns one numpy call looks at."""


def signals_of(columns: Sequence[ColumnText]) -> FloatArray:
    """Return the signals (7, N, N), in the order of ``SIGNALS``; [s, a, b] is how much column a is like b.

    ``jaccard``: shared values over all values of both, in [0, 1].
    ``contained``: share of a's values that b has; ``contains``: share of b's values that a has.
    ``rare``: Jaccard of the sets of each value's rarest word.
    ``words``: cosine of the mean vectors of each value's most frequent word, in [-1, 1].
    ``spread``: 1 - JS divergence of how often words come (natural logarithm), in [1 - ln 2, 1]; 0 for empty columns.
    ``quantiles``: 1 - the largest gap between the distributions of two columns of numbers; 0 for other columns.

    Raises:
        BadInputError: more columns than memory is likely to hold pairs of.
    """
    if len(columns) > MAX_COLUMNS:
        raise BadInputError(
            f"{len(columns)} columns make {len(columns) ** 2:.1e} pairs; at most {MAX_COLUMNS} at once: split the lake"
        )
    rare, frequent = zip(*(_words(column) for column in columns), strict=True)
    shared = overlap([column.counts for column in columns])
    size = np.diag(shared)
    contained = _ratio(shared, np.broadcast_to(size[:, None], shared.shape))
    rare_shared = overlap(rare)
    return np.stack((
        _jaccard(shared), contained, contained.T, _jaccard(rare_shared), _cosine(frequent),
        spread([column.token_counts() for column in columns]), quantile_overlap(columns),
    )).astype(np.float32)  # fmt: skip


def overlap(sets: Sequence[Mapping[str, int]]) -> npt.NDArray[np.float64]:
    """Return (N, N): how many keys each two of ``sets`` share; the sizes stand on the diagonal."""
    table = _table(sets)
    table.data[:] = 1.0
    shared: npt.NDArray[np.float64] = (table @ table.T).toarray()
    return shared


def spread(histograms: Sequence[Mapping[str, int]]) -> npt.NDArray[np.float64]:
    """Return (N, N): 1 - Jensen-Shannon divergence of the histograms, natural logarithm; 0 where one is empty.

    Only words that two columns share need a look: a word of one alone adds p ln 2 to its half of the divergence.
    """
    n = len(histograms)
    table = _table(histograms)
    total = np.asarray(table.sum(1)).ravel()
    table.data /= np.repeat(total, np.diff(table.indptr))
    table = table.tocsc()
    gathered = np.zeros(n * n)
    holders = np.diff(table.indptr)
    for m in np.unique(holders[holders > 1]):  # words that stand in m columns, all at once
        starts = table.indptr[:-1][holders == m]
        step = max(1, _CHUNK // int(m * m))
        for begin in range(0, len(starts), step):
            places = starts[begin : begin + step, None] + np.arange(m)
            who, p = table.indices[places], table.data[places]
            both = p[:, :, None] + p[:, None, :]
            term = p[:, :, None] * np.log(p[:, :, None] / both) + p[:, None, :] * np.log(p[:, None, :] / both)
            pairs = who[:, :, None].astype(np.int64) * n + who[:, None, :]
            gathered += np.bincount(pairs.ravel(), weights=term.ravel(), minlength=n * n)
    divergence = math.log(2.0) + 0.5 * gathered.reshape(n, n)
    np.fill_diagonal(divergence, 0.0)  # words that nobody else has were passed over
    similar: npt.NDArray[np.float64] = 1.0 - np.maximum(divergence, 0.0)
    similar[total == 0] = 0.0
    similar[:, total == 0] = 0.0
    return similar


def quantile_overlap(columns: Sequence[ColumnText]) -> npt.NDArray[np.float64]:
    """Return (N, N): 1 - the Kolmogorov-Smirnov distance of columns of numbers, from 101 quantiles of each."""
    similar = np.zeros((len(columns), len(columns)))
    points = {i: _quantiles(*found) for i, column in enumerate(columns) if (found := column.numbers()) is not None}
    for a, x in points.items():
        for b, y in points.items():
            if a <= b:
                at = np.concatenate((x, y))
                below = np.searchsorted(x, at, "right") - np.searchsorted(y, at, "right")
                similar[a, b] = similar[b, a] = 1.0 - np.abs(below).max() / len(LEVELS)
    return similar


def _quantiles(values: npt.NDArray[np.float64], times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    upto = np.cumsum(times) / times.sum()
    found: npt.NDArray[np.float64] = values[np.minimum(np.searchsorted(upto, LEVELS - 1e-12), len(values) - 1)]
    return found


def _words(column: ColumnText) -> tuple[dict[str, int], dict[str, int]]:
    """Return the sets (as keys) of each value's rarest word and of each value's most frequent word."""
    tokens = column.token_counts()
    rare: Counter[str] = Counter()
    frequent: Counter[str] = Counter()
    for value in column.counts:
        words = tokens_of(value)
        if words:
            rare[min(words, key=lambda word: (tokens[word], word))] += 1
            frequent[max(words, key=lambda word: (tokens[word], word))] += 1
    return dict(rare), dict(frequent)


def _cosine(sets: Sequence[Mapping[str, int]]) -> npt.NDArray[np.float64]:
    words = sorted({word for one in sets for word in one})
    vectors = word_vectors(words)
    place = {word: i for i, word in enumerate(words)}
    mean = np.zeros((len(sets), vectors.shape[1]))
    for row, one in zip(mean, sets, strict=True):
        if one:
            row[:] = vectors[[place[word] for word in sorted(one)]].mean(0)
    unit = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    cosine: npt.NDArray[np.float64] = np.clip(unit @ unit.T, -1.0, 1.0)
    return cosine


def _jaccard(shared: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = np.diag(shared)
    return _ratio(shared, size[:, None] + size[None] - shared)


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _table(sets: Sequence[Mapping[str, int]]) -> Any:
    """Return the counts as a sparse (N, V) matrix of float64."""
    sparse = require("scipy.sparse", extra="offline")
    place: dict[str, int] = {}
    for one in sets:
        for key in one:
            place.setdefault(key, len(place))
    columns = np.array([place[key] for one in sets for key in one], dtype=np.int64)
    counts = np.array([times for one in sets for times in one.values()], dtype=np.float64)
    starts = np.concatenate(([0], np.cumsum([len(one) for one in sets])))
    table = sparse.csr_matrix((counts, columns, starts), shape=(len(sets), max(len(place), 1)))
    table.sort_indices()
    return table
