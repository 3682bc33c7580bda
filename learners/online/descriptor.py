"""A short vector that tells alike lessons from different ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.learners.online.interfaces import Lesson

_ROWS, _COLUMNS = 12, 16


def describe(lesson: Lesson) -> npt.NDArray[np.float32]:
    """Return a unit vector of the lesson's inputs, whose dot product is the cosine similarity of two lessons.

    An input with two or more axes (a picture) is averaged over channels and to a grid of 12 x 16 cells, its mean taken
    out, so that exposure counts for nothing; anything smaller stands for itself. The zero vector (a picture without any
    structure) is like nothing, not even itself.
    """
    parts = []
    for _, array in sorted(lesson.inputs.items()):
        values = array.astype(np.float32)
        if values.ndim >= 2:
            values = values.mean(axis=tuple(range(2, values.ndim))) if values.ndim > 2 else values
            values = _grid(values)
            values = values - values.mean()
        parts.append(values.reshape(-1))
    vector = np.concatenate(parts)
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 1e-6 else np.zeros_like(vector)


def _grid(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average (H, W) over a grid of at most 12 x 16 cells."""
    for axis, cells in ((0, _ROWS), (1, _COLUMNS)):
        size = values.shape[axis]
        if size > cells:
            starts = np.arange(cells) * size // cells
            counts = np.diff(np.append(starts, size)).astype(np.float32)
            counts = counts[:, None] if axis == 0 else counts[None, :]
            values = (np.add.reduceat(values, starts, axis=axis) / counts).astype(np.float32)
    return values
