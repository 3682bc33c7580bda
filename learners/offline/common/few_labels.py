"""Draws of few labels: so many a class to learn from, others to choose and to judge by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.probes import Split


def draw_split(
    y: npt.NDArray[np.int64], per_class: int, rng: np.random.Generator, *, n_val: int = 500, n_test: int = 1000
) -> Split:
    """Return ``per_class`` training rows of each class, then ``n_val`` and ``n_test`` of the rest, none twice.

    Rows with the class -1 (unknown) are never drawn.

    Raises:
        BadInputError: a class has too few rows, or too few are left to judge by.
    """
    classes, counts = np.unique(y[y >= 0], return_counts=True)
    if not len(classes) or counts.min() < per_class:
        smallest = f"class {classes[counts.argmin()]} has {counts.min()}" if len(classes) else "there are no labels"
        raise BadInputError(f"{per_class} labels a class asked for, but {smallest}")
    train = np.concatenate([rng.choice(np.flatnonzero(y == c), per_class, replace=False) for c in classes])
    rest = rng.permutation(np.setdiff1d(np.flatnonzero(y >= 0), train))
    if len(rest) < n_val + n_test:
        raise BadInputError(f"{n_val} and {n_test} rows to choose and to judge by, but only {len(rest)} are left")
    return Split(np.sort(train), np.sort(rest[:n_val]), np.sort(rest[n_val : n_val + n_test]))
