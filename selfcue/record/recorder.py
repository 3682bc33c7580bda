"""The recorder between those who speak and the disk.

Live it has a queue, bounded by bytes, and a thread of its own, so that a disk that stalls for a second holds up nobody;
what the queue has no room for is counted as lost at the hop ``recorder``. In lock-step it writes at once.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

import numpy as np

from selfcue.errors import SelfcueError
from selfcue.messages import Message
from selfcue.record.keeping import Keeping, Place
from selfcue.record.rules import TopicRule
from selfcue.record.scribe import MB, Scribe, Snapped, Snapshot

_PATIENCE_S = 20.0
_SYNC_S = 1.0
_OVERHEAD = 200
"""Memory of a message besides its arrays, roughly."""
_MOST_UNDER_WAY = 2
"""Snapshots that are written or wait for it; each holds on to what was in the ring."""
_log = logging.getLogger(__name__)


class Recorder:
    """Records messages; used from one thread.

    Args:
        place, keeping, rules, begin_ns, throttles: see ``Scribe``.
        threaded: whether it writes in a thread of its own.

    Attributes:
        scribe: what was written; to be read when ``flush`` or ``close`` has returned, its ``events`` at any time.
    """

    def __init__(
        self,
        place: Place,
        keeping: Keeping,
        rules: Mapping[str, TopicRule],
        *,
        threaded: bool,
        begin_ns: int = 0,
        throttles: list[tuple[str, str, int]] | None = None,
    ) -> None:
        self.scribe = Scribe(place, keeping, rules, begin_ns=begin_ns, throttles=throttles)
        self._room = round(keeping.queue_mb * MB)
        self._lock = threading.Lock()
        self._queued_bytes = 0
        self._overflown: Counter[str] = Counter()
        self._dropped: dict[str, int] = {}
        self._snapping = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._under_way: list[Future[None]] = []
        self._closed = False
        self._over = threading.Event()
        self._queue: SimpleQueue[Callable[[], None] | tuple[str, Message, int, int] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("recorder", self._work), ("recorder-sync", self._sync))
            if threaded
        ]
        for thread in self._threads:
            thread.start()

    # -- what is recorded ------------------------------------------------------------------------------------------

    def take(self, topic: str, message: Message, log_time_ns: int) -> None:
        """Record a message, whose arrays must not change any more. Never waits where there is a thread."""
        if not self._threads:
            self.scribe.record(topic, message, log_time_ns)
            return
        size = _size_of(message)
        with self._lock:
            fits = self._queued_bytes + size <= self._room or not self._queued_bytes
            self._queued_bytes += size if fits else 0
        if fits:
            self._queue.put((topic, message, log_time_ns, size))
        else:
            self._overflown[topic] += 1

    def tick(self, now_ns: int) -> None:
        """Write out what waits, where a second has passed since the last time; count what overflowed meanwhile."""
        self._count_overflown()
        self._do(lambda: self.scribe.tick(now_ns))

    def _count_overflown(self) -> None:
        overflown, self._overflown = self._overflown, Counter()
        for topic, number in overflown.items():
            why = f"the disk was slower than the messages came, and {self._room / MB:g} MB waited for it"
            self._do(partial(self.scribe.note_lost, topic, why, "recorder", number))

    def note_drops(self, drops: Mapping[str, int]) -> None:
        """Take in what was lost on the way here since this process began: ``"TOPIC HOP"`` to messages."""
        for where, number in drops.items():
            new = number - self._dropped.get(where, 0)
            topic, _, hop = where.rpartition(" ")
            if new > 0:
                why = f"lost on the way to the recorder, at {hop}"
                self._do(partial(self.scribe.note_lost, topic, why, hop, new))
        self._dropped = dict(drops)

    def snapshot(self, request: Snapshot) -> Snapped:
        """Begin to write out the ring; it goes on in a thread of its own.

        Raises:
            UsageError, BadInputError: see ``Scribe.snapshot``.
            SelfcueError: too many snapshots wait already, or the recorder is far behind.
        """
        self._under_way = [one for one in self._under_way if not one.done()]
        if len(self._under_way) >= _MOST_UNDER_WAY:
            raise SelfcueError(f"{len(self._under_way)} snapshots are being written; ask again when one is done")
        asked: Future[Snapped] = Future()

        def snap() -> None:
            try:
                told, write = self.scribe.snapshot(request)
            except SelfcueError as error:
                asked.set_exception(error)
                return
            self._under_way.append(self._snapping.submit(self._write_snapshot, write))
            asked.set_result(told)

        self._do(snap)
        try:
            return asked.result(_PATIENCE_S)
        except TooLate:
            raise SelfcueError(f"the recorder is more than {_PATIENCE_S:g} s behind; no snapshot was taken") from None

    def flush(self) -> None:
        """Wait until everything that was taken is in the file, or lost and counted."""
        done: Future[None] = Future()
        self._do(self.scribe.flush)
        self._do(lambda: done.set_result(None))
        done.result()

    def close(self) -> None:
        """Finish everything that was taken and asked for; harmless when closed already."""
        if self._closed:
            return
        self._closed = True
        self._count_overflown()
        self._do(self.scribe.close)
        self._over.set()
        self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._snapping.shutdown(wait=True)

    @property
    def stopped(self) -> bool:
        """Whether it takes nothing any more: the disk is full, or it was closed."""
        return self.scribe.stopped

    # -- inside ----------------------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], None]) -> None:
        if self._threads:
            self._queue.put(act)
        else:
            act()

    def _work(self) -> None:
        record = self.scribe.record
        while (task := self._queue.get()) is not None:
            if not isinstance(task, tuple):
                task()
                continue
            topic, message, log_time_ns, size = task
            try:
                record(topic, message, log_time_ns)
            except Exception as error:  # noqa: BLE001 - one message must not end the recording of all others
                _log.exception("a message of %s was not recorded", topic)
                self.scribe.note_lost(topic, f"{type(error).__name__}: {error} (a fault of the program)", "recorder")
            with self._lock:
                self._queued_bytes -= size

    def _sync(self) -> None:
        """Once a second, write out what waits and bring it onto the disk: it then outlives a power cut, too."""
        while not self._over.wait(_SYNC_S):
            self._queue.put(self.scribe.flush)  # the system's time may stand still
            with suppress(OSError, ValueError):  # a file that has just been closed is on the disk
                self.scribe.sync()

    def _write_snapshot(self, write: Callable[[], None]) -> None:
        try:
            write()
        except SelfcueError as error:
            self.scribe.events.append(("snapshot_failed", "", str(error)))


def _size_of(message: Message) -> int:
    arrays = (getattr(message, name) for name in message.__struct_fields__)
    return _OVERHEAD + sum(one.nbytes for one in arrays if isinstance(one, np.ndarray))
