"""The publisher's ends of its links: who wants what, how far each has got, and by which way an array goes to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import zmq
from msgspec.structs import replace

from selfcue.errors import BadInputError
from selfcue.transport import shm, wire
from selfcue.transport.bell import MAX_PACKET_BYTES, Bell
from selfcue.transport.pool import RingPool
from selfcue.transport.ring import Ticket
from selfcue.transport.session import RING_BYTES, Frame, Line, Session
from selfcue.transport.wire import Ack, Bye, Hello, Label, Want, Welcome

Latched = Callable[[Want], list[tuple[str, Sequence[Frame]]]]

SILENT_S = 30.0
_TEND_S = 1.0
_PATIENCE_MS = 1


class Outgoing:
    """All subscribers of one process. Used from the bus's thread alone.

    Args:
        socket: a bound ROUTER.
        pool: rings for subscribers that see the same shared memory; None: everything goes over the socket.
        latched: returns the last messages (topic; header and arrays) that a new subscription is owed over the link.
        say: told what a person should know, once each.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        name: str,
        *,
        pool: RingPool | None,
        latched: Latched = lambda _: [],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket, self._name, self._pool, self._latched, self._say = socket, name, pool, latched, say
        self.refused = 0
        self.wrote = True
        self.skips: dict[str, int] = {}
        self.disconnects: dict[str, int] = {}
        self._sessions: dict[bytes, Session] = {}
        self._lines: dict[str, list[Line]] = {}
        self._rung: dict[str, bool] = {}
        self._tended_at = time.monotonic()

    # -- messages --------------------------------------------------------------------------------------------------

    def lines(self, topic: str) -> list[Line]:
        """Return who wants ``topic``."""
        found = self._lines.get(topic)
        if found is None:
            found = self._lines[topic] = []
            for session in self._sessions.values():
                want = session.want(topic)
                if want is not None:
                    line = session.lines.get(topic)
                    if line is None or line.want != want:
                        line = session.lines[topic] = Line(session, topic, want, line)
                    found.append(line)
        return found

    def rings(self, topic: str) -> bool:
        """Return whether everybody who wants ``topic`` has a bell: then its small messages need no PUB/SUB."""
        found = self._rung.get(topic)
        if found is None:
            lines = self.lines(topic)
            found = self._rung[topic] = bool(lines) and all(line.session.bell is not None for line in lines)
        return found

    def send(self, topic: str, frames: Sequence[Frame], *, big: bool, rung: bool = False, urgent: bool = False) -> None:
        """Send header and arrays to all who want them by a link: reliable subscribers, and all where ``big``.

        ``rung``: a small message, which goes to the bells of all others. ``urgent``: nobody is waited for, whatever was
        asked. Arrays under ``RING_BYTES`` are not worth a ring.
        """
        lines = [line for line in self.lines(topic) if big or rung or line.want.kind == "reliable"]
        if not lines:
            return
        if urgent:
            lines = [line.hurried() for line in lines]
        size = sum(memoryview(frame).nbytes for frame in frames)
        if size >= RING_BYTES and self._pool is not None:
            near = [line for line in lines if line.session.near]
            ticket = self._to_ring(topic, frames[1:], near) if near and len(frames) > 1 else None
            if ticket is not None:
                header = bytes(frames[0])
                packets: dict[Label, bytes] = {}  # those who are equally far get the same
                for line in near:
                    if line.waiting:
                        self._put_off(line, frames, size)
                    else:
                        self._ring(line, frames, header, ticket, packets)
                lines = [line for line in lines if not line.session.near]
        whole: dict[Label, bytes] = {}
        for line in lines:
            if rung and line.qos.kind != "reliable" and self._ring_whole(line, frames, whole):
                continue
            self._offer(line, frames, size)

    def _ring_whole(self, line: Line, frames: Sequence[Frame], packets: dict[Label, bytes]) -> bool:
        """Send a small message to the bell; False where there is none, it is full, or others wait already."""
        bell = line.session.bell
        if bell is None or line.waiting:
            return False
        label = Label(line.number, line.skipped)
        packet = packets.get(label)
        if packet is None:
            arrays = tuple(memoryview(one) for one in frames[1:])
            packet = packets[label] = wire.pack(wire.Rung(line.topic, label, bytes(frames[0]), arrays))
        try:
            return len(packet) <= MAX_PACKET_BYTES and bell.ring(packet)
        except OSError:
            self._lose_bell(line.session)
            return False

    def _lose_bell(self, session: Session) -> None:
        if session.bell is not None:
            session.bell.close()
            session.bell = None
        self._rung.clear()

    def _to_ring(self, topic: str, arrays: Sequence[Frame], near: list[Line]) -> Ticket | None:
        assert self._pool is not None
        holders = [line.session.column for line in near if line.qos.holds]
        meant = [line.session.column for line in near if not line.qos.holds]
        ticket = self._pool.write(topic, arrays, holders, meant)
        patient = [line for line in near if line.qos.kind == "reliable"]
        if ticket is None and patient and topic in self._pool.busy:
            deadline = time.monotonic() + min(line.qos.deadline_s for line in patient)
            while ticket is None and time.monotonic() < deadline:
                self.serve(_PATIENCE_MS)
                ticket = self._pool.write(topic, arrays, holders, meant)
        return ticket

    def _ring(
        self, line: Line, frames: Sequence[Frame], header: bytes, ticket: Ticket, packets: dict[Label, bytes]
    ) -> None:
        """Hand a ticket over: by the bell, or over ZeroMQ where there is none, or it is full and may not lose any."""
        session = line.session
        ticket = ticket if line.qos.holds else replace(ticket, held=False)
        if session.bell is not None:
            label = Label(line.number, line.skipped, ticket)
            packet = packets.get(label)
            if packet is None:
                packet = packets[label] = wire.pack(wire.Rung(line.topic, label, header))
            try:
                if len(packet) <= MAX_PACKET_BYTES and session.bell.ring(packet):
                    return
            except OSError:
                self._lose_bell(session)
            else:
                if not line.qos.holds:
                    self._put_off(line, frames, sum(memoryview(frame).nbytes for frame in frames))
                    return
        self._send(line, [header], ticket)

    def _ring_again(self) -> None:
        """Send what waits for subscribers whose bell was full and is no more."""
        for line in [line for lines in self._lines.values() for line in lines if line.waiting and line.session.near]:
            while line.waiting and (line.session.bell is None or line.session.bell.free):
                frames, size = line.waiting[0]
                if size < RING_BYTES or len(frames) < 2:
                    if not line.open:
                        break  # it waits for the subscriber's word, not for its bell
                    self._send(line, line.take_waiting())
                    continue
                line.take_waiting()
                assert self._pool is not None
                ticket = self._pool.write(line.topic, frames[1:], (), (line.session.column,))
                if ticket is not None:
                    self._ring(line, frames, bytes(frames[0]), ticket, {})
                else:
                    self._send(line, frames)

    def _offer(self, line: Line, frames: Sequence[Frame], size: int) -> None:
        if line.waiting or not line.open:
            if line.qos.kind == "reliable":
                self._wait(line)
                if not line.open:
                    return
            elif line.qos.kind != "every":
                self._put_off(line, frames, size)
                return
        self._send(line, frames)

    def _put_off(self, line: Line, frames: Sequence[Frame], size: int) -> None:
        before = line.skipped
        line.put_off(frames, size)
        self.skips[line.topic] = self.skips.get(line.topic, 0) + line.skipped - before

    def _wait(self, line: Line) -> None:
        """Hold the publisher up until a reliable subscriber has room; past its deadline it is disconnected."""
        deadline = time.monotonic() + line.qos.deadline_s
        while not line.open and line.session.address in self._sessions:
            self.serve(_PATIENCE_MS)
            if time.monotonic() > deadline:
                name = line.session.hello.name
                why = f"{line.topic}: {name} has handled nothing for {line.qos.deadline_s:g} s; disconnected"
                self._say(why)
                self._control(line.session, Bye(why))
                self.disconnects[name] = self.disconnects.get(name, 0) + 1
                self._drop(line.session)

    def _send(self, line: Line, frames: Sequence[Frame], ticket: Ticket | None = None) -> None:
        label = wire.pack(Label(line.number + 1, line.skipped, ticket))
        parts = [line.session.address, wire.MESSAGE, line.topic.encode(), label, *frames]
        size = sum(memoryview(frame).nbytes for frame in frames)
        self.wrote = True
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK, copy=size < 1 << 16)
        except zmq.Again:
            self._skip(line)
            return
        except zmq.ZMQError:
            self._drop(line.session)
            return
        line.number += 1
        line.under_way.append((line.number, size))
        line.under_way_bytes += size

    def _skip(self, line: Line) -> None:
        line.skipped += 1
        self.skips[line.topic] = self.skips.get(line.topic, 0) + 1

    # -- subscribers -----------------------------------------------------------------------------------------------

    def serve(self, timeout_ms: int = 0) -> None:
        """Take what subscribers say, send what waits for those that have room again, and see who is gone."""
        if timeout_ms:
            self._socket.poll(timeout_ms)
        while True:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            try:
                if len(parts) != 3 or parts[1] != wire.CONTROL:
                    raise BadInputError(f"{len(parts)} frames where a control message has 3")
                self._take(parts[0], wire.control(parts[2]))
            except BadInputError:
                self.refused += 1
        if self._pool is not None:
            self._ring_again()
        now = time.monotonic()
        if now - self._tended_at > _TEND_S:
            self._tended_at = now
            self._tend(now)

    def _take(self, address: bytes, said: wire.Control) -> None:
        session = self._sessions.get(address)
        if isinstance(said, Hello):
            self._greet(address, session, said)
        elif session is not None and isinstance(said, Ack):
            session.heard_at = time.monotonic()
            for topic, number in said.numbers.items():
                line = session.lines.get(topic)
                if line is not None:
                    line.acknowledged(number)
                    while line.waiting and line.open:
                        self._send(line, line.take_waiting())
        elif session is not None and isinstance(said, Bye):
            self._drop(session)

    def _greet(self, address: bytes, session: Session | None, hello: Hello) -> None:
        if session is None:
            for other in [one for one in self._sessions.values() if one.hello.name == hello.name]:
                self._drop(other)
            session = self._sessions[address] = Session(address, hello)
            self._admit(session)
            new = hello.wants
        else:
            new = tuple(want for want in hello.wants if want not in session.hello.wants)
        session.heard_at = time.monotonic()
        if new or len(hello.wants) != len(session.hello.wants):
            session.hello = hello
            self._forget_lines()
        session.hello = hello
        self._control(session, Welcome(self._name, hello.version, session.column))
        for want in new:
            if want.kind == "reliable":
                for topic, frames in self._latched(want):
                    line = next(one for one in self.lines(topic) if one.session is session)
                    self._send(line, frames)

    def _admit(self, session: Session) -> None:
        """Give a subscriber that sees the same shared memory its column, and connect to its bell."""
        hello = session.hello
        if self._pool is None or not hello.proof or not shm.proved(hello.proof, hello.number):
            return
        session.column = self._pool.admit(hello.proof)
        if session.near and hello.bell:
            with suppress(OSError):
                bell = Bell(hello.bell)
                session.bell = bell
                bell.ring(wire.pack(Welcome(self._name, hello.version, session.column)))  # before any ticket is

    def _control(self, session: Session, what: wire.Control) -> None:
        self.wrote = True
        try:
            self._socket.send_multipart([session.address, wire.CONTROL, wire.pack(what)], zmq.NOBLOCK)
        except zmq.ZMQError:
            self._drop(session)

    def _tend(self, now: float) -> None:
        for session in list(self._sessions.values()):
            gone = not shm.held(session.hello.proof) if session.near else now - session.heard_at > SILENT_S
            if gone:
                self._drop(session)
        if self._pool is not None:
            self._pool.tend()

    def _forget_lines(self) -> None:
        self._lines.clear()
        self._rung.clear()

    def _drop(self, session: Session) -> None:
        if self._sessions.pop(session.address, None) is None:
            return
        self._forget_lines()
        if session.bell is not None:
            session.bell.close()
        if session.near and self._pool is not None:
            self._pool.dismiss(session.column)

    @property
    def waiting(self) -> bool:
        """True while messages wait for subscribers to have room."""
        return any(line.waiting for lines in self._lines.values() for line in lines)

    @property
    def subscribers(self) -> list[str]:
        """Names of who is connected."""
        return sorted(session.hello.name for session in self._sessions.values())

    def close(self) -> None:
        """Forget all subscribers; the rings go with the pool."""
        for session in list(self._sessions.values()):
            self._drop(session)
