"""Vectors of words from the letters they are made of, fitted on the words at hand: nothing is downloaded."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selfcue.optional import require

BUCKETS = 2048
GRAMS = (3, 4)


def word_vectors(words: Sequence[str], *, dim: int = 50) -> npt.NDArray[np.float32]:
    """Return a vector of length 1 for each word, (W, dim) or narrower where there are few words.

    A word is its runs of 3 and 4 letters, ends marked, hashed into 2,048 buckets (as in fastText), rare runs weighing
    more; the first directions of a singular value decomposition over all ``words`` remain.

    Source: Bojanowski, Grave, Joulin, Mikolov, TACL 2017, for the runs; the vectors themselves are not theirs.
    """
    sparse = require("scipy.sparse", extra="offline")
    extmath = require("sklearn.utils.extmath", extra="offline")
    if not words:
        return np.zeros((0, 1), dtype=np.float32)
    places = [(row, bucket) for row, word in enumerate(words) for bucket in _buckets(word)]
    rows, columns = np.array(places, dtype=np.int64).T
    table = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(words), BUCKETS))
    seen = np.bincount(table.indices, minlength=BUCKETS)
    table = table @ sparse.diags(np.log((1 + len(words)) / (1 + seen)) + 1.0)
    if min(len(words), BUCKETS) <= dim:
        dense = table.toarray()
    else:
        _, _, directions = extmath.randomized_svd(table, n_components=dim, n_iter=4, random_state=0)
        dense = table @ directions.T
    length = np.linalg.norm(dense, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (dense / np.maximum(length, 1e-12)).astype(np.float32)
    return unit


def _buckets(word: str) -> list[int]:
    marked = f"<{word}>"
    runs = [marked[i : i + n] for n in GRAMS for i in range(len(marked) - n + 1)]
    return [zlib.crc32(run.encode()) % BUCKETS for run in runs or [marked]]
