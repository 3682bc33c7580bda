"""Turns of an Ouster out of packets as the network brings them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from selfcue.errors import BadInputError
from selfcue.sensors.lidar.ouster import FRAME, OusterScans
from selfcue.sensors.lidar.ouster_metadata import OusterMetadata
from selfcue.sensors.lidar.ouster_packet import Columns
from selfcue.sensors.lidar.turns import COUNTS, Turn

_FRAMES = 1 << 16
_RESTART_AFTER = 64


@dataclass
class _Open:
    """A turn whose packets still come, by the number of their first column."""

    frame: int
    packets: dict[int, Columns] = field(default_factory=dict)


class OusterTurns:
    """Packets into turns: each is given when it is whole, or when its successor has come so far that it will not be.

    Args:
        metadata: of the sensor and mode.
        least_share: a turn of which less came is counted and not given.
        wait_packets: of the next turn (a quarter of it at most) that a turn waits for its own that are late.
    """

    def __init__(
        self, metadata: OusterMetadata, frame_id: str = FRAME, *, least_share: float = 0.5, wait_packets: int = 8
    ) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._scans = OusterScans(metadata, frame_id)
        self._metadata, self._least_share = metadata, least_share
        self.expected = _expected(metadata)
        self._wait = max(1, min(wait_packets, self.expected // 4))
        self._open: list[_Open] = []
        self._closed: int | None = None  # the frame that was closed last
        self._given: int | None = None
        self._stray = 0
        self._had: deque[tuple[int, int]] = deque(maxlen=2 * self.expected)  # frame and first column, of closed turns

    @property
    def turn_hz(self) -> float:
        """Turns a second, as the mode says; 0 where the metadata does not name it."""
        return self._metadata.turn_hz

    def is_mine(self, data: bytes) -> bool:
        """Tell whether ``data`` may be a packet of the sensor."""
        return len(data) == self._scans.format.packet_bytes

    def feed(self, data: bytes) -> tuple[int | None, list[Turn]]:
        try:
            columns = self._scans.format.decode(data)
        except BadInputError:
            columns = None
        if columns is None or not self._is_sound(columns):
            self.counts["garbage"] += 1
            return None, []
        self.counts["packets"] += 1
        turns = self._take(columns)
        measured = columns.stamps_ns[columns.valid]
        return (int(measured.max()) if measured.size else None), turns

    def flush(self) -> list[Turn]:
        return [turn for one in self._open[:] for turn in self._close(one)]

    def _is_sound(self, columns: Columns) -> bool:
        """Tell whether the columns are numbered as a sensor's are; chance does not do that."""
        count = self._metadata.columns_per_packet
        first = int(columns.numbers[0])
        return first % count == 0 and bool((columns.numbers == first + np.arange(count)).all())

    def _take(self, columns: Columns) -> list[Turn]:
        if self._closed is not None and (ahead := _ahead(columns.frame, self._closed)) <= 0:
            self._stray += 1
            if ahead > -_RESTART_AFTER and self._stray < 2 * self.expected:
                again = (columns.frame, int(columns.numbers[0])) in self._had
                self.counts["duplicated" if again else "late"] += 1
                return []
            turns = self.flush()  # so far back is no delay: the sensor counts anew
            self.counts["restarts"] += 1
            self._open, self._closed, self._given = [], None, None
            return turns + self._take(columns)
        self._stray = 0
        one = next((one for one in self._open if one.frame == columns.frame), None)
        if one is None:
            one = _Open(columns.frame)
            self._open.append(one)
            self._open.sort(key=lambda other: _ahead(other.frame, columns.frame))
        first = int(columns.numbers[0])
        if first in one.packets:
            self.counts["duplicated"] += 1
            return []
        one.packets[first] = columns
        return self._due()

    def _due(self) -> list[Turn]:
        """Close the turns that are whole and those that need not be waited for."""
        turns: list[Turn] = []
        while self._open:
            oldest, newer = self._open[0], self._open[1:]
            waited = sum(len(one.packets) for one in newer) >= self._wait
            whole = len(oldest.packets) >= self.expected
            if not whole and not waited:
                break
            turns += self._close(oldest)
        return turns

    def _close(self, one: _Open) -> list[Turn]:
        self._open.remove(one)
        if self._closed is not None:
            gone = _ahead(one.frame, self._closed) - 1
            self.counts["lost_turns"] += gone
            self.counts["lost"] += gone * self.expected
        self._closed = one.frame
        self._had.extend((one.frame, first) for first in one.packets)
        missing = max(0, self.expected - len(one.packets))
        share = len(one.packets) / self.expected
        if share < self._least_share:
            self.counts["partial"] += 1
            missing = 0 if self._given is None else missing  # listening began in the middle of it
            self.counts["lost"] += missing
            return []
        self.counts["lost"] += missing
        lost = 0 if self._given is None else _ahead(one.frame, self._given) - 1
        self._given = one.frame
        self.counts["turns"] += 1
        packets = sorted(one.packets.values(), key=lambda columns: int(columns.stamps_ns[0]))
        ended_ns = max(int(columns.stamps_ns[-1]) for columns in packets)
        return [Turn(self._scans.cloud(packets), ended_ns, min(1.0, share), lost)]


def _ahead(frame: int, other: int) -> int:
    """Return how many turns ``frame`` lies after ``other``; the count begins anew after 65535."""
    return (frame - other + _FRAMES // 2) % _FRAMES - _FRAMES // 2


def _expected(metadata: OusterMetadata) -> int:
    """Return how many packets a turn has: those with a column inside the window that the sensor measures."""
    first, last = metadata.column_window
    count = metadata.columns_per_frame
    inside = np.arange(first, last + 1 if last >= first else last + 1 + count) % count
    return len(np.unique(inside // metadata.columns_per_packet))
