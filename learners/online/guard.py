"""Watches over a student's weights while it learns: promotes, rolls back, calibrates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from selfcue.learners.online.calibration import conformal_factor
from selfcue.learners.online.holdout import HoldOut
from selfcue.learners.online.interfaces import Lesson
from selfcue.learners.online.memory import ReplayMemory
from selfcue.learners.online.promotion import PromotableStudent, Promotion, PromotionConfig, Verdict
from selfcue.state import State

Journal = Callable[..., None]
"""``journal(kind, **detail)``, as ``Link.journal``."""


class WeightGuard:
    """Told of every training step; every so many it checks, and acts.

    Args:
        config: when to check, and what counts as worse.
        student: whose weights these are.
        memory: where suspect lessons are forgotten after a rollback.
        holdout: what is checked and calibrated on, on different blocks.
        journal: told of promotions and rollbacks.
        coverage_lessons: held-out lessons that intervals are calibrated on.

    Attributes:
        widen: by how much the student's intervals must be stretched to cover nine tenths.
        counts: steps, skipped steps (no finite gradient), promotions and rollbacks so far.
    """

    def __init__(
        self,
        config: PromotionConfig,
        student: PromotableStudent,
        memory: ReplayMemory,
        holdout: HoldOut,
        journal: Journal,
        *,
        coverage_lessons: int,
    ) -> None:
        self.config = config
        self.widen = student.widen
        self.counts = {"steps": 0, "skipped_steps": 0, "promotions": 0, "rollbacks": 0}
        self._student, self._memory, self._holdout, self._journal = student, memory, holdout, journal
        self._coverage_lessons = coverage_lessons
        self._promotion = Promotion(config, student)
        self._skipped_in_a_row = 0
        self._checked_at_lesson: int | None = None

    def stepped(self, losses: Mapping[str, float]) -> None:
        """A step was taken, with these ``losses`` (``skipped`` not 0: its gradient was not finite)."""
        if losses.get("skipped", 0.0):
            self.counts["skipped_steps"] += 1
            self._skipped_in_a_row += 1
            if self._skipped_in_a_row >= self.config.skipped_steps:
                self._act(self._promotion.roll_back(self._selection(), reason="no finite gradient"))
            return
        self._skipped_in_a_row = 0
        self.counts["steps"] += 1
        if self.counts["steps"] % self.config.every_steps == 0:
            self.check()

    def check(self) -> None:
        """Compare what was learned with what flies, act on it, and calibrate what flies then."""
        self._act(self._promotion.check(self._selection(), blocks=self._holdout.blocks("select")))
        lessons = self._holdout.newest("calibrate", self._coverage_lessons)
        self.widen = conformal_factor([self._student.residuals(lesson) for lesson in lessons]) or self.widen

    def _selection(self) -> list[Lesson]:
        return self._holdout.spread("select", self.config.lessons)

    def _act(self, verdict: Verdict) -> None:
        detail = {**dataclasses.asdict(verdict), "steps": self.counts["steps"]}
        del detail["action"]
        if verdict.action == "promotion":
            self.counts["promotions"] += 1
            self._journal("promotion", **detail)
        elif verdict.action == "rollback":
            self.counts["rollbacks"] += 1
            self._skipped_in_a_row = 0
            # What was learned since the last check is suspect; learning it again would end in the same place.
            if self._checked_at_lesson is not None:
                detail["forgotten"] = self._memory.forget_after(self._checked_at_lesson)
            self._journal("rollback", **detail)
        self._checked_at_lesson = self._memory.newest_id

    def state(self) -> State:
        meta = {
            "widen": self.widen,
            "counts": dict(self.counts),
            "skipped_in_a_row": self._skipped_in_a_row,
            "checked_at_lesson": self._checked_at_lesson,
        }
        return State(meta).nested(promotion=self._promotion.state())

    def load_state(self, state: State) -> None:
        self._promotion.load_state(state.part("promotion"))
        self.widen, self.counts = float(state.meta["widen"]), dict(state.meta["counts"])
        self._skipped_in_a_row = int(state.meta["skipped_in_a_row"])
        self._checked_at_lesson = state.meta["checked_at_lesson"]
