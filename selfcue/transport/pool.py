"""The rings of one process: one per topic, made when it is first needed, grown when a message does not fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from selfcue.errors import BadInputError
from selfcue.transport import shm
from selfcue.transport.ring import READERS, RingReader, RingWriter, Ticket, aligned


@dataclass(frozen=True)
class PoolSettings:
    """How much shared memory a process may take.

    Attributes:
        ring_bytes: aimed at for one topic; it decides the number of slots.
        least_slots, most_slots: bounds of that number.
        total_bytes: of all topics together; what does not fit goes over the socket.
        retry_s: after shared memory was found full, the time until it is tried again.
    """

    ring_bytes: int = 16 << 20
    least_slots: int = 4
    most_slots: int = 64
    total_bytes: int = 1 << 30
    retry_s: float = 2.0


class RingPool:
    """The writing side: used from the bus's thread alone.

    ``busy`` and ``full`` count, per topic, arrays that had to take the socket: readers kept every slot, or there was
    no room. ``say`` is told once when room runs out.
    """

    def __init__(self, settings: PoolSettings | None = None, say: Callable[[str], None] = lambda _: None) -> None:
        self.busy: dict[str, int] = {}
        self.full: dict[str, int] = {}
        self._settings, self._say = settings or PoolSettings(), say
        self._rings: dict[str, RingWriter] = {}
        self._retired: list[RingWriter] = []
        self._retry_at: dict[str, float] = {}
        self._columns: dict[int, str] = {}  # to the reader's proof
        self._leaving: dict[int, str] = {}

    # -- readers -----------------------------------------------------------------------------------------------------

    def admit(self, proof: str) -> int:
        """Return a column for the reader that holds ``proof``; -1 where all are taken."""
        for column in range(READERS):
            if column not in self._columns and column not in self._leaving:
                self._columns[column] = proof
                return column
        return -1

    def dismiss(self, column: int) -> None:
        """A reader left or died; what it still has in use stays until it lets go or is dead."""
        proof = self._columns.pop(column, "")
        self._leaving[column] = proof
        self.tend()

    def tend(self) -> None:
        """Free the columns of the gone and the rings that were grown out of."""
        for column, proof in list(self._leaving.items()):
            dead = not shm.held(proof)
            clear = [ring.let_go(column, taken=dead) for ring in self._all()]
            if all(clear):
                del self._leaving[column]
        for ring in [ring for ring in self._retired if not ring.kept]:
            ring.close()
            self._retired.remove(ring)

    # -- arrays ------------------------------------------------------------------------------------------------------

    def write(
        self, topic: str, buffers: Sequence[Any], holders: Sequence[int], meant: Sequence[int] = ()
    ) -> Ticket | None:
        """Put the arrays of one message into the topic's ring; None where they have to take another way.

        ``holders``, ``meant``: see ``RingWriter.write``.
        """
        needed = aligned([memoryview(buffer).nbytes for buffer in buffers])
        ring = self._rings.get(topic)
        if ring is None or ring.slot_bytes < needed:
            ring = self._grown(topic, needed)
            if ring is None:
                self.full[topic] = self.full.get(topic, 0) + 1
                return None
        ticket = ring.write(buffers, holders, meant)
        if ticket is None:
            self.busy[topic] = self.busy.get(topic, 0) + 1
        return ticket

    def take_back(self, topic: str, ticket: Ticket, column: int) -> None:
        """Let go of a held slot whose ticket could not be sent."""
        ring = self._rings.get(topic)
        if ring is not None and ring.ring == ticket.ring:
            ring.let_go(column, ticket.slot)

    def _grown(self, topic: str, needed: int) -> RingWriter | None:
        if time.monotonic() < self._retry_at.get(topic, 0.0):
            return None
        least = self._settings.least_slots
        slots = min(self._settings.most_slots, max(least, self._settings.ring_bytes // needed))
        taken = sum(ring.size for ring in self._all())
        try:
            if taken + slots * needed > self._settings.total_bytes:
                raise shm.NoRoomError(f"{taken + slots * needed} bytes of rings; {self._settings.total_bytes} allowed")
            ring = RingWriter(slots=slots, slot_bytes=needed)
        except (shm.NoRoomError, BadInputError) as error:
            if topic not in self._retry_at:
                self._say(f"{topic}: no shared memory for {slots} x {needed} bytes, going over the socket: {error}")
            self._retry_at[topic] = time.monotonic() + self._settings.retry_s
            return None
        self._retry_at.pop(topic, None)
        if topic in self._rings:
            self._retired.append(self._rings[topic])
        self._rings[topic] = ring
        return ring

    def _all(self) -> list[RingWriter]:
        return [*self._rings.values(), *self._retired]

    @property
    def bytes(self) -> int:
        """Shared memory that this process has taken."""
        return sum(ring.size for ring in self._all())

    def close(self) -> None:
        """Take all rings out of use. May be called twice."""
        for ring in self._all():
            ring.close()
        self._rings.clear()
        self._retired.clear()


class Shelf:
    """The reading side: rings of other processes, opened when a ticket first names them."""

    def __init__(self) -> None:
        self._open: dict[str, RingReader] = {}
        self._closed: list[RingReader] = []

    def read(self, ticket: Ticket, lengths: Sequence[int], column: int, *, copy: bool) -> list[memoryview] | None:
        """Return the arrays; None where they have been written over (see ``RingReader.read``).

        Raises:
            BadInputError: no such ring, or the ticket does not fit it.
        """
        ring = self._open.get(ticket.name)
        if ring is None or ring.ring != ticket.ring:
            self._closed = [other for other in self._closed if other.views]
            for name in [name for name, other in self._open.items() if other.gone]:
                self._closed.append(self._open.pop(name))
            try:
                ring = self._open[ticket.name] = RingReader(ticket.name, ticket.ring)
            except shm.GoneError:
                return None
        return ring.read(ticket, lengths, column, copy=copy)

    def newest(self, ticket: Ticket | None) -> bool:
        """Return whether nothing was written to its ring after ``ticket``, as far as is known here."""
        ring = self._open.get(ticket.name) if ticket is not None else None
        return ring is not None and ticket is not None and ring.newest == ticket.generation

    @property
    def in_use(self) -> bool:
        """True while arrays of this process lie in some ring."""
        return any(ring.views for ring in [*self._open.values(), *self._closed])

    def close(self) -> None:
        """Forget all rings; arrays that lie in them keep what they need."""
        self._closed += self._open.values()
        self._open.clear()
        for ring in self._closed:
            ring.close()
