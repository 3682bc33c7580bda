"""Publish and subscribe over ZeroMQ, between processes (``ipc://``) or the threads of one (``inproc://``).

Every process owns one XPUB socket that it binds and one SUB socket that it connects to all others. Latched topics
answer a late subscription with their last message. Frames are not copied on the way out or in. A message that does not
decode is dropped, counted under the peer's topic, and never stops the receiver.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import zmq

from selfcue import codec
from selfcue.directory import Directory, this_process
from selfcue.errors import BadInputError, SelfcueError
from selfcue.messages import Message

_HELLO = b"\x00hello/"
_COPY_BELOW_BYTES = 1 << 16
_LIVES_KEPT = 8


@dataclass(frozen=True)
class Received:
    """A message with where it came from; ``count`` numbers all that ``host`` put on ``topic``, from 1."""

    topic: str
    host: str
    count: int
    message: Message


class Bus:
    """One process's place on the bus; used from one thread.

    Args:
        name: name of the process, unique in its domain.
        directory: where the others are found.
        context: ZeroMQ context; ``inproc`` peers must share one.
        queue: most messages that wait per connection; a slower reader loses the newest and sees the gap in ``count``.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        *,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        queue: int = 4000,
    ) -> None:
        self.name = name
        self.drops: dict[str, int] = {}
        self._directory = directory
        self._context = context or zmq.Context.instance()
        self._publish_socket = self._context.socket(zmq.XPUB)
        self._subscribe_socket = self._context.socket(zmq.SUB)
        for socket in (self._publish_socket, self._subscribe_socket):
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.SNDHWM, queue)
            socket.setsockopt(zmq.RCVHWM, queue)
        self._publish_socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._endpoint = directory.endpoint(name, "pub")
        self._publish_socket.bind(self._endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._publish_socket, zmq.POLLIN)
        self._poller.register(self._subscribe_socket, zmq.POLLIN)
        self._connected: dict[str, float] = {}  # endpoint to when its card was last seen (monotonic)
        self._life = time.time_ns()
        self._lives: dict[str, list[int]] = {}
        self._greeted: set[str] = set()
        self._subscriptions: set[str] = set()
        self._latched: dict[str, list[codec.Buffer]] = {}
        self.sent: dict[str, int] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self._backlog: list[Received] = []
        self._looked_at = -1e9
        self._closed = False

    # -- wiring ----------------------------------------------------------------------------------------------------

    def enter(self, topics: dict[str, str], *, clock: str = "") -> None:
        """Leave this process's card, so that others find it. ``topics``: those that it publishes, with their types."""
        self._directory.enter(this_process(self.name, self._endpoint, topics, clock))

    def subscribe(self, topic: str) -> None:
        """Ask every present and future peer for ``topic`` (all topics that begin with it, where it ends in ``/``)."""
        if topic not in self._subscriptions:
            self._subscriptions.add(topic)
            self._subscribe_socket.setsockopt(zmq.SUBSCRIBE, topic.encode())

    def connect_present(self, *, every_s: float = 0.0) -> None:
        """Connect to every process that has a card and is not connected yet; look at most once in ``every_s``."""
        now = time.monotonic()
        if now - self._looked_at < every_s:
            return
        self._looked_at = now
        for card in self._directory.cards():
            if card.name != self.name:
                if card.endpoint not in self._connected:
                    self._subscribe_socket.connect(card.endpoint)
                self._connected[card.endpoint] = now

    def forget_gone(self, *, after_s: float = 5.0) -> None:
        """Disconnect from processes whose card is gone for ``after_s``; else ZeroMQ knocks at their door for ever.

        For live systems: what a process said last may still be under way when its card is gone.
        """
        for endpoint, seen_s in list(self._connected.items()):
            if self._looked_at - seen_s > after_s:
                self._subscribe_socket.disconnect(endpoint)
                del self._connected[endpoint]

    def meet(self, names: set[str], *, timeout_s: float, stop: object = None) -> None:
        """Wait until this process hears every one of ``names``: from then on no message of theirs can be missed.

        A peer answers a hello only after it has seen all subscriptions that went before it. ``stop`` may be anything
        with ``is_set()``. Raises SelfcueError after ``timeout_s``, naming who is missing.
        """
        deadline = time.monotonic() + timeout_s
        hello = _HELLO + self.name.encode()
        asked = 0.0
        while not names <= self._greeted:
            self.connect_present()
            now = time.monotonic()
            if now - asked > 0.25:  # asked anew because a peer may have bound after the last time
                self._subscribe_socket.setsockopt(zmq.UNSUBSCRIBE, hello)
                self._subscribe_socket.setsockopt(zmq.SUBSCRIBE, hello)
                asked = now
            self._backlog = self.poll(0.02)  # the next poll hands these out
            if stop is not None and stop.is_set():  # type: ignore[attr-defined]
                return
            if now > deadline:
                missing = ", ".join(sorted(names - self._greeted))
                raise SelfcueError(f"{self.name}: no word from {missing} within {timeout_s:.0f} s; see their logs")

    # -- messages --------------------------------------------------------------------------------------------------

    def publish(self, topic: str, message: Message, *, latched: bool = False) -> None:
        """Send ``message``; its arrays must not change afterwards."""
        count = self.sent.get(topic, 0) + 1
        self.sent[topic] = count
        frames = [topic.encode(), *codec.encode(message, host=self.name, count=count, life=self._life)]
        if latched:
            self._latched[topic] = frames
        self._send(frames)

    @property
    def latched(self) -> dict[str, list[codec.Buffer]]:
        """Frames of the last message of every latched topic."""
        return self._latched

    def _send(self, frames: list[codec.Buffer]) -> None:
        big = any(memoryview(frame).nbytes >= _COPY_BELOW_BYTES for frame in frames)
        self._publish_socket.send_multipart(frames, copy=not big)

    def poll(self, timeout_s: float) -> list[Received]:
        """Wait up to ``timeout_s`` for anything, answer new subscribers, and return the messages that came."""
        received, self._backlog = self._backlog, []
        events = dict(self._poller.poll(0 if received else round(timeout_s * 1000)))
        if self._publish_socket in events:
            self._answer_subscribers()
        if self._subscribe_socket in events:
            while True:
                try:
                    parts = self._subscribe_socket.recv_multipart(zmq.NOBLOCK, copy=False)
                except zmq.Again:
                    break
                one = self._take([part.buffer for part in parts])
                if one is not None:
                    received.append(one)
        return received

    def wait(self, other: zmq.Socket[bytes], timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for ``other`` or the bus; return whether the bus has something to poll."""
        if other not in self._poller:
            self._poller.register(other, zmq.POLLIN)
        events = dict(self._poller.poll(0 if self._backlog else round(timeout_s * 1000)))
        return bool(self._backlog) or self._subscribe_socket in events or self._publish_socket in events

    def _take(self, frames: list[memoryview]) -> Received | None:
        topic_bytes = bytes(frames[0][:512])
        if topic_bytes.startswith(_HELLO):
            if topic_bytes == _HELLO + self.name.encode() and len(frames) == 2:
                self._greeted.add(bytes(frames[1][:128]).decode(errors="replace"))
            return None
        topic = topic_bytes.decode(errors="replace")
        if not self._wanted(topic):
            return None
        try:
            if len(frames) < 2:
                raise BadInputError("a message without a header")
            envelope = codec.decode_envelope(frames[1])
            key = (envelope.host, topic)
            if not self._same_life(envelope):
                return None
            if envelope.count <= self.seen.get(key, 0):
                return None  # a latched message that was sent again for somebody else
            message = codec.decode(envelope, frames[2:])
        except BadInputError:
            self._count_drop(f"{topic} undecodable", 1)
            return None
        missed = envelope.count - self.seen.get(key, 0) - 1
        if missed and key in self.seen:
            self._count_drop(f"{topic} socket", missed)
        self.seen[key] = envelope.count
        return Received(topic, envelope.host, envelope.count, message)

    def _same_life(self, envelope: codec.Envelope) -> bool:
        """Begin to count anew where a process was started again; False for what its earlier self had under way."""
        lives = self._lives.setdefault(envelope.host, [envelope.life])
        if envelope.life == lives[-1]:
            return True
        if envelope.life in lives:
            return False
        del lives[:-_LIVES_KEPT]
        lives.append(envelope.life)
        for key in [key for key in self.seen if key[0] == envelope.host]:
            del self.seen[key]
        return True

    def _wanted(self, topic: str) -> bool:
        return topic in self._subscriptions or any(
            wanted == "" or (wanted.endswith("/") and topic.startswith(wanted)) for wanted in self._subscriptions
        )

    def _answer_subscribers(self) -> None:
        while True:
            try:
                event = self._publish_socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if event[:1] != b"\x01":
                continue
            wanted = event[1:]
            if wanted.startswith(_HELLO):
                self._publish_socket.send_multipart([wanted, self.name.encode()])
                continue
            for topic, frames in self._latched.items():
                if topic.encode().startswith(wanted):
                    self._send(frames)

    def _count_drop(self, where: str, number: int) -> None:
        self.drops[where] = self.drops.get(where, 0) + number

    def close(self) -> None:
        """Leave the bus; messages still under way to slow readers are dropped. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._directory.leave(self.name)
        self._publish_socket.close()
        self._subscribe_socket.close()
