"""The interface of a log reader, whatever the format, and how one is found for a path.

Readers live in rooms and in other packages; the kernel knows them by entry point group ``selfcue.readers`` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from selfcue import plugins
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import Message, type_name
from selfcue.record.entry import TopicInfo
from selfcue.record.stamp_order import Entry


class Source(Protocol):
    """A recorded log as a source of sensor messages; a class registered in the entry point group ``selfcue.readers``.

    It is made from the log's path alone, which checks the log as a whole (raising BadInputError), and reads the
    messages one by one later, so that a log need not fit into memory. It may say more: see ``SaysContents``,
    ``SaysLoss``, ``SaysTimeBase``. A class attribute ``looks_for`` (str), where there is one, says in error messages
    what ``claims`` looks for.
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


@runtime_checkable
class SaysContents(Protocol):
    """A reader that can say what is in its log without reading every message."""

    def contents(self) -> Mapping[str, TopicInfo]:
        """Return all topics, those too that cannot be converted (their ``type`` is empty), with their counts."""
        ...


@runtime_checkable
class SaysLoss(Protocol):
    """A reader that knows what its log misses."""

    @property
    def loss(self) -> str:
        """What is missing, in one line; empty where nothing is."""
        ...


@runtime_checkable
class SaysTimeBase(Protocol):
    """A reader that says what its stamps count from."""

    @property
    def time_base(self) -> str:
        """In a few words: which clock, since when."""
        ...


def contents(source: Source) -> dict[str, TopicInfo]:
    """Return what is in a log, by topic: the source's own word, or counted by reading it."""
    if isinstance(source, SaysContents):
        return dict(sorted(source.contents().items()))
    counts = Counter(topic for _, topic, _ in source.messages())
    return {
        topic: TopicInfo(topic, type_name(kind), "", counts[topic], ())
        for topic, kind in sorted(source.topics().items())
    }


def loss(source: Source) -> str:
    """Return what the log misses, in one line; empty where nothing is, or where its format cannot tell."""
    return source.loss if isinstance(source, SaysLoss) else ""


def time_base(source: Source) -> str:
    """Return what the stamps count from; empty where the reader does not say."""
    return source.time_base if isinstance(source, SaysTimeBase) else ""


def open_source(path: Path | str) -> Source:
    """Return a reader for the log at ``path``.

    Raises:
        BadInputError: nothing is there, no registered reader claims it, or the log is damaged.
        MissingDependencyError: the reader that claims it needs a package that is not installed.
    """
    return open_named(path)[1]


def open_named(path: Path | str) -> tuple[str, Source]:
    """Return the registered name of the reader that claims ``path``, and the reader. Raises as ``open_source``."""
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
            source: Source = kind(path)
            return name, source
        looked_for.append(f"{name} ({getattr(kind, 'looks_for', 'see its documentation')})")
    raise BadInputError(f"{path}: no reader knows this log; looked for {'; '.join(looked_for) or 'nothing'}")
