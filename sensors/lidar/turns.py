"""What is made of packets that come as networks bring them: turns, and counts of all that went wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from selfcue.messages import PointCloud

COUNTS = ("packets", "garbage", "duplicated", "late", "lost", "turns", "partial", "lost_turns", "restarts")
"""What is counted: packets taken; of those no packets at all, those that came before, those that came too late for
their turn, those that never came; turns given, turns that were not given because too little of them came, turns of
which nothing came; restarts of the sensor."""


@dataclass(frozen=True)
class Turn:
    """One turn.

    Attributes:
        cloud: its points, stamped by the sensor's own clock.
        ended_ns: the sensor's time of its last packet's last measurement.
        share: of its packets, how many came, 0 to 1.
        lost: turns between the last one given and this one.
    """

    cloud: PointCloud
    ended_ns: int
    share: float
    lost: int


class TurnMaker(Protocol):
    """Puts turns together out of packets in any order, with loss, duplicates and garbage between them."""

    counts: Counter[str]

    @property
    def turn_hz(self) -> float:
        """Turns a second; 0 while unknown."""
        ...

    def is_mine(self, data: bytes) -> bool:
        """Tell at a glance whether ``data`` may be a packet of the sensor; ``feed`` looks closer."""
        ...

    def feed(self, data: bytes) -> tuple[int | None, list[Turn]]:
        """Take a packet.

        Returns:
            The sensor's time of the packet's last measurement [ns], None where it is no packet of this sensor; and
            the turns that are now as whole as they will be.

        Raises:
            BadInputError: it is of a sensor or mode that cannot be decoded, so that nothing will be.
        """
        ...

    def flush(self) -> list[Turn]:
        """Return what is under way, and forget it."""
        ...
