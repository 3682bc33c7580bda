"""A cell holds the nodes of one process and moves messages between them: the part of a host that knows no socket.

In lock-step, ``tick`` delivers exactly the messages of the tick before, sorted by topic, source and seq, so neither the
grouping of nodes nor the speed of a socket changes any result.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from selfcue import codec
from selfcue.calls import Service
from selfcue.clock import Clock
from selfcue.errors import BadInputError, SelfcueError, UsageError
from selfcue.messages import NEVER_RELIABLE, JournalEvent, Message, type_name
from selfcue.node import JUMP_TOPIC, M, Node, Publisher, R
from selfcue.qos import Qos, of_node, stronger
from selfcue.qos import parse as parse_qos
from selfcue.state import State

Outlet = Callable[[str, Message, bool], None]
"""Where published messages go besides the cell itself: ``(topic, message, latched)``."""


@dataclass(frozen=True)
class Route:
    """One node's interest in one topic."""

    node: Node
    kind: type[Message]
    handler: Callable[[Any], None]
    keep: int
    qos: Qos


class _Publisher:
    def __init__(self, cell: Cell, node: Node, topic: str, kind: type[Message], *, latched: bool) -> None:
        self._cell, self._node, self._topic, self._kind, self._latched = cell, node, topic, kind, latched

    def publish(self, message: Message) -> None:
        if type(message) is not self._kind:
            raise UsageError(
                f"node {self._node.name!r} publishes a {type_name(message)} on {self._topic!r}, "
                f"which it announced as {type_name(self._kind)}"
            )
        self._cell.publish(self._node, self._topic, message, latched=self._latched)


class CellLink:
    """The ``Link`` that a cell hands to one of its nodes.

    ``remap`` renames the topics that the node asks for; ``qos`` says by topic what holds in place of what it asked for.
    """

    def __init__(self, cell: Cell, node: Node, remap: dict[str, str], qos: dict[str, Qos]) -> None:
        self._cell, self._node, self._remap, self._qos = cell, node, remap, qos
        self.lockstep = cell.lockstep
        self.run_dir = cell.run_dir
        self._journal = self.advertise("journal", JournalEvent)

    def now_ns(self) -> int:
        return self._cell.clock.now_ns()

    @property
    def drops(self) -> Mapping[str, int]:
        return {**self._cell.bus_drops, **self._cell.drops}

    def advertise(self, topic: str, kind: type[M], *, latched: bool = False, rate_hz: float = 0.0) -> Publisher[M]:
        topic = self._remap.get(topic, topic)
        self._cell.announce(topic, kind)
        if rate_hz > 0:
            self._cell.asked_hz[topic] = rate_hz
        return _Publisher(self._cell, self._node, topic, kind, latched=latched)

    def subscribe(
        self, topic: str, kind: type[M], handler: Callable[[M], None], *, keep: int = 0, qos: Qos | None = None
    ) -> None:
        topic = self._remap.get(topic, topic)
        asked = self._qos.get(topic, qos)
        if asked is not None and asked.kind == "reliable" and issubclass(kind, NEVER_RELIABLE):
            raise UsageError(
                f"topic {topic!r}: {type_name(kind)} is never reliable (a late one is worse than none); ask for latest"
            )
        keep = keep if asked is None else asked.depth if asked.kind in {"latest", "keep"} else 0
        found = of_node(keep, asked, lockstep=self.lockstep)
        self._cell.add_route(topic, Route(self._node, kind, handler, keep, found))

    def serve(self, name: str, request: type[Any], reply: type[R], handler: Callable[[Any], R]) -> None:
        self._cell.services[f"{self._node.name}/{name}"] = Service(request, reply, handler)

    def journal(self, kind: str, **detail: str | int | float | bool) -> None:
        self._journal.publish(JournalEvent(stamp_ns=self.now_ns(), kind=kind, detail=detail))


class Cell:
    """Nodes that share a process, a thread and a clock."""

    def __init__(self, *, clock: Clock, run_dir: Path, lockstep: bool, outlet: Outlet | None = None) -> None:
        self.clock = clock
        self.run_dir = run_dir
        self.lockstep = lockstep
        self.nodes: list[Node] = []
        self.topics: dict[str, type[Message]] = {}
        self.drops: dict[str, int] = {}
        self.bus_drops: Mapping[str, int] = {}
        """What was lost on the way to this process, as its bus counts it."""
        self.asked_hz: dict[str, float] = {}
        self.services: dict[str, Service] = {}
        self._outlet = outlet
        self._routes: dict[str, list[Route]] = {}
        self._seq: dict[tuple[str, str], int] = {}
        self._pending: deque[tuple[str, Message]] = deque()
        self._thinking = False

    # -- wiring ----------------------------------------------------------------------------------------------------

    def add(self, node: Node, remap: dict[str, str] | None = None, qos: dict[str, str] | None = None) -> None:
        """Configure ``node`` and take it in. All or nothing: where it fails, it is closed again.

        ``qos``: by topic, what a launch file says in place of what the node asks for.
        """
        if any(node.name == other.name for other in self.nodes):
            raise UsageError(f"two nodes are named {node.name!r}; give each its own name")
        try:
            link = CellLink(self, node, remap or {}, {k: parse_qos(text) for k, text in (qos or {}).items()})
            if type(node).jumped is not Node.jumped:
                link.subscribe(JUMP_TOPIC, JournalEvent, node.jumped)
            node.configure(link)
        except BaseException:
            node.close()
            raise
        self.nodes.append(node)

    def announce(self, topic: str, kind: type[Message]) -> None:
        known = self.topics.setdefault(topic, kind)
        if known is not kind:
            raise UsageError(f"topic {topic!r} carries {type_name(known)}; it cannot also carry {type_name(kind)}")

    def add_route(self, topic: str, route: Route) -> None:
        self._routes.setdefault(topic, []).append(route)

    @property
    def subscriptions(self) -> list[str]:
        """Topics that some node here wants."""
        return sorted(self._routes)

    def qos(self, topic: str) -> Qos:
        """Return what serves every node here that wants ``topic``."""
        return functools.reduce(stronger, (route.qos for route in self._routes[topic]))

    # -- messages --------------------------------------------------------------------------------------------------

    def publish(self, node: Node, topic: str, message: Message, *, latched: bool) -> None:
        if self._thinking:
            raise UsageError(f"node {node.name!r} publishes on {topic!r} while it thinks; say it in the next step")
        key = (node.name, topic)
        seq = self._seq.get(key, 0)
        self._seq[key] = seq + 1
        message = msgspec.structs.replace(message, seq=seq, source=node.name)
        if topic in self._routes:
            self._pending.append((topic, message))
        if self._outlet is not None:
            self._outlet(topic, message, latched)

    def take_pending(self) -> list[tuple[str, Message]]:
        """Return and forget what nodes here published for nodes here since the last call."""
        taken = list(self._pending)
        self._pending.clear()
        return taken

    @property
    def pending(self) -> tuple[tuple[str, Message], ...]:
        """What nodes here published for nodes here and ``take_pending`` has not taken yet."""
        return tuple(self._pending)

    def deliver(self, messages: Iterable[tuple[str, Message]]) -> None:
        """Hand each message to every handler that wants its topic."""
        for topic, message in messages:
            for route in self._routes.get(topic, ()):
                if type(message) is not route.kind:
                    raise BadInputError(
                        f"topic {topic!r}: node {route.node.name!r} wants {type_name(route.kind)}, "
                        f"{message.source!r} sends {type_name(message)}; check the launch file's remaps"
                    )
                _named(route.node, route.handler, message)

    def newest(self, messages: Sequence[tuple[str, Message]]) -> list[tuple[str, Message]]:
        """Return ``messages`` without those that a live subscriber asked not to queue (``keep``); count the rest."""
        room = {topic: max((r.keep or len(messages)) for r in routes) for topic, routes in self._routes.items()}
        kept: list[tuple[str, Message]] = []
        for topic, message in reversed(messages):
            if room.get(topic, 0) > 0:
                room[topic] -= 1
                kept.append((topic, message))
            elif topic in room:
                self.drops[f"{topic} queue"] = self.drops.get(f"{topic} queue", 0) + 1
        return kept[::-1]

    # -- life ------------------------------------------------------------------------------------------------------

    def activate(self) -> None:
        for node in self.nodes:
            _named(node, node.activate)

    def tick(self, now_ns: int, inbox: Iterable[tuple[str, Message]]) -> None:
        """Deliver ``inbox`` in its canonical order, then step every node."""
        self.settle(inbox)
        for node in self.nodes:
            self.step(node, now_ns)

    def think(self, now_ns: int) -> None:
        """Let every node do the work that nobody waits for; nothing is published meanwhile."""
        self._thinking = True
        try:
            for node in self.nodes:
                _named(node, node.think, now_ns)
        finally:
            self._thinking = False

    def settle(self, inbox: Iterable[tuple[str, Message]]) -> None:
        """Deliver ``inbox`` in its canonical order; nothing steps."""
        self.deliver(sorted(inbox, key=lambda item: (item[0], item[1].source, item[1].seq)))

    def step(self, node: Node, now_ns: int) -> None:
        """Step one node (live: each has its own rate)."""
        _named(node, node.step, now_ns)

    def deactivate(self) -> None:
        """Let every node finish, also where one of them fails; the first failure is raised at the end."""
        failure: BaseException | None = None
        for node in self.nodes:
            for act in (node.deactivate, node.close):
                try:
                    _named(node, act)
                except Exception as error:  # noqa: BLE001 - every node must get its chance to save its work
                    failure = failure or error
        if failure is not None:
            raise failure

    # -- snapshots -------------------------------------------------------------------------------------------------

    def state(self, inbox: Sequence[tuple[str, Message]]) -> State:
        """Return nodes, counters and the messages under way: all it takes to go on from here bit for bit."""
        frames: dict[str, Any] = {}
        topics: list[str] = []
        for i, (topic, message) in enumerate(inbox):
            topics.append(topic)
            for j, frame in enumerate(codec.encode(message, host="", count=0)):
                frames[f"inbox/{i}/{j}"] = np.frombuffer(frame, dtype=np.uint8)
        meta = {
            "seq": [[name, topic, seq] for (name, topic), seq in sorted(self._seq.items())],
            "inbox_topics": topics,
        }
        return State(meta, frames).nested(**{node.name: node.state() for node in self.nodes})

    def load_state(self, state: State) -> list[tuple[str, Message]]:
        """Continue from ``state``; return the messages that were under way."""
        self._seq = {(name, topic): seq for name, topic, seq in state.meta["seq"]}
        for node in self.nodes:
            node.load_state(state.part(node.name))
        self._pending.clear()
        inbox: list[tuple[str, Message]] = []
        for i, topic in enumerate(state.meta["inbox_topics"]):
            buffers: list[bytes] = []
            while (key := f"inbox/{i}/{len(buffers)}") in state.arrays:
                buffers.append(state.arrays[key].tobytes())
            inbox.append((topic, codec.decode(codec.decode_envelope(buffers[0]), buffers[1:])))
        return inbox


def _named(node: Node, act: Callable[..., None], *args: Any) -> None:
    """Run one act of a node; an error that a user will see says whose it is."""
    try:
        act(*args)
    except SelfcueError as error:
        raise type(error)(f"{node.name}: {error}") from error
