"""How long samples take from a unit's clock to ours: what ``TOPIC/clock`` says."""

from __future__ import annotations

import math

PERIOD_NS = 100_000_000


class ClockLag:
    """Takes the least lag of each period, less the very first, so that small changes are not lost in large numbers."""

    def __init__(self) -> None:
        self._first_ns: int | None = None
        self._least_ms = math.inf
        self._began_ns = 0

    def update(self, device_ns: int, arrival_ns: int, stamp_ns: int) -> float | None:
        """Return the least lag [ms] of a period that this sample ends; None within one.

        Args:
            device_ns: time of measurement by the unit's clock.
            arrival_ns: when it came, by ours.
            stamp_ns: of the message, by which periods are counted.
        """
        lag_ns = arrival_ns - device_ns
        if self._first_ns is None:
            self._first_ns, self._began_ns = lag_ns, stamp_ns
        self._least_ms = min(self._least_ms, (lag_ns - self._first_ns) * 1e-6)
        if stamp_ns - self._began_ns < PERIOD_NS:
            return None
        least_ms, self._least_ms, self._began_ns = self._least_ms, math.inf, stamp_ns
        return least_ms
