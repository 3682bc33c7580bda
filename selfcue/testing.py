"""A whole system in one thread, for tests: the same cells and the same lock-step order as a real run, no sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfcue.cell import Cell
from selfcue.clock import TickClock
from selfcue.messages import Message
from selfcue.node import ClockOwner, Node
from selfcue.state import State


class LoopSystem:
    """Nodes in lock-step: what is published in one ``tick`` is handled in the next.

    Example::

        loop = LoopSystem(tmp_path)
        loop.add(StereoNode("stereo", StereoNode.Params()))
        loop.feed("stereo/left/image", image)      # as if published in the tick before
        loop.tick(50_000_000)
        estimates = loop.published("depth/trusted")
    """

    def __init__(self, run_dir: Path, *, keep: Callable[[str], bool] = lambda topic: True) -> None:  # noqa: ARG005
        """``keep``: tells by topic whether what is published is kept for ``published``; long runs keep little."""
        self.clock = TickClock()
        self._keep = keep
        self._record: list[tuple[str, Message]] = []
        self._inbox: list[tuple[str, Message]] = []
        self._active = False
        self.cell = Cell(clock=self.clock, run_dir=run_dir, lockstep=True, outlet=self._note)

    def _note(self, topic: str, message: Message, latched: bool) -> None:  # noqa: ARG002 - an outlet's signature
        if self._keep(topic):
            self._record.append((topic, message))

    def add(self, node: Node, remap: dict[str, str] | None = None) -> None:
        self.cell.add(node, remap)

    def feed(self, topic: str, message: Message) -> None:
        """Put a message in as if some node outside had published it in the last tick."""
        self._inbox.append((topic, message))

    def activate(self) -> None:
        """Activate all nodes once; ``tick`` does it where it was not done."""
        if not self._active:
            self._active = True
            self.cell.activate()

    def tick(self, now_ns: int) -> None:
        """One tick of the system."""
        self.activate()
        self.clock.advance(now_ns)
        inbox = self._inbox + self.cell.take_pending()
        self._inbox = []
        self.cell.tick(now_ns, inbox)
        self.cell.think(now_ns)

    def run(self, *, max_ticks: int = 1_000_000) -> int:
        """Let the system's clock owner drive it to the end; return the number of ticks."""
        owner = next(node for node in self.cell.nodes if isinstance(node, ClockOwner))
        self.activate()
        for count in range(max_ticks):
            now_ns = owner.next_tick_ns()
            if now_ns is None:
                return count
            self.tick(now_ns)
        return max_ticks

    def finish(self) -> None:
        self.cell.deactivate()

    def published(self, topic: str) -> list[Any]:
        """Return all messages that were published on ``topic`` so far, in order."""
        return [message for name, message in self._record if name == topic]

    def topics(self) -> set[str]:
        return {name for name, _ in self._record}

    def snapshot(self) -> State:
        """Return the state between two ticks, messages under way included."""
        return self.cell.state(self._inbox + list(self.cell.pending))

    def resume(self, state: State) -> None:
        """Continue from ``snapshot`` of an equal system (instead of ``activate``)."""
        self._active = True
        self._inbox = self.cell.load_state(state)
