"""What comes in: frames of PUB/SUB and arrivals of links become messages, in order, with every loss counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import zmq

from selfcue import codec
from selfcue.errors import BadInputError
from selfcue.messages import Message
from selfcue.transport import wire
from selfcue.transport.incoming import Arrival, Incoming
from selfcue.transport.order import Item, Order

HELLO = b"\x00hello/"

_LIVES_KEPT = 8


@dataclass(frozen=True)
class Received:
    """A message with where it came from; ``count`` numbers all that ``host`` put on ``topic``, from 1.

    ``clock``: domain of the message's stamps.
    """

    topic: str
    host: str
    count: int
    message: Message
    clock: str = ""


class Inbox:
    """The receiving half of a bus.

    Args:
        name: of this process.
        subscribe: its SUB socket.
        incoming: its links.

    Attributes:
        drops, seen: see ``Bus``.
        greeted: processes that have answered a hello.
    """

    def __init__(self, name: str, subscribe: zmq.Socket[bytes], incoming: Incoming) -> None:
        self.drops: dict[str, int] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.greeted: set[str] = set()
        self.order: Order[Received] = Order(self.seen, self.drops)
        self._name, self._subscribe_socket, self._incoming = name, subscribe, incoming
        self._lives: dict[str, list[int]] = {}

    def put_in_order(self, items: list[Item[Received]]) -> list[Received]:
        """Return what may be handed out now that ``items`` have come."""
        received: list[Received] = []
        for item in items:
            received += self.order.admit(item)
        if self.order.holding:
            received += self.order.overdue()
        return received

    def from_pub(self) -> list[Item[Received]]:
        """Return all that came over PUB/SUB."""
        items: list[Item[Received]] = []
        while True:
            try:
                frames = self._subscribe_socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return items
            if frames[0].startswith(HELLO):
                if frames[0] == HELLO + self._name.encode() and len(frames) == 2:
                    self.greeted.add(frames[1][:128].decode(errors="replace"))
                continue
            item = self._item(frames)
            if item is not None:
                items.append(item)

    def _item(self, frames: Sequence[bytes]) -> Item[Received] | None:
        topic = frames[0][: wire.MAX_TOPIC_BYTES].decode(errors="replace")
        if self._incoming.qos(topic) is None:
            return None
        try:
            if not 2 <= len(frames) <= wire.MAX_FRAMES or len(frames[0]) > wire.MAX_TOPIC_BYTES:
                raise BadInputError("a message without a header, or with too much")
            envelope = codec.decode_envelope(frames[1])
            if not self._same_life(envelope):
                return None
            message = codec.decode(envelope, frames[2:])
        except BadInputError:
            self._count_drop(f"{topic} undecodable", 1)
            return None
        received = Received(topic, envelope.host, envelope.count, message, envelope.clock)
        return Item(envelope.host, topic, envelope.count, "pub", received)

    def from_links(self, events: set[Any], ask: zmq.Socket[bytes]) -> tuple[list[Item[Received]], list[int], list[int]]:
        """Return what came by links and by the bell, and the bell's descriptors that are new and that are gone."""
        arrivals = self._incoming.receive() if ask in events else []
        # After the socket, and all of it where something came there: what was rung before that was sent is older.
        at = set(self._incoming.descriptors) & (events if not arrivals else set(self._incoming.descriptors))
        rung, came, went = self._incoming.ring(at, empty=bool(arrivals)) if at else ([], [], [])
        if not rung and not arrivals:
            return [], came, went
        newest = {arrival.topic: arrival for arrival in rung}
        items = [self._arrived(arrival, newest) for arrival in [*rung, *arrivals]]
        found = [item for item in items if item is not None]
        if arrivals and rung:
            found.sort(key=lambda item: item.count)  # two ways met; by one alone all came in the order it was sent
        return found, came, went

    def _arrived(self, arrival: Arrival, newest: dict[str, Arrival]) -> Item[Received] | None:
        topic, host = arrival.topic, ""
        try:
            envelope = codec.decode_envelope(arrival.header)
            host = envelope.host
            qos = self._incoming.qos(topic)
            if qos is None or not self._same_life(envelope):
                self._incoming.discard(arrival, host)
                return None
            message, lost_at = None, "ring"
            if qos.kind == "latest" and newest.get(topic, arrival) is not arrival:
                lost_at = "queue"
                self._incoming.discard(arrival, host)
            else:
                buffers = self._incoming.read(arrival, host, codec.lengths(envelope), copy=qos.copy)
                message = codec.decode(envelope, buffers) if buffers is not None else None
        except BadInputError:
            self._count_drop(f"{topic} undecodable", 1)
            self._incoming.discard(arrival, host)
            return None
        received = Received(topic, host, envelope.count, message, envelope.clock) if message is not None else None
        return Item(host, topic, envelope.count, arrival.way, received, arrival.label, lost_at)

    def newest(self, received: list[Received]) -> list[Received]:
        """Return ``received`` without what subscriptions of ``latest`` and ``keep`` leave out."""
        room: dict[str, int] = {}
        kept: list[Received] = []
        for one in reversed(received):
            if one.topic not in room:
                qos = self._incoming.qos(one.topic)
                some = qos is not None and qos.kind in {"latest", "keep"}
                room[one.topic] = qos.depth if qos is not None and some else len(received)
            if room[one.topic] > 0:
                room[one.topic] -= 1
                kept.append(one)
            else:
                self._count_drop(f"{one.topic} queue", 1)
        return kept[::-1]

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
        self.order.forget(envelope.host)
        return True

    def _count_drop(self, where: str, number: int) -> None:
        self.drops[where] = self.drops.get(where, 0) + number
