"""Logs made of streams: each a list of stamps and a way to read one message; most file formats are that."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Message, type_name
from selfcue.record.entry import TopicInfo
from selfcue.record.stamp_order import Entry


@dataclass(frozen=True)
class Stream:
    """One topic of a log.

    Attributes:
        topic: what it is called.
        kind: type of its messages.
        stamps_ns: (N,) int64, the stamp of each message, in the file's order.
        read: returns message number i of the file's order.
        schema: what the format calls it.
        source: who published it.
        latched: its last message holds until the next one.
    """

    topic: str
    kind: type[Message]
    stamps_ns: npt.NDArray[np.int64]
    read: Callable[[int], Message]
    schema: str = ""
    source: str = ""
    latched: bool = False


class StreamReader:
    """What readers of logs made of streams have in common; a format's reader hands its streams to ``_take``.

    Within a stream, messages come in the order of their stamps, equal ones as in the file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._streams: list[Stream] = []
        self._orders: list[npt.NDArray[np.int64]] = []
        self._sorted: list[npt.NDArray[np.int64]] = []
        self._unknown: dict[str, TopicInfo] = {}

    def _take(self, streams: Sequence[Stream], unknown: Mapping[str, TopicInfo] | None = None) -> None:
        """Set what the log holds; ``unknown`` are the topics that cannot be converted.

        Raises:
            BadInputError: there is no message, or a stamp before 1970.
        """
        self._streams = [stream for stream in streams if len(stream.stamps_ns)]
        self._unknown = dict(unknown or {})
        if not self._streams:
            raise BadInputError(f"{self.path} holds no message of a type that selfcue knows")
        self._orders = [np.argsort(stream.stamps_ns, kind="stable") for stream in self._streams]
        self._sorted = [stream.stamps_ns[order] for stream, order in zip(self._streams, self._orders, strict=True)]
        for stream, stamps in zip(self._streams, self._sorted, strict=True):
            if stamps[0] < 0:
                raise BadInputError(
                    f"{self.path}: {stream.topic} has the stamp {stamps[0]} ns; stamps are not negative"
                )

    def topics(self) -> Mapping[str, type[Message]]:
        return {stream.topic: stream.kind for stream in self._streams}

    def contents(self) -> Mapping[str, TopicInfo]:
        """Return all topics with their counts; those that cannot be converted have an empty ``type``."""
        found: dict[str, TopicInfo] = {}
        for stream in self._streams:
            before = found.get(stream.topic)
            count = len(stream.stamps_ns) + (before.count if before else 0)
            sources = tuple(sorted({stream.source, *(before.sources if before else ())}))
            found[stream.topic] = TopicInfo(stream.topic, type_name(stream.kind), stream.schema, count, sources)
        return found | self._unknown

    @property
    def latched_topics(self) -> frozenset[str]:
        return frozenset(stream.topic for stream in self._streams if stream.latched)

    @property
    def start_ns(self) -> int:
        return min(int(stamps[0]) for stamps in self._measured())

    @property
    def end_ns(self) -> int:
        return max(int(stamps[-1]) for stamps in self._measured())

    def _measured(self) -> list[npt.NDArray[np.int64]]:
        """Return the stamps of all that is no calibration, or of that where there is nothing else."""
        pairs = zip(self._streams, self._sorted, strict=True)
        return [stamps for stream, stamps in pairs if not stream.latched] or self._sorted

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        first_ns = -1 if start_ns is None else start_ns
        begins = [int(np.searchsorted(stamps, first_ns)) for stamps in self._sorted]
        held = [
            (int(self._sorted[i][begin - 1]), i, begin - 1)
            for i, begin in enumerate(begins)
            if begin and self._streams[i].latched
        ]
        runs = [self._run(i, begin) for i, begin in enumerate(begins)]
        for stamp_ns, i, place in heapq.merge(sorted(held), *runs):
            stream = self._streams[i]
            yield stamp_ns, stream.topic, stream.read(int(self._orders[i][place]))

    def _run(self, i: int, begin: int) -> Iterator[tuple[int, int, int]]:
        stamps = self._sorted[i]
        for place in range(begin, len(stamps)):
            yield int(stamps[place]), i, place
