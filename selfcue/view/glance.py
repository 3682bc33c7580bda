"""What there is to know of a running system at a glance, gathered from its messages."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from selfcue.messages import AgentStatus, JournalEvent, LearnerStatus, Message, NodeHealth, ProcessStatus

_NS = 1e9
_RECENT = 6
_LONGEST = 100


def sentence(event: JournalEvent) -> str:
    """Return a journal event as a few words."""
    detail = ", ".join(f"{name} {_short(value)}" for name, value in event.detail.items())
    words = f"{event.kind}: {detail}" if detail else event.kind
    return words if len(words) <= _LONGEST else words[: _LONGEST - 3] + "..."


@dataclass
class Glance:
    """The newest word of each node, and the last events.

    Attributes:
        agent: state, phase and counts of the agent.
        learner: the engine's word.
        health: by process.
        events: the last journal entries that a person may want to read, newest last.
        first_ns, now_ns: system time of the first and the newest message.
    """

    agent: AgentStatus | None = None
    learner: LearnerStatus | None = None
    health: dict[str, NodeHealth] = field(default_factory=dict)
    events: deque[JournalEvent] = field(default_factory=lambda: deque(maxlen=_RECENT))
    first_ns: int | None = None
    now_ns: int = 0

    def take(self, message: Message) -> bool:
        """Take in one message; return whether it is news: another state of the agent, or a fault or a final word."""
        if isinstance(message, ProcessStatus):  # the supervisor's, on the wall's time whatever the system's is
            return False
        self.first_ns = message.stamp_ns if self.first_ns is None else self.first_ns
        self.now_ns = max(self.now_ns, message.stamp_ns)
        if isinstance(message, AgentStatus):
            changed = self.agent is None or self.agent.state != message.state
            self.agent = message
            return changed
        if isinstance(message, LearnerStatus):
            self.learner = message
        elif isinstance(message, NodeHealth):
            self.health[message.host] = message
        elif isinstance(message, JournalEvent) and message.kind not in _QUIET:
            self.events.append(message)
            return message.kind in _NEWS
        return False

    @property
    def seconds(self) -> float:
        """System time."""
        return self.now_ns / _NS

    def cpu_cores(self) -> float:
        """Return what all processes together use, in cores."""
        return math.fsum(health.cpu_share for health in self.health.values())

    def rss_bytes(self) -> int:
        """Return the resident memory of all processes, shared pages counted in each."""
        return sum(health.rss_bytes for health in self.health.values())

    def rates(self) -> dict[str, float]:
        """Return the rate of each published topic, in messages per second of the clock on the wall."""
        return {topic: hz for health in self.health.values() for topic, hz in health.rate_hz.items()}

    def drops(self) -> int:
        """Return how many messages were dropped on the way, all topics together."""
        return sum(count for health in self.health.values() for count in health.drops.values())

    def skill(self) -> dict[str, float]:
        """Return those figures of the engine that are known by now, those that say most first."""
        skill = self.learner.skill if self.learner else {}
        order = [name for name in _FIRST if name in skill] + [name for name in skill if name not in _FIRST]
        return {name: skill[name] for name in order if math.isfinite(skill[name])}


_FIRST = ("abs_rel", "auc", "hit_bound", "rmse_m", "inside")
_QUIET = frozenset({"skill", "checkpoint", "contact", "miss", "promotion", "score_block"})  # said elsewhere, or often
_NEWS = frozenset({"fault", "score", "ready", "unready", "freeze", "rollback"})


def _short(value: str | int | float | bool) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
