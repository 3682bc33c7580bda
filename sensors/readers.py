"""The interface of a log reader, and how one is found for a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from selfcue import plugins
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import Message

Entry: TypeAlias = tuple[int, str, Message]
"""stamp_ns, topic, message."""


class LogReader(Protocol):
    """A recorded log as a source of sensor messages; a class registered in the entry point group ``selfcue.readers``.

    It is made from the log's path alone, which checks the log as a whole (raising BadInputError), and reads the
    messages one by one later, so that a log need not fit into memory. A class attribute ``looks_for`` (str), where
    there is one, says in error messages what ``claims`` looks for.
    """

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell by a quick look (names, magic bytes) whether this reader is meant for ``path``."""
        ...

    def topics(self) -> Mapping[str, type[Message]]:
        """Return the topics of the log with their message types."""
        ...

    @property
    def latched_topics(self) -> frozenset[str]:
        """Topics whose last message holds until the next one (calibration, maps)."""
        ...

    @property
    def start_ns(self) -> int:
        """Stamp of the first message."""
        ...

    @property
    def end_ns(self) -> int:
        """Stamp of the last message."""
        ...

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        """Yield the messages from ``start_ns`` on in the order of their stamps.

        What holds at the start on the latched topics comes first, with its own, perhaps earlier stamp.
        """
        ...


@dataclass(frozen=True)
class Moment:
    """Messages that are played together: ``stamp_ns`` is the latest of their stamps, latched ones aside."""

    stamp_ns: int
    entries: tuple[Entry, ...]


@runtime_checkable
class HasMoments(Protocol):
    """A reader that knows which messages belong together although their stamps differ (the frames of a rig)."""

    def moment_stamps(self) -> tuple[int, ...]:
        """Return the stamps of all moments, strictly increasing, without reading the log's messages."""
        ...

    def moments(self, start_ns: int | None = None) -> Iterator[Moment]:
        """Yield the moments whose stamp is at least ``start_ns``; latched messages come with the first."""
        ...


def moments(reader: LogReader, start_ns: int | None = None) -> Iterator[Moment]:
    """Yield what is played together: the reader's own moments, or the messages of one stamp each."""
    if isinstance(reader, HasMoments):
        yield from reader.moments(start_ns)
        return
    waiting: list[Entry] = []
    current_ns: int | None = None
    for entry in reader.messages(start_ns):
        stamp_ns, topic, _ = entry
        held = topic in reader.latched_topics and start_ns is not None and stamp_ns < start_ns
        if not held and (current_ns is None or stamp_ns > current_ns):
            if current_ns is not None:
                yield Moment(current_ns, tuple(waiting))
                waiting = []
            current_ns = stamp_ns
        waiting.append(entry)  # what was recorded late goes with the moment that it came in
    if waiting and current_ns is not None:
        yield Moment(current_ns, tuple(waiting))


def open_log(path: Path | str) -> LogReader:
    """Return a reader for the log at ``path``.

    Raises:
        BadInputError: nothing is there, no registered reader claims it, or the log is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise BadInputError(f"{path}: no such log; give a folder or file that exists")
    looked_for: list[str] = []
    for name in plugins.names(plugins.READERS):
        try:
            kind = plugins.load(plugins.READERS, name)
        except MissingDependencyError as error:  # a reader that does not load must not hide the others
            looked_for.append(f"{name} ({error})")
            continue
        if kind.claims(path):
            reader: LogReader = kind(path)
            return reader
        looked_for.append(f"{name} ({getattr(kind, 'looks_for', 'see its documentation')})")
    raise BadInputError(f"{path}: no reader knows this log; looked for {'; '.join(looked_for) or 'nothing'}")
