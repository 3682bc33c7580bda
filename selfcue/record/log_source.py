"""Our logs as a source of sensor messages: the reader ``mcap`` of entry point group ``selfcue.readers``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from selfcue.errors import BadInputError
from selfcue.messages import MESSAGE_TYPES, CameraInfo, Message, WorldMap
from selfcue.record.entry import LogEntry, TopicInfo
from selfcue.record.layout import START
from selfcue.record.run_log import open_log, segment_paths
from selfcue.record.scan import MAGIC
from selfcue.record.stamp_order import LAG_NS, Entry, in_stamp_order, stamped

LATCHED_TYPES = (CameraInfo, WorldMap)
STATIC_TOPIC = "tf_static"
"""Last part of the topics whose transforms hold for good."""


class McapSource:
    """An MCAP file, or all segments of a run, in the order of stamps.

    A log that was cut is played as far as it goes (see ``loss``); a damaged one is refused.

    Raises:
        BadInputError: no log, damaged, or without a message that we can read.
    """

    looks_for: ClassVar[str] = "an .mcap, or the folder of a run"

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._log = open_log(self._path)
        if self._log.damage:
            raise BadInputError(f"{self._path} is damaged: {self._log.damage[0]}")
        self._topics = {
            topic: MESSAGE_TYPES[info.type] for topic, info in self._log.topics().items() if info.type and info.count
        }
        if not self._topics:
            raise BadInputError(f"{self._path} holds no message of a type that selfcue knows")
        # In logs of others, log time and stamps may come from different clocks, so they cannot narrow a search.
        self._one_clock = START in self._log.metadata
        self._range: tuple[int, int] | None = None

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` is an MCAP file or the folder of a run."""
        if path.is_dir():
            return bool(segment_paths(path))
        try:
            with path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC
        except OSError:
            return False

    def topics(self) -> dict[str, type[Message]]:
        """Return the readable topics with their message types."""
        return dict(self._topics)

    @property
    def latched_topics(self) -> frozenset[str]:
        """Calibration, maps and static transforms hold until the next one."""
        return latched_among(self._topics)

    @property
    def _static(self) -> frozenset[str]:
        return static_among(self._topics)

    def contents(self) -> Mapping[str, TopicInfo]:
        """Return all topics, those too whose type we do not know."""
        return self._log.topics()

    @property
    def time_base(self) -> str:
        """What the stamps count from."""
        return "the recording system's clock" if self._one_clock else "the clock of the headers of another recorder"

    @property
    def loss(self) -> str:
        """What the log misses, in one line; empty where nothing is."""
        return self._log.loss

    @property
    def start_ns(self) -> int:
        """Stamp of the first message."""
        return self._stamp_range()[0]

    @property
    def end_ns(self) -> int:
        """Stamp of the last message."""
        return self._stamp_range()[1]

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        """Yield ``(stamp_ns, topic, message)`` in the order of stamps.

        From ``start_ns`` on, what was latched then comes first, with its own stamp. A message that was recorded more
        than ``LAG_NS`` late is given the stamp of the one before it.
        """
        if start_ns is not None:
            yield from self._held(start_ns)
        first_ns = start_ns or 0
        entries = self._log.messages(self._topics, start_ns=first_ns if self._one_clock else 0)
        yield from in_stamp_order(self._stamped(entries), first_ns)

    def _stamped(self, entries: Iterable[LogEntry]) -> Iterator[tuple[str, Message]]:
        return stamped(entries, self._static, zero_is_unset=not self._one_clock)

    def _held(self, start_ns: int) -> list[Entry]:
        """Return the last message before ``start_ns`` of every latched topic and publisher."""
        held: dict[tuple[str, str], Entry] = {}
        latched = self.latched_topics
        # Which stamp stands in for a missing one, the other topics of a foreign log tell.
        entries = self._log.messages(latched if self._one_clock else self._topics) if latched else ()
        for topic, message in self._stamped(entries):
            if topic in latched and message.stamp_ns < start_ns:
                held[topic, message.source] = (message.stamp_ns, topic, message)
        return sorted(held.values(), key=lambda entry: entry[:2])

    def _stamp_range(self) -> tuple[int, int]:
        if self._range is None:
            begin, end = self._log.start_ns, self._log.end_ns
            if self._one_clock and end - begin > 2 * LAG_NS:
                first = self._stamps(0, begin + LAG_NS)
                last = self._stamps(end - LAG_NS, None)
            else:
                first = last = self._stamps(0, None)
            self._range = min(first), max(last)
        return self._range

    def _stamps(self, start_ns: int, end_ns: int | None) -> list[int]:
        entries = self._log.messages(self._topics, start_ns=start_ns, end_ns=end_ns)
        return [message.stamp_ns for _, message in self._stamped(entries)]


def latched_among(topics: Mapping[str, type[Message]]) -> frozenset[str]:
    """Return those topics whose last message holds until the next one."""
    return static_among(topics) | {topic for topic, kind in topics.items() if kind in LATCHED_TYPES}


def static_among(topics: Mapping[str, type[Message]]) -> frozenset[str]:
    """Return the topics of transforms that hold for good."""
    return frozenset(topic for topic in topics if topic.rpartition("/")[2] == STATIC_TOPIC)
