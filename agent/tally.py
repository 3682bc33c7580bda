"""The counts that matter: collisions by state, overrides, misses, and what the cues had seen."""

from __future__ import annotations

import math

from selfcue.agent.decision import FlightState


class Tally:
    """Counts events and describes each for the journal.

    Args:
        turn_distance_m: a cue "sees" what it should turn away from when its score says nearer than this.
        override_distance_m: the same for what is imminent.
    """

    def __init__(self, turn_distance_m: float, override_distance_m: float) -> None:
        self._turn_distance_m = turn_distance_m
        self._override_distance_m = override_distance_m
        self.counts: dict[str, int] = {
            "collisions": 0,
            "collisions_stereo": 0,
            "collisions_mono_tw": 0,
            "collisions_mono_only": 0,
            "collisions_hold": 0,
            "collisions_land": 0,
            "collisions_teacher_saw": 0,
            "overrides": 0,
            "misses": 0,
            "mode_changes": 0,
        }

    def count(self, name: str) -> None:
        """Add one to ``name``."""
        self.counts[name] += 1

    def collision(
        self, state: FlightState, phase: str, trusted_score: float | None, student_score: float
    ) -> dict[str, str | float | bool]:
        """Count a collision and return what to journal.

        Args:
            state, phase: what the agent did when it happened.
            trusted_score: the largest that the trusted cue said in the last moments [1/m]; None where it was silent.
            student_score: the largest that the student said.
        """
        saw = trusted_score is not None and trusted_score * self._override_distance_m >= 1.0
        self.count("collisions")
        self.count(f"collisions_{state.lower()}")
        if saw and state in ("STEREO", "MONO_TW"):
            self.count("collisions_teacher_saw")
        return {
            "state": state,
            "phase": phase,
            "teacher_saw": saw,
            "student_saw": student_score * self._turn_distance_m >= 1.0,
            "teacher_m": metres(trusted_score or 0.0),
            "student_m": metres(student_score),
        }

    def override(self, trusted_score: float, student_score: float) -> tuple[bool, dict[str, float]]:
        """Count an override and, where the student did not see it, a miss; return that and what to journal."""
        missed = student_score * self._turn_distance_m < 1.0
        self.count("overrides")
        if missed:
            self.count("misses")
        return missed, {"teacher_m": metres(trusted_score), "student_m": metres(student_score)}


def metres(score_per_m: float) -> float:
    """Return the distance that a score stands for, for people: to the centimetre, 99 where nothing is near."""
    return 99.0 if score_per_m * 99.0 <= 1.0 or math.isnan(score_per_m) else round(1.0 / score_per_m, 2)
