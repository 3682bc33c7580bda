"""When a unit is at rest: found in a stream, sample by sample, by the same rule for watches and calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.messages import Vector3

_AXES = 6
Block = tuple[int, int, int, list[float], list[float]]
"""First and last stamp, count, sums and sums of squares of gyro x y z, accel x y z."""


@dataclass(frozen=True)
class RestConfig:
    """What counts as rest.

    Attributes:
        window_s: of which the deviations are taken.
        block_s: rest is looked for so often.
        accel_std: most standard deviation of each axis of the accelerometer [m/s^2].
        gyro_std: the same of the gyroscope [rad/s].
        gyro_most: most mean angular velocity [rad/s]; an even turn is no rest, a biased gyroscope is.
    """

    window_s: float = 1.0
    block_s: float = 0.1
    accel_std: float = 0.08
    gyro_std: float = 0.012
    gyro_most: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.block_s <= self.window_s or min(self.accel_std, self.gyro_std, self.gyro_most) <= 0:
            raise ValueError("window_s must hold at least one block_s, and the limits of rest must be above 0")


@dataclass(frozen=True)
class Rest:
    """A window without motion: mean specific force [m/s^2] and angular velocity [rad/s] from start to end."""

    start_ns: int
    end_ns: int
    accel: Vector3
    gyro: Vector3

    @property
    def norm(self) -> float:
        """Length of the specific force [m/s^2]."""
        return math.hypot(*self.accel)


class RestFinder:
    """Tells after each sample whether the last ``window_s`` were a rest. Stamps rise; a gap begins the window anew."""

    def __init__(self, config: RestConfig | None = None) -> None:
        self.config = config or RestConfig()
        self._blocks: list[Block] = []
        self._begin()

    def _begin(self) -> None:
        self._first_ns = self._last_ns = -1
        self._count = 0
        self._sum, self._square = [0.0] * _AXES, [0.0] * _AXES

    def update(self, stamp_ns: int, accel: Vector3, gyro: Vector3) -> Rest | None:
        """Return the rest that ends with this sample, if a block is complete and there is one."""
        if self._last_ns >= 0 and stamp_ns - self._last_ns > self.config.window_s * 0.5e9:
            self._blocks.clear()
            self._begin()
        if self._first_ns < 0:
            self._first_ns = stamp_ns
        self._last_ns = stamp_ns
        self._count += 1
        if gyro[0] != gyro[0]:  # a unit without a gyroscope
            gyro = (0.0, 0.0, 0.0)
        for i, value in enumerate((*gyro, *accel)):
            self._sum[i] += value
            self._square[i] += value * value
        if stamp_ns - self._first_ns < self.config.block_s * 1e9:
            return None
        self._blocks.append((self._first_ns, stamp_ns, self._count, self._sum, self._square))
        self._begin()
        self._last_ns = stamp_ns
        while len(self._blocks) > 1 and stamp_ns - self._blocks[1][0] >= self.config.window_s * 0.99e9:
            self._blocks.pop(0)
        return self._judge()

    def _judge(self) -> Rest | None:
        config = self.config
        start_ns, end_ns = self._blocks[0][0], self._blocks[-1][1]
        if end_ns - start_ns < config.window_s * 0.9e9:
            return None
        count = sum(block[2] for block in self._blocks)
        mean = [sum(block[3][i] for block in self._blocks) / count for i in range(_AXES)]
        for i in range(_AXES):
            square = sum(block[4][i] for block in self._blocks) / count
            limit = config.gyro_std if i < 3 else config.accel_std
            if not square - mean[i] ** 2 <= limit**2:  # nor where it is NaN
                return None
        if math.hypot(*mean[:3]) > config.gyro_most:
            return None
        gyro: Vector3 = (mean[0], mean[1], mean[2])
        accel: Vector3 = (mean[3], mean[4], mean[5])
        return Rest(start_ns, end_ns, accel, gyro)

    def meta(self) -> dict[str, Any]:
        return {
            "blocks": [list(block) for block in self._blocks],
            "block": [self._first_ns, self._last_ns, self._count, self._sum, self._square],
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._blocks = [(a, b, c, list(d), list(e)) for a, b, c, d, e in meta["blocks"]]
        self._first_ns, self._last_ns, self._count, total, square = meta["block"]
        self._sum, self._square = list(total), list(square)


def rests(
    stamps_ns: npt.NDArray[np.int64],
    accel: npt.NDArray[np.float64],
    gyro: npt.NDArray[np.float64],
    config: RestConfig | None = None,
) -> Iterator[Rest]:
    """Yield the rests of a recording, each as long as it lasted.

    Args:
        stamps_ns: (N,) rising.
        accel: (N, 3) [m/s^2].
        gyro: (N, 3) [rad/s].
        config: what counts as rest.
    """
    finder = RestFinder(config)
    spans: list[list[int]] = []
    for stamp_ns, force, turn in zip(stamps_ns.tolist(), accel.tolist(), gyro.tolist(), strict=True):
        rest = finder.update(stamp_ns, tuple(force), tuple(turn))
        if rest is None:
            continue
        if spans and rest.start_ns <= spans[-1][1] and _same_way(rest, accel, stamps_ns, spans[-1]):
            spans[-1][1] = rest.end_ns
        else:
            spans.append([rest.start_ns, rest.end_ns])
    for start_ns, end_ns in spans:
        inside = slice(*np.searchsorted(stamps_ns, [start_ns, end_ns + 1]).tolist())
        force, turn = accel[inside].mean(axis=0).tolist(), gyro[inside].mean(axis=0).tolist()
        yield Rest(start_ns, end_ns, tuple(force), tuple(turn))


def _same_way(rest: Rest, accel: npt.NDArray[np.float64], stamps_ns: npt.NDArray[np.int64], span: list[int]) -> bool:
    """Tell whether a rest lies as the one that it goes on from (a slow tilt is not one long rest)."""
    begin = int(np.searchsorted(stamps_ns, span[0]))
    stop = int(np.searchsorted(stamps_ns, span[0] + round(1e9)))
    return angle_deg(rest.accel, tuple(accel[begin : max(stop, begin + 1)].mean(axis=0).tolist())) < 3.0


def angle_deg(one: Vector3, other: Vector3) -> float:
    """Return the angle between two vectors [degrees]; 0 where one of them is zero."""
    cross = (
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )
    along = sum(a * b for a, b in zip(one, other, strict=True))
    return math.degrees(math.atan2(math.hypot(*cross), along))
