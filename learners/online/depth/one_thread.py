"""One compute thread for torch: two are slower beside a busy neighbour, and one gives the same bits every time."""

from __future__ import annotations

from selfcue.optional import require


def one_thread() -> None:
    """Let torch compute on one thread in this process. Raises MissingDependencyError where torch is not installed."""
    require("torch", extra="learn").set_num_threads(1)
