"""Factors of the learning rate over a run; ``progress`` goes from 0 to 1."""

from __future__ import annotations

import math


def half_cosine(progress: float) -> float:
    """Return ``(1 + cos(pi * progress)) / 2``: from 1 to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def warm_cosine(progress: float, warm: float) -> float:
    """Rise linearly from 0 to 1 over the share ``warm`` of the run, then fall to 0 along half a cosine."""
    if progress < warm:
        return progress / warm
    return half_cosine((progress - warm) / (1.0 - warm)) if warm < 1.0 else 1.0
