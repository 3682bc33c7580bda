"""The newest word of every process, topic and node, what is wrong first: for ``selfcue top`` and the status page."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from selfcue.messages import Health, Message, NodeHealth, ProcessStatus

_GONE_S = 3.5
_HEALTH = ("kind", "name", "level", "reason", "asked_hz", "measured_hz", "age_s", "drops", "temperature_c")


@dataclass
class Overview:
    """The newest word of everyone. ``at_s``: when each process was last heard (monotonic seconds)."""

    signs: dict[str, NodeHealth] = field(default_factory=dict)
    at_s: dict[str, float] = field(default_factory=dict)
    health: dict[tuple[str, str, str], Health] = field(default_factory=dict)
    statuses: dict[str, ProcessStatus] = field(default_factory=dict)

    def take(self, message: Message) -> None:
        if isinstance(message, NodeHealth):
            self.signs[message.host] = message
            self.at_s[message.host] = time.monotonic()
        elif isinstance(message, Health):
            self.health[message.source, message.kind, message.name] = message
        elif isinstance(message, ProcessStatus):
            self.statuses[message.process] = message

    def processes(self, present: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return a row per process, those ``present`` too; one that has fallen silent is said to be."""
        rows = []
        for name in sorted({*self.signs, *self.statuses, *present}):
            sign, status = self.signs.get(name), self.statuses.get(name)
            silent_s = time.monotonic() - self.at_s[name] if name in self.at_s else math.inf
            state: str = status.state if status else "up"
            if state == "up" and silent_s > _GONE_S:
                state = "silent"
            rows.append(
                {
                    "process": name,
                    "state": state,
                    "pid": status.pid if status else 0,
                    "restarts": status.restarts if status else 0,
                    "cpu_share": round(sign.cpu_share, 3) if sign else None,
                    "rss_bytes": sign.rss_bytes if sign else None,
                    "drops": sum(sign.drops.values()) if sign else None,
                    "nodes": list(sign.nodes) if sign else [],
                }
            )
        return rows

    def parts(self) -> list[dict[str, Any]]:
        """Return a row per topic, input and node; what is not well comes first."""
        order = {"stale": 0, "slow": 1, "ok": 2}
        found = sorted(self.health.values(), key=lambda one: (order[one.level], one.kind, one.name, one.source))
        return [
            {"process": one.source, **{name: plain_number(getattr(one, name)) for name in _HEALTH}} for one in found
        ]


def plain_number(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: no number for one that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
