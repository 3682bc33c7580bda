"""What a publisher knows of one subscriber, and of one topic on its way to it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from selfcue.qos import Qos
from selfcue.transport import wire
from selfcue.transport.bell import Bell
from selfcue.transport.wire import Hello, Want

Frame: TypeAlias = bytes | bytearray | memoryview

RING_BYTES = 1 << 15
"""Arrays of a message from which on it is worth a ring."""
WINDOW_MESSAGES = 8
WINDOW_BYTES = 64 << 20
SMALL_MESSAGES, SMALL_BYTES = 4000, WINDOW_MESSAGES * RING_BYTES
"""So many small ones may be under way, for a publisher that does not look after them for a while."""


class Line:
    """One topic to one subscriber: what is under way, what waits, and what it was too slow for."""

    def __init__(self, session: Session, topic: str, want: Want, before: Line | None = None) -> None:
        self.session, self.topic, self.want, self.qos = session, topic, want, want.qos
        self.number: int = before.number if before else 0
        self.skipped: int = before.skipped + len(before.waiting) if before else 0
        self.under_way: deque[tuple[int, int]] = deque()  # number, bytes
        self.under_way_bytes = 0
        self.waiting: deque[tuple[Sequence[Frame], int]] = deque()
        self.waiting_bytes = 0

    def hurried(self) -> Line:
        """Return this line, never to be waited for: what it asked for as reliable is kept instead."""
        if self.qos.kind == "reliable":
            self.qos = Qos.keep(self.qos.depth)
        return self

    @property
    def open(self) -> bool:
        """True where one more message may be under way."""
        if self.qos.kind == "every" or not self.under_way:
            return True
        number, size = len(self.under_way), self.under_way_bytes
        if self.qos.kind == "reliable":
            return number < self.qos.depth and size < WINDOW_BYTES
        most = SMALL_MESSAGES if size < SMALL_BYTES else WINDOW_MESSAGES
        return number < most and size < WINDOW_BYTES

    def put_off(self, frames: Sequence[Frame], size: int) -> None:
        """Let a message wait; the oldest go where there are too many."""
        self.waiting.append((frames, size))
        self.waiting_bytes += size
        while len(self.waiting) > max(1, self.qos.depth) or (
            len(self.waiting) > 1 and self.waiting_bytes > WINDOW_BYTES
        ):
            self.take_waiting()
            self.skipped += 1

    def take_waiting(self) -> Sequence[Frame]:
        """Return what has waited longest, which does not any more."""
        frames, size = self.waiting.popleft()
        self.waiting_bytes -= size
        return frames

    def acknowledged(self, number: int) -> None:
        while self.under_way and self.under_way[0][0] <= number:
            self.under_way_bytes -= self.under_way.popleft()[1]


class Session:
    """One subscriber."""

    def __init__(self, address: bytes, hello: Hello) -> None:
        self.address, self.hello = address, hello
        self.column = -1
        self.bell: Bell | None = None
        self.heard_at = time.monotonic()
        self.lines: dict[str, Line] = {}

    @property
    def near(self) -> bool:
        return self.column >= 0

    def want(self, topic: str) -> Want | None:
        """Return the strictest subscription of this subscriber that ``topic`` falls under."""
        wants = [want for want in self.hello.wants if wire.matches(want.topic, topic)]
        return max(wants, key=lambda want: ("latest", "keep", "every", "reliable").index(want.kind), default=None)
