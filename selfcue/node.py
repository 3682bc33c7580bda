"""What a node is: the unit that subscribes, publishes, steps and can be saved.

A node never owns a thread, a socket or a clock. A host (``selfcue.host``) hands it a ``Link`` and calls it from one
thread, so handlers need no locks:

- live: handlers run as messages come, ``step`` runs at ``rate_hz``;
- lock-step (simulated or player's clock): at tick k a node first gets every message that was published during tick
  k - 1, sorted by topic, source and seq, then ``step(now_ns)``; what it publishes is seen by others at k + 1. The same
  rules hold for nodes of one process, so the grouping of nodes into processes changes no result.
"""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from selfcue.clock import Pacer
from selfcue.logs import node_logger
from selfcue.messages import JournalEvent, Message
from selfcue.qos import Qos
from selfcue.state import State

JUMP_TOPIC = "clock/jump"
"""Where whoever makes time says that it jumped (see ``Node.jumped``)."""
M = TypeVar("M", bound=Message)
R = TypeVar("R")
M_contra = TypeVar("M_contra", bound=Message, contravariant=True)


class Publisher(Protocol[M_contra]):
    """Where a node puts its messages; ``seq`` and ``source`` are filled in by the bus.

    Arrays of a published message must not be changed afterwards: they are not copied.
    """

    def publish(self, message: M_contra) -> None: ...


class Link(Protocol):
    """A node's whole view of the system.

    Attributes:
        lockstep: True under a simulated or player's clock: nothing that changes results may read another clock.
        run_dir: folder of this run; a node keeps its files in ``run_dir / NODE_NAME``.
    """

    lockstep: bool
    run_dir: Path

    def now_ns(self) -> int:
        """Return the system's time (the tick's in lock-step)."""
        ...

    @property
    def drops(self) -> Mapping[str, int]:
        """What was lost on the way to this process since it began: ``"TOPIC HOP"`` to messages (see ``Bus``)."""
        ...

    def advertise(self, topic: str, kind: type[M], *, latched: bool = False, rate_hz: float = 0.0) -> Publisher[M]:
        """Announce ``topic``; a latched topic hands its last message to whoever subscribes later.

        ``rate_hz``: how often messages are meant to come; health says where they do not (0: no promise).
        """
        ...

    def subscribe(
        self, topic: str, kind: type[M], handler: Callable[[M], None], *, keep: int = 0, qos: Qos | None = None
    ) -> None:
        """Have ``handler`` called with each message. ``keep``: live, hold at most that many (0: all, 1: newest).

        ``qos``: says more than ``keep`` does, and stands in its place; in lock-step nothing is ever lost.
        """
        ...

    def serve(self, name: str, request: type[Any], reply: type[R], handler: Callable[[Any], R]) -> None:
        """Answer calls of ``NODE/name`` (see ``selfcue.calls``): ``handler`` gets a ``request``, returns a ``reply``.

        Both are msgspec structs. A SelfcueError that it raises goes to whoever asked. In lock-step calls are answered
        at the beginning of a tick.
        """
        ...

    def journal(self, kind: str, **detail: str | int | float | bool) -> None:
        """Publish a ``JournalEvent`` on ``journal``, stamped now."""
        ...


@dataclass(frozen=True)
class NoParams:
    """A node without settings."""


class Node:
    """Base of all nodes. Subclasses set ``Params`` (a frozen dataclass; every field documented, units in names).

    Life: ``__init__`` (no work) -> ``configure`` (wiring, files, hardware: all or nothing) -> [``load_state``] ->
    ``activate`` -> handlers and ``step`` -> ``deactivate`` (finish, flush) -> ``close`` (idempotent).
    """

    Params: ClassVar[type[Any]] = NoParams
    LIVE_PARAMS: ClassVar[tuple[str, ...]] = ()
    """Fields of ``Params`` that may change while the node is at work (``selfcue param set``); see ``retune``."""

    def __init__(self, name: str, params: Any) -> None:
        self.name = name
        self.params = params

    @property
    def log(self) -> logging.Logger:
        """The node's own log, ``logs/nodes/NAME.log`` of the run: ``self.log.warning("lost gap_ms=%.1f", gap_ms)``."""
        return node_logger(self.name)

    def configure(self, link: Link) -> None:
        """Subscribe, advertise, open. Raise BadInputError or MissingDependencyError with one clear line."""

    def activate(self) -> None:
        """The system is complete: latched messages and first data may go out."""

    def retune(self, params: Any) -> None:
        """Go on with ``params``: checked, and different in fields of ``LIVE_PARAMS`` alone. Called between steps.

        A node that derives anything from its parameters overrides this; BadInputError refuses the change.
        """
        self.params = params

    @property
    def temperature_c(self) -> float:
        """Temperature of the node's device in degrees Celsius; NaN where there is no thermometer."""
        return math.nan

    def jumped(self, jump: JournalEvent) -> None:
        """Time jumped: what is said next is not what followed on what was said last (a log was sought in, or loops).

        Whoever keeps messages to put together with later ones forgets them here. The system's time itself never goes
        back. ``jump`` tells the log's time before and after in ``from_s`` and ``to_s``, and ``reason`` (seek, loop);
        it comes on topic ``clock/jump``, in a tick of its own, and a node that does not override this does not hear it.
        """

    def step(self, now_ns: int) -> None:
        """Act once per tick (lock-step) or period (live)."""

    def think(self, now_ns: int) -> None:
        """Do work that nobody waits for, after ``step``: in lock-step the others go on meanwhile.

        Nothing may be published here; what comes of it is told in the next ``step``. So results depend on no clock.
        """

    def deactivate(self) -> None:
        """Finish: no message will come any more, and what is published now may reach nobody."""

    def close(self) -> None:
        """Let go of files and devices. May be called twice."""

    def state(self) -> State:
        """Return everything that is needed to continue bit for bit after the current tick."""
        return State()

    def load_state(self, state: State) -> None:
        """Continue from ``state``; called after ``configure`` and before ``activate``."""


class ClockOwner(Node, ABC):
    """A node that makes time: a simulator or a player. A system in lock-step has exactly one.

    Attributes:
        pacer: holds the ticks to a rate, and may be paused; its rate is the launch file's unless the node sets another.
    """

    def __init__(self, name: str, params: Any) -> None:
        super().__init__(name, params)
        self.pacer = Pacer(0.0)

    @abstractmethod
    def next_tick_ns(self) -> int | None:
        """Return the time of the next tick, later than the last, or None when the work is done."""
