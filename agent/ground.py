"""Which ground a body has flown over lately: what makes it look for new places and notice that it finds none."""

from __future__ import annotations

import math
from typing import Any

from selfcue.agent.motion import Pose

_CELL_M = 0.5
_AHEAD_M = (0.8, 1.2, 1.6)
_NS = 1_000_000_000


class Ground:
    """Remembers when each cell of 0.5 m was last flown over, for ``forget_s`` seconds."""

    def __init__(self, forget_s: float) -> None:
        self._forget_ns = round(forget_s * _NS)
        self._seen_ns: dict[tuple[int, int], int] = {}
        self._fresh_ns: int | None = None

    def note(self, now_ns: int, pose: Pose) -> None:
        """The body is here now."""
        cell = _cell(pose.x, pose.y)
        if self._fresh_ns is None or not self._known(cell, now_ns):
            self._fresh_ns = now_ns
            oldest = now_ns - self._forget_ns
            self._seen_ns = {known: seen for known, seen in self._seen_ns.items() if seen >= oldest}
        self._seen_ns[cell] = now_ns

    def stale_s(self, now_ns: int) -> float:
        """Return for how long the body has been over known ground only."""
        return 0.0 if self._fresh_ns is None else (now_ns - self._fresh_ns) / _NS

    def known_ahead(self, now_ns: int, pose: Pose) -> float:
        """Return how much of the way straight ahead is known ground, 0 to 1."""
        cells = [_cell(pose.x + m * math.cos(pose.yaw), pose.y + m * math.sin(pose.yaw)) for m in _AHEAD_M]
        return sum(self._known(cell, now_ns) for cell in cells) / len(cells)

    def _known(self, cell: tuple[int, int], now_ns: int) -> bool:
        seen_ns = self._seen_ns.get(cell)
        return seen_ns is not None and now_ns - seen_ns <= self._forget_ns

    def state(self) -> dict[str, Any]:
        """Return what is remembered, JSON-serialisable."""
        return {"fresh_ns": self._fresh_ns, "seen_ns": [[*cell, seen] for cell, seen in self._seen_ns.items()]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` gave."""
        self._fresh_ns = state["fresh_ns"]
        self._seen_ns = {(x, y): seen for x, y, seen in state["seen_ns"]}


def _cell(x: float, y: float) -> tuple[int, int]:
    return math.floor(x / _CELL_M), math.floor(y / _CELL_M)
