"""The subscriber's ends of its links: says what it wants to every publisher, and takes what they send."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import zmq

from selfcue.errors import BadInputError
from selfcue.qos import Qos, stronger
from selfcue.transport import shm, wire
from selfcue.transport.bell import MAX_PACKET_BYTES, BellListener
from selfcue.transport.pool import Shelf
from selfcue.transport.wire import Ack, Bye, Hello, Label, Want, Welcome

Frame: TypeAlias = bytes | memoryview

HELLO_PERIOD_S = 5.0
MAX_TOPICS = 4096
MAX_RUNG = 256
"""Packets taken from the bells at a time: a publisher that never pauses must not keep this process from the rest."""
_LINGER_MS = 200


@dataclass
class Publisher:
    """One publisher as its subscriber sees it."""

    address: bytes
    endpoint: str
    name: str = ""
    version: int = -1
    column: int = -1
    said_at: float = -1e9
    handled: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrival:
    """What came by a link: the header, and its arrays or where they lie. ``way``: ``link`` or ``bell``."""

    topic: str
    header: Frame
    label: Label
    way: str
    publisher: Publisher | None = None
    arrays: tuple[memoryview, ...] = ()


class Incoming:
    """All publishers that one process listens to. Used from the bus's thread alone.

    Args:
        socket: a ROUTER, which connects.
        bell_endpoint: where publishers of this machine ring; empty: tickets come over ZeroMQ.
        near: whether arrays may come through shared memory.
        say: told what a person should know, once each.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        name: str,
        *,
        near: bool,
        bell_endpoint: str = "",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._socket, self._name, self._say = socket, name, say
        self.refused = 0
        self.wrote = True
        self.wants: dict[str, Qos] = {}
        self._qos: dict[str, Qos | None] = {}
        self.version = 0
        self.shelf = Shelf()
        self._publishers: dict[bytes, Publisher] = {}
        self._addresses: dict[str, bytes] = {}
        self._connections = itertools.count()
        self._columns: dict[str, int] = {}
        self._proof, self._bell = _place(bell_endpoint) if near else (None, None)

    # -- wishes ------------------------------------------------------------------------------------------------------

    def want(self, topic: str, qos: Qos) -> None:
        """Subscribe at every present and future publisher; a second wish for a topic makes the stronger of both."""
        qos = stronger(self.wants[topic], qos) if topic in self.wants else qos
        if self.wants.get(topic) != qos:
            self.wants[topic] = qos
            self._qos.clear()
            self.version += 1
            for publisher in self._publishers.values():
                self._hello(publisher)

    def qos(self, topic: str) -> Qos | None:
        """Return what holds for ``topic``: the strongest of all wishes that it falls under; None: it is not wanted."""
        if topic in self._qos:
            return self._qos[topic]
        found = [qos for pattern, qos in self.wants.items() if wire.matches(pattern, topic)]
        result = functools.reduce(stronger, found) if found else None
        if len(self._qos) < MAX_TOPICS or result is not None:  # who makes up topics gets no more memory than that
            self._qos[topic] = result
        return result

    def connect(self, endpoint: str) -> None:
        """Begin to listen to the publisher whose links are at ``endpoint``."""
        if endpoint in self._addresses:
            return
        # New each time: libzmq aborts the process where a second connection takes the id of one that is still ending.
        address = self._addresses[endpoint] = b"%d" % next(self._connections)
        self.wrote = True
        self._socket.setsockopt(zmq.CONNECT_ROUTING_ID, address)
        self._socket.connect(endpoint)
        self._publishers[address] = Publisher(address, endpoint)
        self._hello(self._publishers[address])

    def disconnect(self, endpoint: str) -> None:
        """Forget a publisher that is gone."""
        publisher = self._publishers.pop(self._addresses.pop(endpoint, b""), None)
        if publisher is not None:
            self._columns.pop(publisher.name, None)
            self.wrote = True
            with suppress(zmq.ZMQError):
                self._socket.disconnect(endpoint)

    def linked(self, names: set[str]) -> bool:
        """Return whether all of ``names`` know all that this process wants."""
        return names <= {one.name for one in self._publishers.values() if one.version == self.version}

    def _hello(self, publisher: Publisher) -> None:
        publisher.said_at = time.monotonic()
        hello = Hello(
            self._name,
            self.version,
            tuple(Want(topic, qos.kind, qos.depth, qos.deadline_s) for topic, qos in self.wants.items()),
            self._proof.name if self._proof else "",
            self._proof.number if self._proof else b"",
            self._bell.endpoint if self._bell else "",
        )
        self._control(publisher, hello)

    def _control(self, publisher: Publisher, what: wire.Control) -> None:
        self.wrote = True
        with suppress(zmq.ZMQError):  # not connected yet: the next hello says it all again
            self._socket.send_multipart([publisher.address, wire.CONTROL, wire.pack(what)], zmq.NOBLOCK)

    # -- messages ----------------------------------------------------------------------------------------------------

    @property
    def descriptors(self) -> list[int]:
        """What to wait on besides the socket."""
        return self._bell.descriptors if self._bell else []

    def acknowledge(self) -> None:
        """Tell publishers how far this process has got, and say hello where it is time."""
        now = time.monotonic()
        for publisher in self._publishers.values():
            if publisher.handled:
                self._control(publisher, Ack(publisher.handled))
                publisher.handled = {}
            if now - publisher.said_at > HELLO_PERIOD_S:
                self._hello(publisher)

    def receive(self) -> list[Arrival]:
        """Return what came over ZeroMQ."""
        arrivals: list[Arrival] = []
        while True:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return arrivals
            try:
                arrival = self._take([part.buffer for part in parts])
            except BadInputError:
                self.refused += 1
                continue
            if arrival is not None:
                arrivals.append(arrival)

    def _take(self, parts: Sequence[memoryview]) -> Arrival | None:
        publisher = self._publishers.get(bytes(parts[0][:256])) if parts else None
        if publisher is None or not 3 <= len(parts) <= wire.MAX_FRAMES:
            raise BadInputError(f"{len(parts)} frames from nobody that was asked")
        if parts[1] == wire.CONTROL:
            self._heed(publisher, wire.control(parts[2]))
            return None
        if parts[1] != wire.MESSAGE or len(parts) < 5:
            raise BadInputError(f"{len(parts)} frames where a message has 5 and more")
        topic, label = wire.topic_of(parts[2]), wire.label(parts[3])
        publisher.handled[topic] = label.number
        return Arrival(topic, parts[4], label, "link", publisher, tuple(parts[5:]))

    def _heed(self, publisher: Publisher, said: wire.Control) -> None:
        if isinstance(said, Welcome):
            publisher.name, publisher.version, publisher.column = said.name, said.version, said.column
            self._columns[said.name] = said.column
        elif isinstance(said, Bye):
            publisher.version = -1
            self._say(said.why)

    def ring(self, ready: set[int], *, empty: bool = False) -> tuple[list[Arrival], list[int], list[int]]:
        """Return what came by the bell at ``ready`` descriptors, and the descriptors that are new and that are gone.

        Where a ticket is the newest of its ring, nothing is looked for behind it (that would take a system call)
        unless ``empty`` asks for it; what is there after all is found by the next wait.
        """
        if self._bell is None:
            return [], [], []
        arrivals: list[Arrival] = []

        def take(packet: bytes) -> bool:
            arrival = self._rung(packet)
            if arrival is not None:
                arrivals.append(arrival)
            ticket = arrival.label.ticket if arrival is not None else None
            return empty or (len(arrivals) < MAX_RUNG and (ticket is None or not self.shelf.newest(ticket)))

        came, went = self._bell.take(ready, take)
        return arrivals, came, went

    def _rung(self, packet: bytes) -> Arrival | None:
        try:
            if len(packet) > MAX_PACKET_BYTES:
                raise BadInputError(f"a packet of more than {MAX_PACKET_BYTES} bytes")
            rung = wire.rung(packet)
            if isinstance(rung, Welcome):  # it comes over ZeroMQ too, but perhaps later than the first ticket
                self._columns[rung.name] = rung.column
                return None
        except BadInputError:
            self.refused += 1
            return None
        return Arrival(rung.topic, rung.header, rung.label, "bell", None, rung.arrays)

    def read(self, arrival: Arrival, host: str, lengths: Sequence[int], *, copy: bool) -> list[memoryview] | None:
        """Return the arrays of ``arrival``; None where they have been written over.

        Raises:
            BadInputError: its ticket leads nowhere.
        """
        if arrival.label.ticket is None:
            return list(arrival.arrays)
        column = self._columns.get(host, -1)
        if column < 0:
            raise BadInputError(f"a ticket from {host!r}, with whom no shared memory was agreed on")
        return self.shelf.read(arrival.label.ticket, lengths, column, copy=copy)

    def discard(self, arrival: Arrival, host: str) -> None:
        """Let go of what was held for a message that nobody here can read."""
        with suppress(BadInputError):
            self.read(arrival, host, [0], copy=True)

    def close(self) -> None:
        """Say goodbye. Views into shared memory stay what they are. May be called twice."""
        for publisher in self._publishers.values():
            self._control(publisher, Bye())
        self._publishers.clear()
        self._addresses.clear()
        self._socket.setsockopt(zmq.LINGER, _LINGER_MS)
        if self._bell is not None:
            self._bell.close()
        if self._proof is not None and not self.shelf.in_use:
            self._proof.close()  # else publishers would take this process for dead and write over what it looks at
        self.shelf.close()


def _place(bell_endpoint: str) -> tuple[shm.Proof | None, BellListener | None]:
    """Return what proves where this process is and how it is woken; None each where it cannot be had."""
    try:
        proof = shm.Proof()
    except shm.NoRoomError:
        return None, None
    try:
        return proof, BellListener(bell_endpoint) if bell_endpoint else None
    except OSError:
        return proof, None
