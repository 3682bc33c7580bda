"""What a live view knows of a running system: the newest of each, from messages alone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from selfcue.messages import AgentStatus, JournalEvent, LearnerStatus, Message, NodeHealth

LOUD = ("mode", "override", "collision", "fault", "promotion", "rollback", "ready", "unready", "drift", "freeze")
"""Kinds of the journal that a person wants to see; promotions only in the counts."""


_LONG_AGO_NS = 3_600_000_000_000


@dataclass
class FlightState:
    """The newest state of agent, learner and processes, and the last events.

    Attributes:
        now_ns: the system's time, from the newest message.
        origin_ns: what times are shown from: 0, or the first message of a log whose clock began long before.
        agent, learner: their newest status; None before the first.
        health: newest life sign by process.
        events: (stamp_ns, kind, text) of the last events, oldest first.
        collisions: counted from the journal.
    """

    now_ns: int = 0
    origin_ns: int | None = None
    agent: AgentStatus | None = None
    learner: LearnerStatus | None = None
    health: dict[str, NodeHealth] = field(default_factory=dict)
    events: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=6))
    collisions: int = 0
    overrides: int = 0

    def take(self, message: Message) -> str | None:
        """Take one message; return the kind of event where it was one that a person wants to see."""
        self.now_ns = max(self.now_ns, message.stamp_ns)
        if self.origin_ns is None and message.stamp_ns > 0:
            self.origin_ns = message.stamp_ns if message.stamp_ns > _LONG_AGO_NS else 0
        if isinstance(message, AgentStatus):
            self.agent = message
        elif isinstance(message, LearnerStatus):
            self.learner = message
        elif isinstance(message, NodeHealth):
            self.health[message.host] = message
        elif isinstance(message, JournalEvent) and message.kind in LOUD:
            self.collisions += message.kind == "collision"
            self.overrides += message.kind == "override"
            if message.kind != "promotion":
                self.events.append((message.stamp_ns, message.kind, _told(message)))
                return message.kind
        return None

    def seconds(self, stamp_ns: int) -> float:
        """Return ``stamp_ns`` as seconds from the origin."""
        return (stamp_ns - (self.origin_ns or 0)) * 1e-9

    @property
    def cores(self) -> float:
        """Processor share of all processes, in cores."""
        return sum(one.cpu_share for one in self.health.values())

    @property
    def resident_bytes(self) -> int:
        return sum(one.rss_bytes for one in self.health.values())

    @property
    def drops(self) -> int:
        return sum(sum(one.drops.values()) for one in self.health.values())


def _told(event: JournalEvent) -> str:
    detail = event.detail
    if event.kind == "mode":
        return f"{detail.get('previous', '?')} -> {detail.get('state', '?')}: {detail.get('reason', '')}"
    if event.kind == "fault":
        what = "begins" if detail.get("active", True) else "ends"
        return f"{detail.get('sensor', '')} {detail.get('fault', '')} {what}"
    if event.kind == "collision":
        return f"with {detail.get('what', '?')}"
    if event.kind in ("ready", "unready", "rollback", "freeze"):
        return str(detail.get("reason", ""))
    return ""
