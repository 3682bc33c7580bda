"""The competence gate: may the student be relied upon? Proved by events, with hysteresis."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from selfcue.errors import BadInputError
from selfcue.learners.online.approaches import ApproachConfig, ApproachWatch
from selfcue.learners.online.bounds import lower_bound, upper_bound
from selfcue.learners.online.reliability import Reliability
from selfcue.state import State


@dataclass(frozen=True)
class GateConfig:
    """When a student is ready.

    All bounds are one-sided 95 % Clopper-Pearson bounds. A hit rate of 0.95 takes 59 approaches without a miss, 93 with
    one; 0.90 takes 29, or 46 with one.

    Attributes:
        approach: what counts as an event.
        window: approaches that READY looks back on.
        window_fast: approaches that READY_FAST looks back on.
        quiet_window: quiet stretches that the false-alarm rate looks back on.
        enter, leave: READY from this lower bound of the hit rate on, until it falls below ``leave``.
        enter_fast, leave_fast: the same for READY_FAST (may fly at half speed).
        false_alarms: largest upper bound of the false-alarm rate.
        calibration_error: largest expected calibration error of P(obstacle).
        override_free_s: no override for so long.
        unready_overrides, unready_within_s: so many overrides within this time end readiness.
    """

    approach: ApproachConfig = field(default_factory=ApproachConfig)
    window: int = 93
    window_fast: int = 46
    quiet_window: int = 100
    enter: float = 0.95
    leave: float = 0.90
    enter_fast: float = 0.90
    leave_fast: float = 0.85
    false_alarms: float = 0.10
    calibration_error: float = 0.05
    override_free_s: float = 60.0
    unready_overrides: int = 2
    unready_within_s: float = 30.0

    def __post_init__(self) -> None:
        if not (0 < self.leave <= self.enter < 1 and 0 < self.leave_fast <= self.enter_fast <= self.enter):
            raise BadInputError(f"gate needs leave <= enter < 1, leave_fast <= enter_fast <= enter, got {self}")
        for name, size, bound in (
            ("window", self.window, self.enter),
            ("window_fast", self.window_fast, self.enter_fast),
        ):
            if lower_bound(size, size) < bound:
                raise BadInputError(f"gate: {size} events ({name}) can never prove a hit rate of {bound}")


class CompetenceGate:
    """Counts events and says READY, READY_FAST or neither."""

    def __init__(self, config: GateConfig | None = None) -> None:
        self.config = config or GateConfig()
        self._watch = ApproachWatch(self.config.approach)
        self._reliability = Reliability(self.config.approach.turn_m)
        self._hits: deque[bool] = deque(maxlen=max(self.config.window, self.config.window_fast))
        self._alarms: deque[bool] = deque(maxlen=self.config.quiet_window)
        self._overrides_ns: list[int] = []
        self.ready = False
        self.ready_fast = False
        self.counts = {"events": 0, "misses": 0, "quiet": 0, "false_alarms": 0, "overrides": 0}

    @property
    def in_approach(self) -> bool:
        """Whether lessons of this moment belong to an approach that was not scored yet."""
        return self._watch.begun

    def witness(self, stamp_ns: int, teacher_score: float, student_score: float) -> None:
        """Take both cues' obstacle scores [1/m] of one frame; the student's was given before it learned from it."""
        positive = teacher_score * self.config.approach.turn_m >= 1.0
        self._reliability.add(student_score, positive=positive)
        for outcome in self._watch.add(stamp_ns, teacher_score, student_score):
            if outcome in ("hit", "miss"):
                self._hits.append(outcome == "hit")
                self.counts["events"] += 1
                self.counts["misses"] += outcome == "miss"
            else:
                self._alarms.append(outcome == "false_alarm")
                self.counts["quiet"] += 1
                self.counts["false_alarms"] += outcome == "false_alarm"

    def override(self, stamp_ns: int) -> None:
        """The trusted cue had to take over at ``stamp_ns``."""
        self.counts["overrides"] += 1
        oldest = stamp_ns - round(self.config.override_free_s * 1e9)
        self._overrides_ns = [stamp for stamp in self._overrides_ns if stamp >= oldest] + [stamp_ns]

    def distrust(self) -> None:
        """Forget all proofs: they were about a world that is no more, or about weights that were thrown away."""
        self._hits.clear()
        self._alarms.clear()

    def judge(self, now_ns: int) -> str:
        """Bring ``ready`` and ``ready_fast`` up to date; return why readiness was just lost (else '')."""
        config = self.config
        was_ready = self.ready or self.ready_fast
        bound, fast_bound = self.hit_bound(), self.hit_bound(fast=True)
        if self._overrides_within(now_ns, config.unready_within_s) >= config.unready_overrides:
            self.ready = self.ready_fast = False
            return f"{config.unready_overrides} overrides in {config.unready_within_s:g} s" if was_ready else ""
        error = self._reliability.calibration_error()
        may_enter = (
            self.false_alarm_bound() <= config.false_alarms
            and error <= config.calibration_error  # NaN compares as False
            and not self._overrides_within(now_ns, config.override_free_s)
        )
        self.ready = bound >= config.leave if self.ready else may_enter and bound >= config.enter
        fast = fast_bound >= config.leave_fast if self.ready_fast else may_enter and fast_bound >= config.enter_fast
        self.ready_fast = fast or self.ready
        lost = was_ready and not self.ready_fast
        return f"hit rate bound fell to {fast_bound:.2f}" if lost else ""

    def hit_bound(self, *, fast: bool = False) -> float:
        """Return the lower bound of the hit rate over the window of READY (or of READY_FAST)."""
        recent = list(self._hits)[-(self.config.window_fast if fast else self.config.window) :]
        return lower_bound(sum(recent), len(recent))

    def false_alarm_bound(self) -> float:
        """Return the upper bound of the share of quiet stretches that the student called blocked."""
        return upper_bound(sum(self._alarms), len(self._alarms))

    def skill(self) -> dict[str, float]:
        """Return the gate's figures by name; NaN where nothing is known yet."""
        return {
            "hit_bound": self.hit_bound() if self._hits else math.nan,
            "hit_bound_fast": self.hit_bound(fast=True) if self._hits else math.nan,
            "false_alarm_bound": self.false_alarm_bound() if self._alarms else math.nan,
            "calibration_error": self._reliability.calibration_error(),
            "auc": self._reliability.auc(),
        }

    def _overrides_within(self, now_ns: int, seconds: float) -> int:
        return sum(stamp > now_ns - round(seconds * 1e9) for stamp in self._overrides_ns)

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        meta = {
            "hits": list(self._hits),
            "alarms": list(self._alarms),
            "overrides_ns": self._overrides_ns,
            "ready": self.ready,
            "ready_fast": self.ready_fast,
            "counts": dict(self.counts),
        }
        return State(meta).nested(watch=self._watch.state(), reliability=self._reliability.state())

    def load_state(self, state: State) -> None:
        self._watch.load_state(state.part("watch"))
        self._reliability.load_state(state.part("reliability"))
        self._hits = deque(state.meta["hits"], maxlen=self._hits.maxlen)
        self._alarms = deque(state.meta["alarms"], maxlen=self._alarms.maxlen)
        self._overrides_ns = list(state.meta["overrides_ns"])
        self.ready, self.ready_fast = state.meta["ready"], state.meta["ready_fast"]
        self.counts = dict(state.meta["counts"])
