"""Fewer wake-ups under a stream of many small messages, as network cards do it.

To wake a process costs more than to hand it a small message. Where messages come faster than ``FAST_HZ`` and one or two
at a time, the receiver rests ``REST_S`` after each look, so that the next finds several. A slower stream is not
touched, nor one that comes in crowds already, nor one with big arrays, whose ring has few slots.
"""

from __future__ import annotations

import time

FAST_HZ = 2500.0
REST_S = 0.0006
CROWD = 8
_SHARE = 0.02
_MOST_GAP_S = 0.1


class Moderation:
    """Watches how often messages come, and says how long to rest before the next look."""

    def __init__(self) -> None:
        self._gap_s = _MOST_GAP_S
        self._at_s = time.monotonic()
        self._rest = False

    def came(self, number: int, *, big: bool) -> None:
        """``number`` messages came with the last look, ``big`` arrays among them or not."""
        if not number:
            self._rest = False
            return
        now_s = time.monotonic()
        share = 1.0 - (1.0 - _SHARE) ** number
        self._gap_s += share * (min(_MOST_GAP_S, (now_s - self._at_s) / number) - self._gap_s)
        self._at_s = now_s
        self._rest = number < CROWD and not big and self._gap_s * FAST_HZ < 1.0

    def rest_s(self, timeout_s: float) -> float:
        """Return how long to rest before a wait of ``timeout_s``."""
        return min(REST_S, timeout_s) if self._rest else 0.0
