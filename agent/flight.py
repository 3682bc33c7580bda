"""Who flies: the state machine STEREO, MONO_TW, MONO_ONLY, HOLD, LAND. Pure: evidence in, decision out.

::

    STEREO    the trusted cue flies, the student learns in its shadow
    MONO_TW   the student flies, the trusted cue only overrides ("training wheels")
    MONO_ONLY the trusted cue is lost: the student flies alone
    HOLD      nobody can be relied upon: stand still, look for a way back
    LAND      held too long: go down; final

Two policies say when the student takes over. ``schedule``: from a stated time on, as in simulation and in comparisons
of strategies. ``proof``: when its readiness is proved, as on real vehicles. (van Hecke et al., arXiv 1603.08047.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcue.agent.decision import Decision, Evidence, FlightState, Flyer
from selfcue.agent.flight_config import FlightConfig

_NS = 1_000_000_000
_FLYER: dict[FlightState, Flyer] = {
    "STEREO": "trusted",
    "MONO_TW": "student",
    "MONO_ONLY": "student",
    "HOLD": "none",
    "LAND": "none",
}


class FlightMachine:
    """Steps once per tick. ``generator`` draws DAgger's rounds."""

    def __init__(self, config: FlightConfig, generator: np.random.Generator) -> None:
        self.config = config
        self._generator = generator
        self._state: FlightState = "STEREO"
        self._reason = "start"
        self._start_ns: int | None = None
        self._since_ns = 0  # when this state began
        self._held_ns: dict[str, int] = {}  # since when each condition has held without a break
        self._overrides_ns: list[int] = []
        self._round = -1
        self._teacher_round = True
        self._seen_trusted = False
        self._seen_odometry = False

    @property
    def current(self) -> FlightState:
        return self._state

    def note_override(self, now_ns: int) -> None:
        """The trusted cue overrode the student now."""
        oldest = now_ns - round(self.config.override_free_s * _NS)
        self._overrides_ns = [stamp for stamp in self._overrides_ns if stamp >= oldest] + [now_ns]

    def step(self, evidence: Evidence) -> Decision:
        """Return who flies now and how fast."""
        if self._start_ns is None:
            self._start_ns = self._since_ns = evidence.now_ns
        self._seen_trusted |= evidence.trust != "lost"
        self._seen_odometry |= evidence.odometry_fresh
        self._draw_round(evidence.now_ns)
        target, reason = self._next(evidence)
        changed = target != self._state
        if changed:
            self._state, self._reason, self._since_ns = target, reason, evidence.now_ns
            self._held_ns.clear()
        return Decision(self._state, self._flyer(evidence), self._speed_share(evidence), changed, self._reason)

    def _next(self, now: Evidence) -> tuple[FlightState, str]:
        state = self._state
        if state == "LAND":
            return state, ""
        if state == "HOLD":
            return self._from_hold(now)
        if not now.odometry_fresh:
            started = self._seen_odometry or self._since_s(now) >= self.config.start_up_s
            return ("HOLD", "odometry stopped") if started else (state, "")
        if state == "STEREO":
            return self._from_stereo(now)
        if state == "MONO_TW":
            return self._from_training_wheels(now)
        return self._from_mono_only(now)

    def _from_stereo(self, now: Evidence) -> tuple[FlightState, str]:
        if now.trust == "lost":
            if not self._seen_trusted and self._since_s(now) < self.config.start_up_s:
                return "STEREO", ""
            return self._without_stereo(now)
        if now.trust == "ok" and now.student_fresh and self._student_may_fly(now):
            return "MONO_TW", self._why_student()
        return "STEREO", ""

    def _from_training_wheels(self, now: Evidence) -> tuple[FlightState, str]:
        config = self.config
        if self._lasted("lost", now, now.trust == "lost", config.lost_for_s):
            return self._without_stereo(now)
        if now.trust == "lost":
            return "MONO_TW", ""
        if not now.student_fresh:
            return (
                ("STEREO", "student is silent") if now.trust == "ok" else ("HOLD", "student is silent, stereo suspect")
            )
        if config.policy == "schedule":
            return ("MONO_TW", "") if self._student_may_fly(now) else ("STEREO", "round of the teacher")
        out = self._lasted("ood", now, now.out_of_distribution, config.out_of_distribution_for_s)
        if out or self._unready(now):
            why = "student out of distribution" if out else "student not ready"
            return ("STEREO", why) if now.trust == "ok" else ("HOLD", f"{why}, stereo suspect")
        return "MONO_TW", ""

    def _from_mono_only(self, now: Evidence) -> tuple[FlightState, str]:
        config = self.config
        if not now.student_fresh:
            return ("STEREO", "student is silent") if now.trust == "ok" else ("HOLD", "student is silent")
        if self._lasted("ood", now, now.out_of_distribution, config.out_of_distribution_for_s):
            return "HOLD", "student out of distribution"
        if self._lasted("return", now, now.trust == "ok" and now.agreement, config.return_after_s):
            return ("STEREO" if config.strategy == "cold-turkey" else "MONO_TW"), "stereo is back and agrees"
        return "MONO_ONLY", ""

    def _from_hold(self, now: Evidence) -> tuple[FlightState, str]:
        config = self.config
        moving_ok = now.odometry_fresh
        if self._lasted("stereo", now, moving_ok and now.trust == "ok", config.recover_after_s):
            return "STEREO", "stereo is back"
        student_ok = moving_ok and now.student_fresh and not now.out_of_distribution and self._relied_upon(now)
        if self._lasted("student", now, student_ok and now.trust == "lost", config.recover_after_s):
            return "MONO_ONLY", "student is back"
        if self._since_s(now) >= config.land_after_s:
            return "LAND", f"held for {config.land_after_s:g} s"
        return "HOLD", ""

    def _without_stereo(self, now: Evidence) -> tuple[FlightState, str]:
        if self.config.pilot == "stereo":
            return "HOLD", "stereo lost, and it was the only pilot"
        if not now.student_fresh:
            return "HOLD", "stereo lost, student is silent"
        return ("MONO_ONLY", "stereo lost") if self._relied_upon(now) else ("HOLD", "stereo lost, student not ready")

    def _student_may_fly(self, now: Evidence) -> bool:
        config = self.config
        if config.strategy == "cold-turkey" or config.pilot == "stereo":
            return False
        if config.strategy == "dagger":
            return not self._teacher_round and (config.policy == "schedule" or self._ready(now))
        if config.policy == "schedule":
            return now.now_ns - (self._start_ns or 0) >= config.mono_from_s * _NS
        doubt = now.out_of_distribution or self._overrides_within(now, config.override_free_s) > 0
        return self._ready(now) and not doubt

    def _why_student(self) -> str:
        if self.config.strategy == "dagger":
            return "round of the student"
        return "scheduled" if self.config.policy == "schedule" else "student ready"

    def _relied_upon(self, now: Evidence) -> bool:
        """Whether the student may fly alone: always by schedule, when proved otherwise."""
        return self.config.policy == "schedule" or self._ready(now)

    def _ready(self, now: Evidence) -> bool:
        return now.ready or (now.ready_fast and self.config.accept_ready_fast)

    def _unready(self, now: Evidence) -> bool:
        return not self._ready(now) or self._overrides_within(now, self.config.unready_window_s) >= 2

    def _overrides_within(self, now: Evidence, seconds: float) -> int:
        return sum(stamp > now.now_ns - seconds * _NS for stamp in self._overrides_ns)

    def _draw_round(self, now_ns: int) -> None:
        config = self.config
        if config.strategy != "dagger":
            return
        current = int((now_ns - (self._start_ns or 0)) // (config.round_s * _NS))
        while self._round < current:
            self._round += 1
            self._teacher_round = bool(self._generator.random() < config.beta**self._round)

    def _flyer(self, now: Evidence) -> Flyer:
        if self._state == "STEREO" and (now.trust == "lost" or not now.odometry_fresh):
            return "none"  # start-up: not everything has been seen yet
        return _FLYER[self._state]

    def _speed_share(self, now: Evidence) -> float:
        config = self.config
        share = config.mono_speed_share if self._state == "MONO_ONLY" else 1.0
        if self._state == "MONO_TW" and now.trust == "lost":
            share = min(share, config.cautious_speed_share)
        if self._state != "MONO_ONLY" and now.trust == "suspect":
            share = min(share, config.cautious_speed_share)
        if config.policy == "proof" and _FLYER[self._state] == "student" and not now.ready:
            share = min(share, config.cautious_speed_share)
        return share

    def _lasted(self, name: str, now: Evidence, holds: bool, seconds: float) -> bool:
        """Whether the condition ``name`` has held without a break for ``seconds``."""
        if not holds:
            self._held_ns.pop(name, None)
            return False
        return now.now_ns - self._held_ns.setdefault(name, now.now_ns) >= seconds * _NS

    def _since_s(self, now: Evidence) -> float:
        return (now.now_ns - self._since_ns) / _NS

    def state(self) -> dict[str, Any]:
        """Return everything but settings and generator, JSON-serialisable."""
        return {
            **{name: getattr(self, name) for name in _SAVED},
            "_held_ns": dict(self._held_ns),
            "_overrides_ns": list(self._overrides_ns),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` gave."""
        for name in _SAVED:
            setattr(self, name, state[name])
        self._held_ns = dict(state["_held_ns"])
        self._overrides_ns = list(state["_overrides_ns"])


_SAVED = ("_state", "_reason", "_start_ns", "_since_ns", "_round", "_teacher_round", "_seen_trusted", "_seen_odometry")
