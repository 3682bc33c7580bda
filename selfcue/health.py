"""How topics, inputs and nodes of one process are, judged where the figures come from.

A rate that was asked for is compared with the one measured; what is too old is stale, which is an error, not a value.
Rates and ages are on the system's clock, so that they mean the same in a simulation that runs faster than real time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from selfcue.messages import Health, HealthKind, HealthLevel
from selfcue.node import Node

TOPIC = "health"
SIGN_TOPIC = "node/health"
"""Life signs of processes."""
SLOW_BELOW = 0.8
"""Measured rate, as a share of the rate asked for, under which a topic or a node is slow."""
STALE_AFTER_PERIODS, STALE_AFTER_S = 3.0, 0.5
"""Something is stale when its age is more than both."""


def judge(asked_hz: float, measured_hz: float, age_s: float) -> tuple[HealthLevel, str]:
    """Return the level and the reason in words. ``asked_hz`` 0: nothing was asked for, so nothing is missed."""
    if asked_hz <= 0:
        return "ok", ""
    if age_s > max(STALE_AFTER_PERIODS / asked_hz, STALE_AFTER_S):
        since = "nothing came yet" if math.isinf(age_s) else f"nothing for {age_s:.1f} s"
        return "stale", f"{since}; {asked_hz:g} Hz were asked for"
    if not math.isnan(measured_hz) and measured_hz < SLOW_BELOW * asked_hz:
        return "slow", f"{measured_hz:.1f} Hz; {asked_hz:g} Hz were asked for"
    return "ok", ""


class Pulse:
    """Counts and times of one kind of things, by name, between two looks at them."""

    def __init__(self, kind: HealthKind) -> None:
        self.kind = kind
        self._last_ns: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._looked_ns: int | None = None

    def beat(self, name: str, now_ns: int) -> None:
        """Note that ``name`` did its work just now."""
        self._last_ns[name] = now_ns

    def look(
        self, now_ns: int, counts: Mapping[str, int], asked_hz: Mapping[str, float], drops: Mapping[str, int]
    ) -> list[Health]:
        """Return the health of everything in ``counts``, measured since the last look.

        Args:
            counts: by name, how often it came since the beginning.
            asked_hz: by name, the rate that was asked for; a name that is missing was asked for none.
            drops: by name, how many were lost.
        """
        period_s = math.nan if self._looked_ns is None else (now_ns - self._looked_ns) * 1e-9
        found = []
        for name, count in sorted(counts.items()):
            came = count - self._before.get(name, 0)
            if came and name not in self._last_ns:
                self._last_ns[name] = now_ns
            measured_hz = came / period_s if period_s > 0 and name in self._before else math.nan
            age_s = (now_ns - self._last_ns[name]) * 1e-9 if name in self._last_ns else math.inf
            level, reason = judge(asked_hz.get(name, 0.0), measured_hz, age_s)
            found.append(
                Health(
                    stamp_ns=now_ns,
                    kind=self.kind,
                    name=name,
                    level=level,
                    reason=reason,
                    asked_hz=asked_hz.get(name, 0.0),
                    measured_hz=measured_hz,
                    age_s=age_s,
                    drops=drops.get(name, 0),
                )
            )
        self._before = dict(counts)
        self._looked_ns = now_ns
        return found


class Vitals:
    """The health of one process: what it publishes, what it hears, and its nodes.

    Attributes:
        asked_hz: by published topic, the rate that its node announced.
        steps: by node, how often it stepped.
    """

    def __init__(self, nodes: Sequence[Node], asked_hz: Mapping[str, float], node_hz: Mapping[str, float]) -> None:
        self.asked_hz, self.steps = asked_hz, Counter[str]()
        self._nodes, self._node_hz = nodes, node_hz
        self._topics, self._inputs, self._steps = Pulse("topic"), Pulse("input"), Pulse("node")
        self._levels: dict[tuple[HealthKind, str], HealthLevel] = {}

    def published(self, topic: str, now_ns: int) -> None:
        """Note that a message went out on ``topic``."""
        self._topics.beat(topic, now_ns)

    def heard(self, topic: str, now_ns: int) -> None:
        """Note that a message came in on ``topic``."""
        self._inputs.beat(topic, now_ns)

    def stepped(self, node: str, now_ns: int) -> None:
        """Note that ``node`` stepped."""
        self.steps[node] += 1
        self._steps.beat(node, now_ns)

    def look(
        self, now_ns: int, sent: Mapping[str, int], seen: Mapping[tuple[str, str], int], drops: Mapping[str, int]
    ) -> list[Health]:
        """Return the health of every topic, input and node.

        Args:
            sent: messages put on each topic so far.
            seen: messages of each (process, topic) so far, lost ones included.
            drops: ``"TOPIC HOP"`` to messages lost.
        """
        lost: dict[str, int] = {}
        for where, number in drops.items():
            topic = where.rpartition(" ")[0]
            lost[topic] = lost.get(topic, 0) + number
        came: dict[str, int] = {}
        for (_, topic), number in seen.items():
            came[topic] = came.get(topic, 0) + number
        came = {topic: max(0, number - lost.get(topic, 0)) for topic, number in came.items()}
        stepping = {node.name: self.steps[node.name] for node in self._nodes} if self._node_hz else {}
        found = self._topics.look(now_ns, sent, self.asked_hz, {})
        found += self._inputs.look(now_ns, came, {}, lost)
        return found + [self._warm(health) for health in self._steps.look(now_ns, stepping, self._node_hz, {})]

    def _warm(self, health: Health) -> Health:
        node = next(node for node in self._nodes if node.name == health.name)
        return health.with_temperature(node.temperature_c)

    def news(self, found: Sequence[Health]) -> list[Health]:
        """Return what changed its level since it was last asked about; a first "ok" is none."""
        changed = []
        for health in found:
            key = (health.kind, health.name)
            if self._levels.get(key, "ok") != health.level:
                changed.append(health)
            self._levels[key] = health.level
        return changed
