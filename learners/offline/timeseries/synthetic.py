"""Windows of which it is known what makes their class: the yardsticks of explanations, drawn from a generator.

Source: Queen et al. (TimeX), NeurIPS 2023, appendix on synthetic data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.data.windows import Windows

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Marked:
    """Windows and the samples that make their class.

    Attributes:
        windows: with labels.
        salient: (N, T, D) bool.
    """

    windows: Windows
    salient: npt.NDArray[np.bool_]


def make_freqshapes(n: int, rng: np.random.Generator, *, noise: float = 0.25) -> Marked:
    """Return ``n`` windows of 50 samples of one sensor with spikes three samples wide.

    Class = shape + 2 * period: spikes go down (0) or up (1), every 10 samples (0) or every 17 (2).
    """
    t = 50
    x, salient, y = np.zeros((n, t)), np.zeros((n, t), dtype=bool), _classes(n, 4, rng)
    bump = 2.0 - 0.25 * np.arange(-1, 2) ** 2
    for row, label in enumerate(y):
        period = 17 if label >= 2 else 10
        centres = np.arange(rng.integers(0, t - period), t, period)
        for centre in centres[(centres > 0) & (centres < t - 1)]:
            x[row, centre - 1 : centre + 2] = bump if label % 2 else -bump
            salient[row, centre - 1 : centre + 2] = True
    x += rng.normal(0.0, noise, x.shape)
    return _marked(x[..., None], salient[..., None], y, "freqshapes")


def make_seqcomb(n: int, rng: np.random.Generator, *, sensors: int = 4) -> Marked:
    """Return ``n`` windows of 200 samples with two rippled trends, 10 to 19 samples long, on a background of NARMA-2.

    Classes: none; both rising; both falling; the first rising, the second falling. With one sensor both lie on it,
    one after the other; with several on two of them, drawn anew for each window.
    """
    t = 200
    y, salient = _classes(n, 4, rng), np.zeros((n, t, sensors), dtype=bool)
    x = narma(n * sensors, t, rng).reshape(n, sensors, t).transpose(0, 2, 1) + rng.normal(0.0, 0.01, (n, t, sensors))
    rising = {1: (1.0, 1.0), 2: (-1.0, -1.0), 3: (1.0, -1.0)}
    for row, label in enumerate(y):
        if label == 0:
            continue
        on = rng.choice(sensors, 2, replace=False) if sensors > 1 else np.zeros(2, dtype=np.int64)
        height = 5.0 * (abs(x[row].min()) + abs(x[row].max()))
        earliest, latest = 0, t // 2
        for sensor, sign in zip(on, rising[int(label)], strict=True):
            length = int(rng.integers(10, 20))
            begin = int(rng.integers(earliest, latest - length if latest == t else latest))
            place = np.arange(length) - length // 2
            ripple = np.sin(rng.uniform(1.5, 3.1) * place)
            x[row, begin : begin + length, sensor] = sign * height / length * place + ripple
            salient[row, begin : begin + length, sensor] = True
            earliest, latest = begin + length, t
    return _marked(x, salient, y, f"seqcomb of {sensors}")


def make_lowvar(n: int, rng: np.random.Generator) -> Marked:
    """Return ``n`` noisy windows of 200 samples of two sensors with a calm stretch of 10 to 19 samples.

    Class = level + 2 * sensor: the stretch lies at -1.5 (0) or +1.5 (1), deviation 0.1, on sensor 0 or 1 (2).
    """
    t = 200
    y, salient = _classes(n, 4, rng), np.zeros((n, t, 2), dtype=bool)
    x = narma(2 * n, t, rng).reshape(n, 2, t).transpose(0, 2, 1) + rng.normal(0.0, 1.0, (n, t, 2))
    for row, label in enumerate(y):
        length, begin, sensor = int(rng.integers(10, 20)), int(rng.integers(20, t - 40)), int(label // 2)
        x[row, begin : begin + length, sensor] = rng.normal(1.5 if label % 2 else -1.5, 0.1, length)
        salient[row, begin : begin + length, sensor] = True
    return _marked(x, salient, y, "lowvar")


def narma(n: int, t: int, rng: np.random.Generator) -> FloatArray:
    """Return ``n`` series (n, t) of ``x' = 0.4 x + 0.4 x x_before + 0.6 u^3 + 0.1``, u drawn from [0, 0.5)."""
    warm = 20
    u = rng.uniform(0.0, 0.5, (n, t + warm))
    x = np.zeros((n, t + warm))
    for i in range(1, t + warm - 1):
        x[:, i + 1] = 0.4 * x[:, i] + 0.4 * x[:, i] * x[:, i - 1] + 0.6 * u[:, i] ** 3 + 0.1
    return x[:, warm:]


MAKERS: dict[str, Callable[[int, np.random.Generator], Marked]] = {
    "freqshapes": make_freqshapes,
    "seqcomb-uv": partial(make_seqcomb, sensors=1),
    "seqcomb-mv": partial(make_seqcomb, sensors=4),
    "lowvar": make_lowvar,
}
"""The four sets by name: how many windows, and where to draw from."""


def _classes(n: int, k: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return ``n`` labels, as many of each class as can be, in random order."""
    return rng.permutation(np.arange(n) % k)


def _marked(x: FloatArray, salient: npt.NDArray[np.bool_], y: npt.NDArray[np.int64], name: str) -> Marked:
    return Marked(Windows(np.ascontiguousarray(x, dtype=np.float32), y, name=name), salient)
