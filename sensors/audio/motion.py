"""What is known of the vehicle's speed, for detectors of sound that depend on it; nothing until somebody says it."""

from __future__ import annotations

from typing import Any


class Motion:
    """The last known speed.

    Args:
        moving_m_s: from this speed on the vehicle moves; below a sixth of it, it stands.
        max_age_s: an older speed is none.
    """

    def __init__(self, moving_m_s: float = 0.3, max_age_s: float = 1.0) -> None:
        self._moving_m_s, self._max_age_ns = moving_m_s, round(max_age_s * 1e9)
        self._last: tuple[int, float] | None = None

    def say(self, stamp_ns: int, speed_m_s: float) -> None:
        """Take in a speed; its sign does not matter."""
        self._last = (stamp_ns, abs(speed_m_s))

    def moving(self, at_ns: int) -> bool | None:
        """Return whether the vehicle moves at ``at_ns``; None where nobody said so lately, or it creeps."""
        if self._last is None or abs(at_ns - self._last[0]) > self._max_age_ns:
            return None
        if self._last[1] > self._moving_m_s:
            return True
        return False if self._last[1] < self._moving_m_s / 6 else None

    def meta(self) -> dict[str, Any]:
        return {"last": self._last}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._last = None if meta["last"] is None else (meta["last"][0], meta["last"][1])
