"""The recent past in memory: what a snapshot writes out when something has happened."""

from __future__ import annotations

from collections import deque

from selfcue.errors import BadInputError
from selfcue.record.encoder import Encoded, Line
from selfcue.record.log_source import LATCHED_TYPES

_HELD = frozenset(kind.__name__ for kind in LATCHED_TYPES)
_OVERHEAD = 400
"""Memory of an entry besides its bytes."""


class Ring:
    """Holds encoded messages of the last ``keep_ns`` of log time, within ``most_bytes``.

    What holds until further notice (calibration, maps) is kept however old it is.

    Attributes:
        nbytes: memory that is taken, within a few per cent.
        squeezed: messages that had to go for want of memory before their time was over.
    """

    def __init__(self, keep_ns: int, most_bytes: int) -> None:
        if keep_ns <= 0 or most_bytes <= 0:
            raise BadInputError(
                f"a ring of {keep_ns} ns and {most_bytes} bytes holds nothing; give more than 0 of both"
            )
        self.nbytes = 0
        self.squeezed = 0
        self._keep_ns, self._most_bytes = keep_ns, most_bytes
        self._entries: deque[tuple[int, Encoded, int]] = deque()
        self._held: dict[Line, Encoded] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, encoded: Encoded, log_time_ns: int) -> None:
        """Add a message; the oldest go where they are too old or there is too much."""
        size = encoded.nbytes + _OVERHEAD
        self._entries.append((log_time_ns, encoded, size))
        self.nbytes += size
        while self._entries[0][0] < log_time_ns - self._keep_ns:
            self._forget()
        while self.nbytes > self._most_bytes and len(self._entries) > 1:
            self._forget()
            self.squeezed += 1

    def _forget(self) -> None:
        _, encoded, size = self._entries.popleft()
        self.nbytes -= size
        if encoded.line.kind in _HELD:
            self._held[encoded.line] = encoded

    def recent(self, span_ns: int = 0) -> tuple[list[Encoded], list[tuple[int, Encoded]]]:
        """Return what is held from before, and the messages of the last ``span_ns`` (0: all) with their log times."""
        if not self._entries:
            return list(self._held.values()), []
        from_ns = self._entries[-1][0] - span_ns if span_ns else self._entries[0][0]
        held = dict(self._held)
        taken: list[tuple[int, Encoded]] = []
        for log_time_ns, encoded, _ in self._entries:
            if log_time_ns >= from_ns:
                taken.append((log_time_ns, encoded))
            elif encoded.line.kind in _HELD:
                held[encoded.line] = encoded
        return list(held.values()), taken
