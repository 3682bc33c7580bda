"""What a process says of itself, once a second of the clock on the wall: a life sign, and the health of its parts."""

from __future__ import annotations

import logging
import time

import msgspec
import psutil

from selfcue import health
from selfcue.bus import Bus
from selfcue.cell import Cell
from selfcue.foreign import TOPIC as CLOCK_TOPIC
from selfcue.foreign import ForeignClocks
from selfcue.health import SIGN_TOPIC, Vitals
from selfcue.messages import ClockOffset, Health, Message, NodeHealth

PERIOD_S = 1.0
UNCOUNTED = (SIGN_TOPIC, health.TOPIC, CLOCK_TOPIC)
"""Topics that a process speaks on by itself, at the pace of the clock on the wall: no part of any result."""

_log = logging.getLogger(__name__)


class Reporter:
    """Speaks for one host.

    Args:
        process: its name.
        node_hz: by node, how often it is meant to step; empty in lock-step.
        sharers: how many hosts live in this operating-system process.
        foreign: what follows the clocks of other machines, where there are any.

    Attributes:
        vitals: what is known of topics, inputs and nodes.
    """

    def __init__(
        self,
        process: str,
        cell: Cell,
        node_hz: dict[str, float],
        *,
        sharers: int,
        foreign: ForeignClocks | None = None,
    ) -> None:
        self.vitals = Vitals(cell.nodes, cell.asked_hz, node_hz)
        self._process, self._cell, self._sharers, self._foreign = process, cell, sharers, foreign
        self._usage = psutil.Process()
        self._said_s = time.monotonic()
        self._used_s = 0.0
        self._sent: dict[str, int] = {}

    @property
    def topics(self) -> list[tuple[str, type[Message]]]:
        """What a host says by itself."""
        own: list[tuple[str, type[Message]]] = [(SIGN_TOPIC, NodeHealth), (health.TOPIC, Health)]
        return own if self._foreign is None else [*own, (CLOCK_TOPIC, ClockOffset)]

    def heard(self, inbox: list[tuple[str, Message]]) -> None:
        """Note what came in."""
        now_ns = self._cell.clock.now_ns()
        for topic, _ in inbox:
            self.vitals.heard(topic, now_ns)

    def report(self, bus: Bus | None) -> None:
        """Say how things are, where it is time to."""
        now_s = time.monotonic()
        if bus is None or now_s - self._said_s < PERIOD_S:
            return
        period_s, self._said_s = now_s - self._said_s, now_s
        now_ns = self._cell.clock.now_ns()
        drops = {**self._cell.drops, **bus.drops}
        sent = {topic: bus.sent.get(topic, 0) for topic in self._cell.topics}
        bus.publish(SIGN_TOPIC, self._sign(now_ns, period_s, sent, drops))
        found = self.vitals.look(now_ns, sent, bus.seen, drops)
        for one in found:
            bus.publish(health.TOPIC, msgspec.structs.replace(one, source=self._process))
        for offset in self._foreign.offsets() if self._foreign is not None else ():
            bus.publish(CLOCK_TOPIC, msgspec.structs.replace(offset, source=self._process))
        for one in self.vitals.news(found):
            _log.warning("health %s=%s level=%s %s", one.kind, one.name, one.level, one.reason)

    def _sign(self, now_ns: int, period_s: float, sent: dict[str, int], drops: dict[str, int]) -> NodeHealth:
        used_s = time.process_time() if self._sharers == 1 else time.thread_time()
        before, self._sent = self._sent, sent
        share, self._used_s = (used_s - self._used_s) / period_s, used_s
        return NodeHealth(
            stamp_ns=now_ns,
            source=self._process,
            host=self._process,
            nodes=tuple(node.name for node in self._cell.nodes),
            rate_hz={topic: (number - before[topic]) / period_s for topic, number in sent.items() if topic in before},
            drops=drops,
            cpu_share=share,
            rss_bytes=self._usage.memory_info().rss // self._sharers,
        )
