"""Puts what came by several ways back in order, and says of each loss where it happened.

Every message carries ``count``: how many its process has put on the topic. Within one way (PUB/SUB, a link, the bell)
messages stay in order; a topic may change its way when its arrays begin to be big, when a ring is full, or when the
bell is. So a gap is a loss only when nothing can still be on another way.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from selfcue.transport.wire import Label

T = TypeVar("T")

JOIN_S = 0.02
CHANGE_S = 0.1
LINK_S = 2.0


@dataclass(frozen=True)
class Item(Generic[T]):
    """One message as it came; ``what`` is None where it was lost on its last step, at ``lost_at``."""

    host: str
    topic: str
    count: int
    way: str
    what: T | None
    label: Label | None = None
    lost_at: str = ""


@dataclass
class _Track(Generic[T]):
    way: str = ""
    by_link: int = 0
    skipped: int = 0
    held: dict[int, tuple[Item[T], float]] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)  # of those held, as a heap: a burst may hold thousands

    @property
    def first(self) -> tuple[Item[T], float]:
        return self.held[self.counts[0]]


class Order(Generic[T]):
    """Order per publisher and topic.

    Args:
        seen: (host, topic) to the highest count that was handed out; shared with who resumes a run.
        drops: ``"TOPIC HOP"`` to losses; added to.
    """

    def __init__(self, seen: MutableMapping[tuple[str, str], int], drops: MutableMapping[str, int]) -> None:
        self._seen, self._drops = seen, drops
        self._tracks: dict[tuple[str, str], _Track[T]] = {}
        self._held = 0
        self.replayed = 0

    def admit(self, item: Item[T], now: float | None = None) -> list[T]:
        """Return what may be handed out now that ``item`` has come."""
        key = (item.host, item.topic)
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track()
            if item.label is not None and key not in self._seen:  # what was before this process joined is no loss
                track.skipped = item.label.skipped
                track.by_link = item.label.number
        if item.label is not None and item.way == "link":
            track.by_link = item.label.number
        if not track.held and item.count == self._seen.get(key, -1) + 1:  # nearly always
            self._count(key, track, item)
            return [] if item.what is None else [item.what]
        if item.count <= self._seen.get(key, 0) or item.count in track.held:
            self.replayed += 1
            return []
        now = time.monotonic() if now is None else now
        track.held[item.count] = (item, now + self._wait_s(key, track, item))
        heapq.heappush(track.counts, item.count)
        self._held += 1
        return self._ripe(key, track)

    def forget(self, host: str) -> None:
        """``host`` was started anew: its counts begin again."""
        for key in [key for key in self._tracks if key[0] == host]:
            self._held -= len(self._tracks.pop(key).held)

    @property
    def holding(self) -> bool:
        """True while something waits for what may still come before it."""
        return self._held > 0

    def overdue(self, now: float | None = None) -> list[T]:
        """Return what has waited long enough."""
        now = time.monotonic() if now is None else now
        out: list[T] = []
        for key, track in self._tracks.items():
            while track.held and track.first[1] <= now:
                out += self._out(key, track)
                out += self._ripe(key, track)
        return out

    def _ripe(self, key: tuple[str, str], track: _Track[T]) -> list[T]:
        """Return what no longer has to wait for anything."""
        out: list[T] = []
        while track.held and not self._wait_s(key, track, track.first[0]):
            out += self._out(key, track)
        return out

    def _wait_s(self, key: tuple[str, str], track: _Track[T], item: Item[T]) -> float:
        """Return how long ``item`` waits for what may still come before it; 0: nothing can."""
        if key not in self._seen:
            return JOIN_S if item.count > 1 else 0.0
        if item.count == self._seen[key] + 1:
            return 0.0
        if item.way == "bell" and item.label is not None and item.label.number > track.by_link:
            return LINK_S
        changed = track.way not in ("", item.way)
        return CHANGE_S if changed and "pub" in (item.way, track.way) else 0.0

    def _out(self, key: tuple[str, str], track: _Track[T]) -> list[T]:
        item, _ = track.held.pop(heapq.heappop(track.counts))
        self._held -= 1
        self._count(key, track, item)
        return [] if item.what is None else [item.what]

    def _count(self, key: tuple[str, str], track: _Track[T], item: Item[T]) -> None:
        skipped = item.label.skipped - track.skipped if item.label is not None else 0
        if key in self._seen:
            gap = item.count - self._seen[key] - 1
            here = max(0, min(gap, skipped))
            self._lose(item.topic, "publisher", here)
            self._lose(item.topic, "socket", gap - here)
        if item.label is not None:
            track.skipped = item.label.skipped
        if item.what is None:
            self._lose(item.topic, item.lost_at, 1)
        track.way = item.way
        self._seen[key] = item.count

    def _lose(self, topic: str, hop: str, number: int) -> None:
        if number:
            where = f"{topic} {hop}"
            self._drops[where] = self._drops.get(where, 0) + number
