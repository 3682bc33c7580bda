"""From a driver's stamps to the system's time: every reading gets one, and they never go back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from selfcue.offsets import Offset, OffsetEstimator
from selfcue.sensors.driver import Domain

_REFRESH_NS = 100_000_000


class Stamper:
    """Stamps the readings of one connection; one thread.

    A device's own clock is followed by the least delays of its readings (``OffsetEstimator``): the stamps keep the
    device's even spacing, and are late by the least time that a reading takes to arrive, which one side cannot tell.

    Args:
        domain: by which clock the driver stamps.
        now_ns: the system's clock.
    """

    def __init__(self, domain: Domain, now_ns: Callable[[], int]) -> None:
        self._domain, self._now_ns = domain, now_ns
        self._monotonic_ahead_ns = now_ns() - time.monotonic_ns()
        self._offsets = OffsetEstimator()
        self._offset: Offset | None = None
        self._last_ns = 0
        self.set_back = 0

    @property
    def jumps(self) -> int:
        """How often the device's clock was set while it was connected."""
        return len(self._offsets.jumps)

    @property
    def uncertainty_ns(self) -> int:
        """What the stamps may be wrong by besides the least delay; 0 where the driver's clock is this machine's."""
        return 0 if self._offset is None else self._offset.uncertainty_ns

    def stamp(self, driver_ns: Sequence[int]) -> list[int]:
        """Return the system's times of readings that have just come together, oldest first, stamped by their driver.

        Of those that come together the last has waited least, so it alone tells how far the device's clock is.
        """
        now_ns = self._now_ns()
        if self._domain == "device" and driver_ns:
            self._follow(driver_ns[-1], now_ns)
        return [self._after_last(self._translated(one_ns, now_ns)) for one_ns in driver_ns]

    def _translated(self, driver_ns: int, now_ns: int) -> int:
        if self._domain == "monotonic":
            return driver_ns + self._monotonic_ahead_ns
        if self._domain == "arrival" or self._offset is None:
            return now_ns
        return min(self._offset.to_ours(driver_ns), now_ns)

    def _after_last(self, stamp_ns: int) -> int:
        self.set_back += stamp_ns < self._last_ns
        self._last_ns = max(stamp_ns, self._last_ns + 1)
        return self._last_ns

    def _follow(self, driver_ns: int, now_ns: int) -> None:
        jump = self._offsets.add_one_way(driver_ns, now_ns)
        if self._offset is None or jump is not None or now_ns - self._offset.at_ns >= _REFRESH_NS:
            self._offset = self._offsets.estimate(now_ns)
