"""From a scanner's own clock to this machine's, by when its packets came."""

from __future__ import annotations

from selfcue.offsets import Offset, OffsetEstimator

_GROUP = 16
_REFRESH_NS = 200_000_000


class PacketClock:
    """Follows a scanner's clock by the packets that came soonest after they were measured; one thread.

    A turn comes a tenth of a second after its first point; each of its packets comes at once. So the scanner's clock
    is known better from packets than from turns: what is left is the least time that a packet is on its way.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything: the scanner was restarted."""
        self._offsets = OffsetEstimator()
        self._soonest: tuple[int, int] | None = None
        self._count = 0
        self._offset: Offset | None = None

    @property
    def uncertainty_ns(self) -> int:
        """What the times may be wrong by, besides the least delay of a packet."""
        return 0 if self._offset is None else self._offset.uncertainty_ns

    def heard(self, measured_ns: int, arrived_ns: int) -> None:
        """Take a packet whose last measurement was at ``measured_ns`` of the scanner's clock."""
        if self._soonest is None or arrived_ns - measured_ns < self._soonest[1] - self._soonest[0]:
            self._soonest = (measured_ns, arrived_ns)
        self._count += 1
        if self._count % _GROUP and self._offset is not None:
            return
        jump = self._offsets.add_one_way(*self._soonest)
        self._soonest = None
        if self._offset is None or jump is not None or arrived_ns - self._offset.at_ns >= _REFRESH_NS:
            self._offset = self._offsets.estimate(arrived_ns)

    def ours(self, measured_ns: int, latest_ns: int) -> int:
        """Return the time on this machine's monotonic clock, no later than ``latest_ns``, when all was here already."""
        if self._offset is None:
            return latest_ns
        return min(self._offset.to_ours(measured_ns), latest_ns)
