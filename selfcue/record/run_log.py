"""The log of a run: segments ``0000.mcap``, ``0001.mcap``, ... read as one.

A run that was cut and resumed begins a new segment. The new one replaces all that earlier ones recorded from the log
time at which it took over, so the whole reads as if the run had never been cut. A segment that was begun because the
last one was full replaces nothing of that; what it repeats, so that it can be used by itself, is read once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from selfcue.errors import BadInputError
from selfcue.record.entry import LogEntry, OnDamage, TopicInfo
from selfcue.record.layout import CONTINUES, START, SUPERSEDES
from selfcue.record.reader import LogReader
from selfcue.record.scan import Damage

if TYPE_CHECKING:
    from typing_extensions import Self

FOLDER = "log"
"""Where a run keeps its segments."""
_SEGMENT = re.compile(r"\d{4,}\.mcap")


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in ``folder``, a run's folder or the ``log`` folder in it, in order."""
    for place in (folder, folder / FOLDER):
        if place.is_dir():
            found = [path for path in place.iterdir() if _SEGMENT.fullmatch(path.name)]
            if found:
                return sorted(found, key=lambda path: int(path.stem))
    return []


def next_segment(folder: Path) -> Path:
    """Return the name of the next segment to write in ``folder`` (the log folder itself)."""
    taken = [int(path.stem) for path in segment_paths(folder)]
    return folder / f"{max(taken, default=-1) + 1:04d}.mcap"


class RunLog:
    """Reads all segments of a run; the same questions and answers as a ``LogReader``.

    Raises:
        BadInputError: the folder holds no segment, or one of them is no log.
    """

    def __init__(self, folder: Path | str) -> None:
        self.path = Path(folder)
        paths = segment_paths(self.path)
        if not paths:
            raise BadInputError(f"{self.path} holds no log (no 0000.mcap in it or in its folder {FOLDER})")
        self._readers: list[LogReader] = []
        self._empty: list[Path] = []
        try:
            for path in paths:
                if path.stat().st_size:
                    self._readers.append(LogReader(path))
                else:
                    self._empty.append(path)  # killed between making the file and its first byte
            if not self._readers:
                raise BadInputError(f"{self.path}: every segment is empty; nothing was recorded")
        except BaseException:
            self.close()
            raise
        self._ends = _ends_of(self._readers)

    @property
    def start_ns(self) -> int:
        return min((reader.start_ns for reader, _ in self._used()), default=0)

    @property
    def end_ns(self) -> int:
        return max((min(reader.end_ns, end or reader.end_ns) for reader, end in self._used()), default=0)

    @property
    def loss(self) -> str:
        """What is missing, in one line; empty where nothing is.

        What a segment lost after another one took over is not missed: at a resume, all that counts of the earlier one
        is in its file.
        """
        parts = []
        for reader, end in self._used():
            replaced = end is not None and reader.cut_short and not reader.damage
            if reader.loss and not replaced:
                parts.append(f"{reader.path.name}: {reader.loss}")
        return "; ".join(parts)

    @property
    def complete(self) -> bool:
        return not self.loss

    @property
    def damage(self) -> list[Damage]:
        """Damaged parts of all segments, so far as they are known."""
        return [damage for reader in self._readers for damage in reader.damage]

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """The metadata of the last segment."""
        return self._readers[-1].metadata

    def attachment(self, name: str) -> bytes:
        """Return an attachment of the last segment."""
        return self._readers[-1].attachment(name)

    def topics(self) -> dict[str, TopicInfo]:
        """Return all topics, sorted by name; what was replaced is not counted."""
        found: dict[str, TopicInfo] = {}
        for number, (reader, end) in enumerate(self._used()):
            for topic, info in reader.topics(end, repeated=number == 0).items():
                before = found.get(topic)
                if before is not None:
                    sources = tuple(sorted({*before.sources, *info.sources}))
                    info = replace(info, count=before.count + info.count, sources=sources)  # noqa: PLW2901
                found[topic] = info
        return dict(sorted(found.items()))

    def __iter__(self) -> Iterator[LogEntry]:
        return self.messages()

    def messages(
        self,
        topics: Collection[str] | None = None,
        *,
        start_ns: int = 0,
        end_ns: int | None = None,
        on_damage: OnDamage = "raise",
    ) -> Iterator[LogEntry]:
        """Yield messages as ``LogReader.messages`` does, each part of the run once."""
        if topics is not None:
            known = self.topics()
            for topic in topics:
                if topic not in known:
                    raise BadInputError(f"{self.path} has no topic {topic!r}; it has: {', '.join(known) or 'none'}")
        for number, (reader, end) in enumerate(self._used()):
            wanted = None if topics is None else [topic for topic in topics if topic in reader.topics()]
            limits = [limit for limit in (end, end_ns) if limit is not None]
            yield from reader.messages(
                wanted,
                start_ns=start_ns,
                end_ns=min(limits, default=None),
                on_damage=on_damage,
                repeated=number == 0,
            )

    def _used(self) -> Iterator[tuple[LogReader, int | None]]:
        """Yield the segments of which something counts, each with the log time where the next took over."""
        for reader, end in zip(self._readers, self._ends, strict=True):
            if end is None or (end > _start_of(reader) and end > reader.start_ns):
                yield reader, end

    def close(self) -> None:
        """Let go of all files."""
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ends_of(readers: list[LogReader]) -> list[int | None]:
    """Return for each segment the log time from which later ones replace it; None: they do not.

    A segment that goes on where the one before it was full replaces nothing of that.
    """
    ends: list[int | None] = []
    taken: int | None = None
    here: int | None = None
    for reader in reversed(readers):
        ends.append(taken)
        start = _start_of(reader)
        here = start if here is None else min(here, start)
        if CONTINUES not in reader.metadata.get(START, {}):
            taken = here if taken is None else min(taken, here)
            here = None
    return ends[::-1]


def _start_of(reader: LogReader) -> int:
    """Return the log time from which a segment replaces the earlier ones."""
    text = reader.metadata.get(START, {}).get(SUPERSEDES, "0")
    if not text.isdecimal():
        raise BadInputError(f"{reader.path}: metadata {SUPERSEDES} is {text!r}, not a time in nanoseconds")
    return int(text)


def open_log(path: Path | str) -> LogReader | RunLog:
    """Open an MCAP file or the folder of a run."""
    path = Path(path)
    return RunLog(path) if path.is_dir() else LogReader(path)


def read_run(folder: Path | str, topics: Collection[str] | None = None) -> Iterator[LogEntry]:
    """Yield all messages of a run in the order of log time (see ``RunLog.messages``)."""
    with RunLog(folder) as log:
        yield from log.messages(topics)
