"""Detector of a unit's clock: does it run beside ours, or was it set, or does it run away?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from selfcue.messages import Scalars
from selfcue.sensors.watch import Fault

LAG = "lag_ms"
"""On ``TOPIC/clock``: least time from measurement (the unit's clock) to arrival (ours), less the first."""
_LEAST_COUNT = 5


class ClockWatch:
    """``desync``: the unit's clock jumped; ``drift``: it runs away faster than any crystal.

    Hears ``TOPIC/clock``. A reference follows the least delays at no more than a crystal's rate; what leaves it by more
    than ``most_ms`` is a fault for ``hold_s``, after which the reference begins anew.

    Args:
        most_ms: by which the delay may leave the reference.
        crystal_ppm: how fast the reference may follow.
        block_s: of which the least delay is taken (of five messages at least, so longer for slow telemetry); delays
            only ever add, so a late one must last for two.
        hold_s: see above.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"desync": 1.0, "drift": 30.0}

    def __init__(
        self, *, most_ms: float = 40.0, crystal_ppm: float = 150.0, block_s: float = 0.5, hold_s: float = 5.0
    ) -> None:
        self._most_ms, self._per_s, self._block_s, self._hold_s = most_ms, crystal_ppm * 1e-3, block_s, hold_s
        self._least: float | None = None
        self._begin_ns = -1
        self._count = 0
        self._reference: float | None = None
        self._last_ms = 0.0
        self._late = 0
        self._bad: tuple[str, int, float] | None = None
        self._off_ms = 0.0

    def update(self, message: Scalars) -> None:
        lag_ms = message.values.get(LAG)
        if lag_ms is None:
            return
        if self._begin_ns < 0:
            self._begin_ns = message.stamp_ns
        self._least = lag_ms if self._least is None else min(self._least, lag_ms)
        self._count += 1
        if self._count < _LEAST_COUNT or message.stamp_ns - self._begin_ns < self._block_s * 0.99e9:
            return
        self._take(self._least, (message.stamp_ns - self._begin_ns) * 1e-9, message.stamp_ns)
        self._least, self._begin_ns, self._count = None, message.stamp_ns, 0

    def _take(self, least_ms: float, block_s: float, now_ns: int) -> None:
        if self._reference is None:
            self._reference = self._last_ms = least_ms
        self._off_ms = least_ms - self._reference
        self._late = self._late + 1 if self._off_ms > self._most_ms else 0
        if self._off_ms < -self._most_ms or self._late >= 2:
            name = "desync" if abs(least_ms - self._last_ms) > self._most_ms / 2 else "drift"
            self._bad = (name, now_ns, self._off_ms)
            self._reference = least_ms  # the next fault is one more
            self._late = 0
        else:
            most = self._per_s * block_s
            self._reference += min(most, max(-most, self._off_ms))
        if not self._late:
            self._last_ms = least_ms

    def faults(self, now_ns: int) -> list[Fault]:
        if self._bad is None or now_ns - self._bad[1] > self._hold_s * 1e9:
            return []
        name, _, off_ms = self._bad
        return [Fault(name, "suspect", {"clock_off_ms": off_ms})]

    def evidence(self) -> dict[str, float]:
        return {"clock_off_ms": self._off_ms}

    def meta(self) -> dict[str, Any]:
        return {
            "block": [self._least, self._begin_ns, self._count],
            "reference": self._reference,
            "last_ms": self._last_ms,
            "late": self._late,
            "bad": None if self._bad is None else list(self._bad),
            "off_ms": self._off_ms,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._least, self._begin_ns, self._count = meta["block"]
        self._reference, self._last_ms, self._late = meta["reference"], meta["last_ms"], meta["late"]
        self._bad = None if meta["bad"] is None else (meta["bad"][0], meta["bad"][1], meta["bad"][2])
        self._off_ms = meta["off_ms"]
