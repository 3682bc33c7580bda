"""Who decides in the student's place: the student itself, or a control that shows what its eyes are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcue.agent.flight_config import FlightConfig

_NS = 1_000_000_000


class Pilot:
    """Gives the score that flies in MONO_TW and MONO_ONLY, and says when a control turns for no reason."""

    def __init__(self, config: FlightConfig, generator: np.random.Generator) -> None:
        self._config = config
        self._generator = generator
        self._next_turn_ns: int | None = None

    @property
    def looks(self) -> bool:
        """Whether this pilot needs the student's estimates."""
        return self._config.pilot in ("student", "stereo")

    def score(self, student_score: float) -> float:
        """Return the obstacle score [1/m] that this pilot believes in."""
        if self.looks:
            return student_score
        return 1.0 / self._config.constant_depth_m if self._config.pilot == "constant" else 0.0

    def turns_now(self, now_ns: int) -> bool:
        """Whether ``random_turner`` turns now; never for the others."""
        if self._config.pilot != "random_turner":
            return False
        due = self._next_turn_ns is not None and now_ns >= self._next_turn_ns
        if due or self._next_turn_ns is None:
            wait_s = self._generator.exponential(self._config.random_turn_every_s)
            self._next_turn_ns = now_ns + round(wait_s * _NS)
        return due

    def state(self) -> dict[str, Any]:
        """Return everything but settings and generator, JSON-serialisable."""
        return {"next_turn_ns": self._next_turn_ns}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` gave."""
        self._next_turn_ns = state["next_turn_ns"]
