"""Allan deviation: how much the mean over a time changes from one such time to the next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError


def allan_deviation(
    values: npt.NDArray[np.float64], rate_hz: float, *, points: int = 60
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the overlapping Allan deviation (IEEE Std 952-1997, annex C).

    Of white noise of density N it is ``N / sqrt(tau)``, of a random walk it grows with ``sqrt(tau)``; the flat part
    between both is the bias instability (divided by 0.664).

    Args:
        values: (N,) or (N, C) samples at an even rate, without gaps.
        rate_hz: of the samples.
        points: at most so many averaging times, evenly on a logarithmic scale, up to a third of the recording.

    Returns:
        Averaging times [s], (T,), and deviations in the unit of ``values``, (T,) or (T, C).

    Raises:
        BadInputError: fewer than nine samples, a value that is no number, or no rate.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim not in (1, 2) or len(table) < 9 or not np.isfinite(table).all():
        raise BadInputError(f"allan_deviation: values {table.shape} must be at least nine samples, all of them numbers")
    if not rate_hz > 0 or points < 1:
        raise BadInputError(f"allan_deviation: rate_hz {rate_hz} and points {points} must be above 0")
    angle = np.concatenate([np.zeros((1, *table.shape[1:])), np.cumsum(table - table.mean(axis=0), axis=0)]) / rate_hz
    sizes = np.unique(np.round(np.geomspace(1, len(table) // 3, points)).astype(int))
    found = []
    for size in sizes:
        second = angle[2 * size :] - 2 * angle[size:-size] + angle[: -2 * size]
        found.append(np.sqrt(np.mean(second**2, axis=0) / 2) * rate_hz / size)
    return sizes / rate_hz, np.array(found)
