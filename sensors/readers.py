"""Recorded logs as sensors: the interface of a reader, how one is found, and what is played together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from selfcue.record.sources import Source as LogReader
from selfcue.record.sources import open_source as open_log
from selfcue.record.stamp_order import Entry

__all__ = ["Entry", "HasMoments", "LogReader", "Moment", "moments", "open_log"]


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
