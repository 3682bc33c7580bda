"""Publish and subscribe, between processes (``ipc://``), machines (``tcp://``) or the threads of one (``inproc://``).

Small messages go over one XPUB socket to every process's SUB socket. Big arrays, and what a subscriber wants reliably,
go over links (``selfcue.transport``): on one machine the arrays lie in shared memory and a ticket says where; otherwise
they go over the socket, no more of them at once than the subscriber has room for. Latched topics answer a late
subscription with their last message. A message that does not decode is dropped, counted under its topic, and never
stops the receiver. Every loss is counted in ``drops`` under its topic and the hop where it happened.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
import zmq
from zmq.utils.monitor import recv_monitor_message

from selfcue import codec
from selfcue.directory import Directory, this_process
from selfcue.errors import BadInputError, SelfcueError
from selfcue.inbox import HELLO, Inbox, Received
from selfcue.messages import NEVER_RELIABLE, Message
from selfcue.qos import MAX_DEPTH, Qos
from selfcue.transport import wire
from selfcue.transport.incoming import Incoming
from selfcue.transport.moderation import Moderation
from selfcue.transport.outgoing import Outgoing
from selfcue.transport.pool import PoolSettings, RingPool
from selfcue.transport.reach import Frontier, Reach
from selfcue.transport.session import RING_BYTES
from selfcue.transport.waiter import Waiter
from selfcue.transport.wire import Want

_RESTLESS_S = 0.01
_SERVE_S = 0.5

__all__ = ["Bus", "Received"]

log = logging.getLogger(__name__)


class Bus:
    """One process's place on the bus; used from one thread.

    Args:
        name: name of the process, unique in its domain.
        directory: where the others are found.
        context: ZeroMQ context; ``inproc`` peers must share one.
        queue: most small messages that wait per connection; a slower reader loses the newest and sees the gap.
        pool: how much shared memory big arrays may take; None: they go over the socket.
        bell: whether tickets may come past ZeroMQ (see ``selfcue.transport.bell``).
        reach: addresses of this process and of others beyond this machine.
        clock: domain of the clock that its messages are stamped by.

    Attributes:
        drops: ``"TOPIC HOP"`` to messages that were lost on the way to this process. Hops: ``publisher`` (this process
            was too slow and the publisher skipped), ``socket``, ``ring`` (written over before it was read), ``queue``
            (a newer one came first, as asked for), ``undecodable``.
        sent, seen: what this process put on each topic, and got of it by (process, topic).
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        *,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        queue: int = 4000,
        pool: PoolSettings | None = PoolSettings(),  # noqa: B008 - frozen
        bell: bool = True,
        reach: Reach | None = None,
        clock: str = "",
    ) -> None:
        self.name, self._clock = name, clock
        self.sent: dict[str, int] = {}
        self.reports: list[str] = []
        self._closed = False
        self._monitors: list[zmq.Socket[bytes]] = []
        self._directory = directory
        self._context = context or zmq.Context.instance()
        self._publish_socket = self._socket(zmq.XPUB, queue)
        self._subscribe_socket = self._socket(zmq.SUB, queue)
        serve, ask = self._socket(zmq.ROUTER, 0), self._socket(zmq.ROUTER, 0)
        self._publish_socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._endpoint, self._link_endpoint = directory.endpoint(name, "pub"), directory.endpoint(name, "link")
        self._publish_socket.bind(self._endpoint)
        serve.bind(self._link_endpoint)
        near = pool is not None and self._endpoint.startswith("ipc://")
        bell_endpoint = directory.endpoint(name, "bell") if near and bell else ""
        self._pool = RingPool(pool, self._say) if near else None
        self._outgoing = Outgoing(serve, name, pool=self._pool, latched=self._latched_for, say=self._say)
        self._incoming = Incoming(ask, name, near=near, bell_endpoint=bell_endpoint, say=self._say)
        self._links = (serve, ask)
        self._inbox = Inbox(name, self._subscribe_socket, self._incoming)
        self.drops, self.seen = self._inbox.drops, self._inbox.seen
        self._waiter, self._moderation = Waiter(), Moderation()
        self._pending: set[Any] = set()
        for socket in (self._publish_socket, self._subscribe_socket, *self._links):
            self._waiter.add(socket)
        for descriptor in self._incoming.descriptors:
            self._waiter.add(descriptor)
        self._frontier = self._reach_out(reach) if reach is not None else None
        self._monitors += [one.get_monitor_socket(zmq.EVENT_DISCONNECTED) for one in (self._subscribe_socket, ask)]
        self._cut_off = 0
        self._connected: dict[str, tuple[str, float]] = {}  # endpoint to link, and when its card was last seen
        self._life = time.time_ns()
        self._asked_at = -1e9
        self._big: set[str] = set()
        self._latched: dict[str, list[codec.Buffer]] = {}
        self._backlog: list[Received] = []
        self._looked_at = self._served_at = -1e9

    def _reach_out(self, reach: Reach) -> Frontier:
        try:
            frontier = Frontier(self._context, reach, self._publish_socket, self._links[0])
        except BaseException:
            self._frontier = None
            self.close()
            raise
        frontier.connect(self._subscribe_socket, self._links[1], self._incoming)
        for entrance in frontier.entrances:
            self._waiter.add(entrance)
        return frontier

    def _socket(self, kind: int, queue: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, queue)
        socket.setsockopt(zmq.RCVHWM, queue)
        socket.setsockopt(zmq.MAXMSGSIZE, wire.MAX_FRAME_BYTES)
        return socket

    # -- wiring ----------------------------------------------------------------------------------------------------

    def enter(self, topics: dict[str, str], **about: Any) -> None:
        """Leave this process's card, so that others find it.

        ``topics``: those that it publishes, with their types; ``about``: further fields of ``Card``.
        """
        card = this_process(self.name, self._endpoint, topics, link=self._link_endpoint)
        self._directory.enter(msgspec.structs.replace(card, hears=tuple(sorted(self._incoming.wants)), **about))

    def watch(self, socket: zmq.Socket[bytes]) -> None:
        """End a wait in ``poll`` when ``socket``, which is the caller's to read, has something too."""
        self._waiter.add(socket, watched=True)

    def subscribe(self, topic: str, qos: Qos | None = None) -> None:
        """Ask every present and future peer for ``topic`` (all topics that begin with it, where it ends in ``/``).

        ``qos``: what happens when this process is slower than the publisher; where nothing is said, 10,000 messages
        wait. A second subscription to a topic makes the stronger of both.
        """
        if len(topic.encode()) > wire.MAX_TOPIC_BYTES:
            raise BadInputError(f"a topic of {len(topic)} letters; the limit is {wire.MAX_TOPIC_BYTES} bytes")
        before = self._incoming.wants.get(topic)
        self._incoming.want(topic, qos or Qos.keep(MAX_DEPTH))
        if (before is None or before.kind == "reliable") and self._incoming.wants[topic].kind != "reliable":
            self._subscribe_socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
            self._waiter.touch(self._subscribe_socket)

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
                    self._waiter.touch(self._subscribe_socket)
                    if card.link:
                        self._incoming.connect(card.link)
                self._connected[card.endpoint] = (card.link, now)
        self._note_cut_off(now)

    def _note_cut_off(self, now: float) -> None:
        """Count those of the living whom ZeroMQ has hung up on: they sent a frame beyond the limit, or no frame."""
        for monitor in self._monitors:
            with suppress(zmq.Again):
                while True:
                    where = recv_monitor_message(monitor, zmq.NOBLOCK)["endpoint"].decode()
                    for endpoint, (link, seen_s) in self._connected.items():
                        if where in (endpoint, link) and seen_s == now:
                            self._cut_off += 1
                            self._say(
                                f"{where}: hung up on, for a frame of more than {wire.MAX_FRAME_BYTES} bytes or none"
                            )

    def forget_gone(self, *, after_s: float = 5.0) -> None:
        """Disconnect from processes whose card is gone for ``after_s``; else ZeroMQ knocks at their door for ever.

        For live systems: what a process said last may still be under way when its card is gone.
        """
        for endpoint, (link, seen_s) in list(self._connected.items()):
            if self._looked_at - seen_s > after_s:
                self._subscribe_socket.disconnect(endpoint)
                self._waiter.touch(self._subscribe_socket)
                self._incoming.disconnect(link)
                del self._connected[endpoint]

    def met(self, names: set[str]) -> bool:
        """Return whether this process hears every one of ``names``; take one step towards it where it does not.

        A peer answers a hello only after it has seen all subscriptions that went before it.
        """
        self.connect_present()
        now = time.monotonic()
        if (
            now - self._asked_at > 0.25 and not names <= self._inbox.greeted
        ):  # anew: a peer may have bound after the last time
            hello = HELLO + self.name.encode()
            with suppress(zmq.ZMQError):
                self._subscribe_socket.setsockopt(zmq.UNSUBSCRIBE, hello)
            self._subscribe_socket.setsockopt(zmq.SUBSCRIBE, hello)
            self._waiter.touch(self._subscribe_socket)
            self._asked_at = now
        self._backlog = self.poll(0.02)  # the next poll hands these out
        return names <= self._inbox.greeted and self._incoming.linked(names)

    def meet(self, names: set[str], *, timeout_s: float, stop: object = None) -> None:
        """Wait until this process hears every one of ``names``: from then on no message of theirs can be missed.

        ``stop`` may be anything with ``is_set()``. Raises SelfcueError after ``timeout_s``, naming who is missing.
        """
        deadline = time.monotonic() + timeout_s
        while not self.met(names):
            if stop is not None and stop.is_set():  # type: ignore[attr-defined]
                return
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(name for name in names if not self.met({name})))
                raise SelfcueError(f"{self.name}: no word from {missing} within {timeout_s:.0f} s; see their logs")

    # -- messages --------------------------------------------------------------------------------------------------

    def publish(self, topic: str, message: Message, *, latched: bool = False) -> None:
        """Send ``message``; its arrays must not change afterwards."""
        count = self.sent.get(topic, 0) + 1
        frames = codec.encode(message, host=self.name, count=count, life=self._life, clock=self._clock)
        self.sent[topic] = count
        size = sum(memoryview(frame).nbytes for frame in frames[1:])
        if latched:
            self._latched[topic] = [topic.encode(), *frames]
        elif size >= RING_BYTES:
            self._big.add(topic)  # from now on by the same way, however small: else a small one could overtake
        big = topic in self._big
        rung = not latched and not big and self._outgoing.rings(topic)
        if latched or not (big or rung):
            self._send([topic.encode(), *frames])
        self._outgoing.send(topic, frames, big=big, rung=rung, urgent=isinstance(message, NEVER_RELIABLE))
        if time.monotonic() - self._served_at > _SERVE_S:
            self._serve()

    @property
    def strangers(self) -> dict[str, int]:
        """Who was turned away for want of a key: beginning of the key that they have, to how often."""
        return self._frontier.strangers if self._frontier is not None else {}

    @property
    def subscribers(self) -> list[str]:
        """Names of the processes that have told this one what they want."""
        return self._outgoing.subscribers

    @property
    def refused(self) -> dict[str, int]:
        """What was turned away and is no loss: frames that are none of ours, and messages that had come before."""
        malformed = self._incoming.refused + self._outgoing.refused
        strangers = sum(self.strangers.values())
        replayed = self._inbox.order.replayed
        return {"malformed": malformed, "replayed": replayed, "strangers": strangers, "cut off": self._cut_off}

    @property
    def latched(self) -> dict[str, list[codec.Buffer]]:
        """Frames of the last message of every latched topic."""
        return self._latched

    def _send(self, frames: Sequence[codec.Buffer]) -> None:
        big = any(memoryview(frame).nbytes >= 1 << 16 for frame in frames)
        self._publish_socket.send_multipart(frames, copy=not big)
        self._waiter.touch(self._publish_socket)

    def _latched_for(self, want: Want) -> list[tuple[str, Sequence[codec.Buffer]]]:
        return [(topic, parts[1:]) for topic, parts in self._latched.items() if wire.matches(want.topic, topic)]

    def _serve(self) -> None:
        self._served_at = time.monotonic()
        self._outgoing.serve()

    def poll(self, timeout_s: float) -> list[Received]:
        """Wait up to ``timeout_s`` for anything, serve subscribers, and return the messages that came."""
        received, self._backlog = self._backlog, []
        self._incoming.acknowledge()
        if not received and (rest_s := self._moderation.rest_s(timeout_s)):
            time.sleep(rest_s)
        events = self._events(0.0 if received else timeout_s)
        if self._publish_socket in events:
            self._answer_subscribers()
        if self._frontier is not None:
            self._frontier.serve()
        overdue = time.monotonic() - self._served_at > _SERVE_S
        if self._links[0] in events or overdue or self._outgoing.waiting:  # what waits may find room at any moment
            self._serve()
        items = self._inbox.from_pub() if self._subscribe_socket in events else []
        by_links, came, went = self._inbox.from_links(events, self._links[1])
        for descriptor in came:
            self._waiter.add(descriptor)
        for descriptor in went:
            self._waiter.remove(descriptor)
        items += by_links
        self._moderation.came(len(items), big=any(item.label is not None and item.label.ticket for item in items))
        received += self._inbox.put_in_order(items)
        return self._inbox.newest(received) if len(received) > 1 else received

    def wait(self, other: zmq.Socket[bytes], timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for ``other`` or the bus; return whether the bus has something to poll."""
        self._waiter.add(other, watched=True)
        self._pending = self._events(0.0 if self._backlog else timeout_s) - {other}
        return bool(self._backlog or self._pending) or self._inbox.order.holding

    def _events(self, timeout_s: float) -> set[Any]:
        """Return what is ready; it is to be read until it is empty, for it is not told twice."""
        if self._inbox.order.holding or self._outgoing.waiting:
            timeout_s = min(timeout_s, _RESTLESS_S)
        if self._outgoing.wrote:
            self._outgoing.wrote = False
            self._waiter.touch(self._links[0])
        if self._incoming.wrote:
            self._incoming.wrote = False
            self._waiter.touch(self._links[1])
        pending, self._pending = self._pending, set()
        return pending | self._waiter.wait(0.0 if pending else timeout_s)

    def _answer_subscribers(self) -> None:
        while True:
            try:
                event = self._publish_socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if event[:1] != b"\x01":
                continue
            wanted = event[1:]
            if wanted.startswith(HELLO):
                self._send([wanted, self.name.encode()])
                continue
            for topic, frames in self._latched.items():
                if topic.encode().startswith(wanted):
                    self._send(frames)

    def _say(self, what: str) -> None:
        self.reports.append(what)
        del self.reports[:-100]
        log.warning("%s: %s", self.name, what)

    def close(self) -> None:
        """Leave the bus; messages still under way to slow readers are dropped. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._incoming.close()
        self._outgoing.close()
        if self._pool is not None:
            self._pool.close()
        if self._frontier is not None:
            self._frontier.close(self._publish_socket, self._links[0])
        self._directory.leave(self.name)
        for monitor, watched in zip(self._monitors, (self._subscribe_socket, self._links[1]), strict=False):
            watched.disable_monitor()
            monitor.close(linger=0)
        for socket in (self._publish_socket, self._subscribe_socket, *self._links):
            socket.close()
