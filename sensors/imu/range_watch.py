"""Detector of saturation: the motion is larger than the unit's range."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from selfcue.messages import Imu
from selfcue.sensors.watch import Fault

_RUN = 3
_LEAST = (15.0, 15.0, 15.0, 3.0, 3.0, 3.0)  # m/s^2, rad/s: no unit's range is smaller
_NEAR = 0.998


class RangeWatch:
    """``saturated``: an axis stays at the limit of its range for three samples in a row.

    Where the range was not told, the limit is the largest value that an axis ever gave: at a limit it comes again and
    again, exactly; so twice as many such samples are asked for.

    Args:
        accel_limit: range of the accelerometer [m/s^2]; 0: not known.
        gyro_limit: range of the gyroscope [rad/s]; 0: not known.
        window_s: for which saturation counts.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"saturated": 2.0}

    def __init__(self, *, accel_limit: float = 0.0, gyro_limit: float = 0.0, window_s: float = 2.0) -> None:
        self._told = [accel_limit] * 3 + [gyro_limit] * 3
        self._window_ns = round(window_s * 1e9)
        self._largest = list(_LEAST)
        self._runs = [0] * 6
        self._hits: deque[tuple[int, int, int]] = deque()

    def update(self, message: Imu) -> None:
        for i, value in enumerate((*message.linear_acceleration, *message.angular_velocity)):
            size, told = abs(value), self._told[i]
            if told:
                at_limit = size >= _NEAR * told
            else:
                at_limit = size == self._largest[i] and size > _LEAST[i]
                if size > self._largest[i]:
                    self._largest[i] = size
                    self._hits = deque(hit for hit in self._hits if hit[1] != i)  # that was not the limit yet
                    self._runs[i] = 1
                    continue
            self._runs[i] = self._runs[i] + 1 if at_limit else 0
            if self._runs[i] >= _RUN:
                self._hits.append((message.stamp_ns, i, _RUN if self._runs[i] == _RUN else 1))

    def _samples(self, now_ns: int) -> float:
        """Return how many samples of the window lay at a limit; for an axis that was not told, half as many."""
        while self._hits and now_ns - self._hits[0][0] > self._window_ns:
            self._hits.popleft()
        return sum(count * (1.0 if self._told[i] else 0.5) for _, i, count in self._hits)

    def faults(self, now_ns: int) -> list[Fault]:
        samples = self._samples(now_ns)
        return [Fault("saturated", "suspect", {"saturated_samples": samples})] if samples >= _RUN else []

    def evidence(self) -> dict[str, float]:
        return {"largest_accel": max(self._largest[:3]), "largest_gyro": max(self._largest[3:])}

    def meta(self) -> dict[str, Any]:
        return {"largest": self._largest, "runs": self._runs, "hits": [list(hit) for hit in self._hits]}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._largest, self._runs = list(meta["largest"]), list(meta["runs"])
        self._hits = deque((a, b, c) for a, b, c in meta["hits"])
