"""Rotations out of a gyro's readings: from any moment to any other, exact to third order in the interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.optional import require

Floats = npt.NDArray[np.float64]


class GyroTurns:
    """Readings of a gyro as rotations.

    Args:
        times_s: (N,) strictly increasing.
        rates: (N, 3) [rad/s] in the sensor's frame.
        bias: (3,) [rad/s], taken off all readings.
    """

    def __init__(self, times_s: Floats, rates: Floats, bias: Floats | None = None) -> None:
        clean = rates if bias is None else rates - bias
        self._times_s = times_s
        steps = 0.5 * (clean[1:] + clean[:-1]) * np.diff(times_s)[:, None]
        self._sum = np.vstack([np.zeros(3), np.cumsum(steps, axis=0)])
        # The part of second order: rotations about changing axes do not just add up (W. Magnus, 1954).
        self._mixed = np.vstack([np.zeros(3), np.cumsum(np.cross(self._sum[:-1], steps), axis=0)])

    def between(self, first_s: Floats, last_s: Floats) -> Floats:
        """Return rotation vectors (M, 3) [rad] from moments ``first_s`` (M,) to ``last_s``, in the first's frame."""
        a, b = self._at(self._sum, first_s), self._at(self._sum, last_s)
        mixed = self._at(self._mixed, last_s) - self._at(self._mixed, first_s)
        turned: Floats = b - a + 0.5 * (mixed - np.cross(a, b - a))
        return turned

    def _at(self, values: Floats, moments_s: Floats) -> Floats:
        return np.column_stack([np.interp(moments_s, self._times_s, column) for column in values.T])


def matrices(vectors: Floats) -> Floats:
    """Return the rotation matrices (N, 3, 3) of rotation vectors (N, 3) [rad] (Rodrigues' formula)."""
    angle = np.linalg.norm(vectors, axis=1)
    small = angle < 1e-8
    axis = vectors / np.where(small, 1.0, angle)[:, None]
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    found: Floats = np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross)
    found[small] = np.eye(3)
    return found


def vectors(turns: Floats) -> Floats:
    """Return the rotation vectors (N, 3) [rad] of matrices (N, 3, 3)."""
    cv2: Any = require("cv2", extra="vision")
    return np.array([cv2.Rodrigues(turn)[0].ravel() for turn in turns], dtype=np.float64).reshape(-1, 3)


def best_turn(sources: Floats, targets: Floats) -> Floats:
    """Return the rotation matrix that brings ``sources`` (N, 3) nearest to ``targets`` (W. Kabsch, 1976)."""
    u, _, vt = np.linalg.svd(targets.T @ sources)
    sign = np.sign(np.linalg.det(u @ vt))
    found: Floats = u @ np.diag([1.0, 1.0, sign]) @ vt
    return found
