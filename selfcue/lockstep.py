"""Lock-step: all processes of a system walk through time together.

One process owns the clock. For each tick it sends everyone the time and how many messages each process has put on each
topic so far; a process waits until it holds exactly those, handles them, steps, and acknowledges with its own counts.
The next tick goes out when all have acknowledged. So a tick sees all of the tick before and nothing else, however the
sockets and the scheduler behave, and a snapshot taken between two ticks is one consistent state of the whole system.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
import zmq

from selfcue.bus import Received
from selfcue.errors import SelfcueError
from selfcue.messages import Message

Counts: TypeAlias = dict[str, int]
"""Topic to the number of messages put on it since the run began."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A process is wired and waits for the first tick."""

    process: str


class Tick(msgspec.Struct, frozen=True, tag=True):
    """Tick ``k`` at ``now_ns``. ``counts``: process to what it had published when tick k - 1 was done.

    ``snapshot``: folder to save the state in before anything of this tick is handled; empty for none.
    """

    k: int
    now_ns: int
    counts: dict[str, Counts]
    snapshot: str = ""


class Ack(msgspec.Struct, frozen=True, tag=True):
    """``process`` has done tick ``k``; k = -1 stands for activation."""

    process: str
    k: int
    counts: Counts


class Activate(msgspec.Struct, frozen=True, tag=True):
    """All are wired: activate the nodes."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """The run is over. ``counts``: as in ``Tick``; what the last tick published is still delivered, nothing steps."""

    reason: str
    counts: dict[str, Counts]


Order: TypeAlias = Tick | Activate | Stop
Answer: TypeAlias = Ready | Ack

_encoder = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Order)
_answers = msgspec.msgpack.Decoder(Answer)


class Stopped(Exception):
    """The process was told to stop while it waited."""


class Inflow:
    """Messages that came in, held until the tick that they belong to."""

    def __init__(self, process: str, topics: list[str]) -> None:
        self._process = process
        self._topics = set(topics)
        self._waiting: dict[tuple[str, str], deque[Message]] = {}
        self.taken: dict[tuple[str, str], int] = {}

    def put(self, received: list[Received]) -> None:
        for one in received:
            if one.topic in self._topics:
                self._waiting.setdefault((one.host, one.topic), deque()).append(one.message)

    def missing(self, counts: Mapping[str, Counts]) -> list[str]:
        """Return what has not come yet of the messages that ``counts`` promises."""
        return [
            f"{number - self._held(key)} of {key[1]} from {key[0]}"
            for key, number in self._wanted(counts)
            if number > self._held(key)
        ]

    def complete(self, counts: Mapping[str, Counts]) -> bool:
        return all(number <= self._held(key) for key, number in self._wanted(counts))

    def take(self, counts: Mapping[str, Counts]) -> list[tuple[str, Message]]:
        """Return the messages up to ``counts``; those beyond it belong to the next tick and stay."""
        inbox: list[tuple[str, Message]] = []
        for key, number in self._wanted(counts):
            while self.taken.get(key, 0) < number:
                inbox.append((key[1], self._waiting[key].popleft()))
                self.taken[key] = self.taken.get(key, 0) + 1
        return inbox

    def _held(self, key: tuple[str, str]) -> int:
        return self.taken.get(key, 0) + len(self._waiting.get(key, ()))

    def _wanted(self, counts: Mapping[str, Counts]) -> list[tuple[tuple[str, str], int]]:
        return [
            ((process, topic), number)
            for process, topics in counts.items()
            if process != self._process
            for topic, number in topics.items()
            if topic in self._topics
        ]


Waiter = Callable[[zmq.Socket[bytes], float], bool]
"""Waits on a control socket up to that many seconds, serving the bus meanwhile; True when something is there to read.

Raises Stopped when the process is told to stop.
"""


class Conductor:
    """The owner's side: sends orders, gathers answers."""

    def __init__(self, socket: zmq.Socket[bytes], others: set[str], wait: Waiter) -> None:
        self._socket = socket
        self._others = others
        self._wait = wait
        self._address: dict[str, bytes] = {}
        self.counts: dict[str, Counts] = {}

    def await_ready(self) -> None:
        """Wait until every other process is wired."""
        while set(self._address) != self._others:
            if self._wait(self._socket, 0.1):
                address, payload = self._socket.recv_multipart()
                answer = _answers.decode(payload)
                if isinstance(answer, Ready) and answer.process in self._others:
                    self._address[answer.process] = address

    def send(self, order: Order) -> None:
        payload = _encoder.encode(order)
        for address in self._address.values():
            self._socket.send_multipart([address, payload])

    def await_acks(self, k: int) -> None:
        """Wait until all have done tick ``k``."""
        left = set(self._others)
        while left:
            if not self._wait(self._socket, 0.1):
                continue
            _, payload = self._socket.recv_multipart()
            answer = _answers.decode(payload)
            if isinstance(answer, Ack):
                if answer.k != k:
                    raise SelfcueError(f"process {answer.process!r} acknowledged tick {answer.k} instead of {k}")
                self.counts[answer.process] = answer.counts
                left.discard(answer.process)


class Follower:
    """Every other process's side."""

    def __init__(self, socket: zmq.Socket[bytes], process: str, wait: Waiter) -> None:
        self._socket, self._process, self._wait = socket, process, wait

    def ready(self) -> None:
        self._socket.send(_encoder.encode(Ready(self._process)))

    def next_order(self) -> Order:
        """Wait for the owner's next order."""
        while not self._wait(self._socket, 0.1):
            pass
        order: Order = _orders.decode(self._socket.recv())
        return order

    def acknowledge(self, k: int, counts: Counts) -> None:
        self._socket.send(_encoder.encode(Ack(self._process, k, counts)))
