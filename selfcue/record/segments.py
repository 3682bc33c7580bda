"""One recording in one file or several: a new one begins where the last has its size or its time.

Each file can be used by itself: what holds until further notice (calibration, maps) is repeated at its beginning, on
channels that say so, and reading the files as one leaves the repetition out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from selfcue.record.encoder import Encoded, Line
from selfcue.record.layout import CONTINUES, SUPERSEDES
from selfcue.record.log_source import LATCHED_TYPES
from selfcue.record.writer import LogWriter

_HELD = frozenset(kind.__name__ for kind in LATCHED_TYPES)

Make = Callable[[Path, dict[str, str]], LogWriter]
"""Makes a writer of a path and further metadata."""


class Segments:
    """Writes files one after another.

    Args:
        next_path: gives the path of the next file.
        make: makes its writer.
        split_bytes, split_ns: size on disk and span of log time after which a new file begins; 0: never.
        begin_ns: log time from which this recording replaces what lies in the same folder already.
        close_with: called at the end of each file for its last metadata records.

    Attributes:
        writer: of the file under way.
        paths: of all files so far.
    """

    def __init__(
        self,
        next_path: Callable[[], Path],
        make: Make,
        *,
        split_bytes: int = 0,
        split_ns: int = 0,
        begin_ns: int = 0,
        close_with: Callable[[], Mapping[str, Mapping[str, str]]] = dict,
    ) -> None:
        self._next_path, self._make, self._close_with = next_path, make, close_with
        self._split_bytes, self._split_ns = split_bytes, split_ns
        self._held: dict[Line, Encoded] = {}
        self._first_ns: int | None = None
        self._counts: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._why_lost = ""
        self.paths: list[Path] = []
        self._begin_ns = begin_ns
        self.writer = self._open()

    def put(self, encoded: Encoded, log_time_ns: int) -> None:
        """Add a message. Raises LossError where the disk is full."""
        if self._first_ns is None:
            self._first_ns = log_time_ns
        elif self._is_full(log_time_ns):
            self._split(log_time_ns)
        if encoded.line.kind in _HELD:
            self._held[encoded.line] = encoded
        self.writer.put(encoded, log_time_ns)

    @property
    def counts(self) -> Counter[str]:
        """Messages by topic over all files, the repeated ones left out."""
        return self._counts + self.writer.counts - self.writer.repeated

    @property
    def lost(self) -> Counter[str]:
        """Lost messages by topic over all files."""
        return self._lost + self.writer.lost

    @property
    def why_lost(self) -> str:
        """What lost the first of them."""
        return self._why_lost or self.writer.why_lost

    def close(self) -> None:
        """Finish the last file. Raises LossError where the disk is full."""
        self.writer.close(self._close_with())

    def _is_full(self, log_time_ns: int) -> bool:
        assert self._first_ns is not None
        if self._split_bytes and self.writer.nbytes >= self._split_bytes:
            return True
        return bool(self._split_ns) and log_time_ns - self._first_ns >= self._split_ns

    def _split(self, log_time_ns: int) -> None:
        before = self.writer
        before.close(self._close_with())
        self._counts += before.counts - before.repeated
        self._lost += before.lost
        self._why_lost = self._why_lost or before.why_lost
        self.writer = self._open()
        self._first_ns = log_time_ns
        for encoded in self._held.values():
            self.writer.put(encoded, log_time_ns, repeated=True)

    def _open(self) -> LogWriter:
        path = self._next_path()
        goes_on = {CONTINUES: "true"} if self.paths else {}
        self.paths.append(path)
        return self._make(path, {"segment": path.stem, SUPERSEDES: str(self._begin_ns), **goes_on})
