"""A log played to viewers: paused, sought in, faster or slower, from any thread."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator

from selfcue.clock import Pacer
from selfcue.messages import Message
from selfcue.record.sources import Source

LOOK_S = 0.05


class LogPlay:
    """Plays ``source``. Its commands are obeyed between messages.

    Args:
        rate: times real time; 0: as fast as the log can be read.

    Attributes:
        position_ns: stamp of the message that was played last.
        ended: everything was played; seeking begins again.
        sought: how often it was sought in.
    """

    def __init__(self, source: Source, rate: float = 1.0) -> None:
        self.start_ns, self.end_ns = source.start_ns, source.end_ns
        self.position_ns, self.ended, self.sought = self.start_ns, False, 0
        self._source, self._pacer = source, Pacer(rate)
        self._wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._seek_ns: int | None = None

    @property
    def rate(self) -> float:
        return self._pacer.rate

    @property
    def paused(self) -> bool:
        return self._pacer.paused

    def pause(self) -> None:
        self._wishes.put(self._pacer.pause)

    def resume(self) -> None:
        self._wishes.put(self._pacer.resume)

    def set_rate(self, rate: float) -> None:
        """Go on at ``rate`` times real time."""
        self._wishes.put(lambda: setattr(self._pacer, "rate", rate))

    def seek(self, to_ns: int) -> None:
        """Go on at ``to_ns``, or at the nearest end of the log."""
        within_ns = min(max(to_ns, self.start_ns), self.end_ns)
        self._wishes.put(lambda: setattr(self, "_seek_ns", within_ns))

    def feed(self) -> Generator[tuple[str, Message] | None, None, None]:
        """Yield topic and message when each is due, and None in between; never ends."""
        begin_ns: int | None = None
        while True:
            self._seek_ns = None
            for stamp_ns, topic, message in self._source.messages(begin_ns):
                yield from self._until_due(stamp_ns)
                if self._wanted_ns is not None:
                    break
                self._pacer.passed(stamp_ns)
                self.position_ns = max(stamp_ns, begin_ns or stamp_ns)
                yield topic, message
            self.ended = self._wanted_ns is None
            while self._wanted_ns is None:
                yield None
                self._obey()
                time.sleep(LOOK_S)
            begin_ns, self.ended = self._wanted_ns, False
            self.position_ns = begin_ns
            self.sought += 1
            self._pacer.jumped()

    def _until_due(self, stamp_ns: int) -> Generator[None, None, None]:
        self._obey()
        while self._wanted_ns is None and (wait_s := self._pacer.wait_s(stamp_ns)) > 0:
            time.sleep(min(wait_s, LOOK_S))
            yield None
            self._obey()

    @property
    def _wanted_ns(self) -> int | None:
        """Where to go on; None: here."""
        return self._seek_ns

    def _obey(self) -> None:
        while not self._wishes.empty():
            self._wishes.get()()
