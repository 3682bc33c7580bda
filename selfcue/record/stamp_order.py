"""Recorded messages in the order of their stamps, and stamps for those that came without one."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

import msgspec

from selfcue.messages import Message, Transforms

LAG_NS = 2_000_000_000
"""A message is taken to be recorded this long after its stamp at most; what comes later is played when it comes."""
SAME_CLOCK_NS = 10_000_000_000
"""Stamps nearer than this to the time of recording are of the same clock."""

Entry: TypeAlias = tuple[int, str, Message]
"""stamp_ns, topic, message."""


def in_stamp_order(recorded: Iterable[tuple[str, Message]], first_ns: int = 0) -> Iterator[Entry]:
    """Yield messages in the order of their stamps, those before ``first_ns`` left out.

    They come in the order of recording and are held back for ``LAG_NS`` of their stamps. A message that was recorded
    later than that is given the stamp of the one before it; its own stays in it.
    """
    waiting: list[tuple[int, int, str, Message]] = []
    newest_ns = last_ns = 0
    for order, (topic, message) in enumerate(recorded):
        if message.stamp_ns < first_ns:
            continue
        heapq.heappush(waiting, (max(message.stamp_ns, last_ns), order, topic, message))
        newest_ns = max(newest_ns, message.stamp_ns)
        while waiting[0][0] < newest_ns - LAG_NS:
            last_ns, _, ready_topic, ready = heapq.heappop(waiting)
            yield last_ns, ready_topic, ready
    while waiting:
        last_ns, _, ready_topic, ready = heapq.heappop(waiting)
        yield last_ns, ready_topic, ready


def stamped(
    recorded: Iterable[tuple[str, Message, int]], static: Collection[str] = (), *, zero_is_unset: bool
) -> Iterator[tuple[str, Message]]:
    """Yield ``(topic, message)`` of ``(topic, message, log_time_ns)``, every message with a stamp that can be played.

    In ROS's logs a stamp of 0 says "not set", and the transforms of ``static`` topics hold at all times, whatever their
    stamps say. Such a message is stamped with its log time where that is of the clock of the stamps, else (a simulated
    clock) with the newest stamp before it, the first ones with the first stamp behind them.
    """
    early: list[tuple[str, Message, int]] = []
    newest_ns: int | None = None
    same_clock = True
    for topic, message, log_time_ns in recorded:
        static_one = isinstance(message, Transforms) and topic in static
        if not static_one and not (zero_is_unset and message.stamp_ns == 0):
            if newest_ns is None:
                same_clock = abs(message.stamp_ns - log_time_ns) < SAME_CLOCK_NS
                yield from _restamped(early, None if same_clock else message.stamp_ns)
                early.clear()
            newest_ns = max(newest_ns or 0, message.stamp_ns)
            yield topic, message
        elif newest_ns is None:
            early.append((topic, message, log_time_ns))
        else:
            yield from _restamped([(topic, message, log_time_ns)], None if same_clock else newest_ns)
    yield from _restamped(early, None)


def _restamped(entries: Iterable[tuple[str, Message, int]], stamp_ns: int | None) -> Iterator[tuple[str, Message]]:
    for topic, message, log_time_ns in entries:
        yield topic, msgspec.structs.replace(message, stamp_ns=log_time_ns if stamp_ns is None else stamp_ns)
