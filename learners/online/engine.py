"""The engine around every teacher and student: written once, the same for all pairs.

What happens to a sample, in order:

1. *pace*: samples beyond ``lesson_hz`` are passed over;
2. *trust*: while the teacher's trust is not "ok" it teaches nothing;
3. *teach*: the teacher turns the sample into lessons;
4. *score*: the student is scored on each lesson before it learns from it;
5. *hold out*: lessons of held-out blocks are kept for measuring alone;
6. *remember*: the others go to the replay memory; those of an approach only after it has ended and was scored;
7. *study*: within the budget, the student takes steps on batches from the memory;
8. *promote*: now and then the learned weights are compared with those that fly, and promoted or rolled back.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.learners.online.budget import Budget, StepsPerLesson
from selfcue.learners.online.drift import PageHinkley
from selfcue.learners.online.engine_config import EngineConfig
from selfcue.learners.online.gate import CompetenceGate
from selfcue.learners.online.guard import Journal, WeightGuard
from selfcue.learners.online.holdout import HoldOut
from selfcue.learners.online.interfaces import Lesson, Revision, Sample, TrustedCue
from selfcue.learners.online.memory import ReplayMemory
from selfcue.learners.online.promotion import PromotableStudent
from selfcue.learners.online.saved import Saved, load_states, states_of
from selfcue.learners.online.skill import Prequential
from selfcue.messages import Estimate, LearnerStatus, TrustLevel
from selfcue.state import State, generator_state

_COUNTED = ("offered", "passed_over", "refused", "lessons", "held_out", "stored", "drift_alarms", "revisions")


class Engine:
    """One pair at work. Not thread-safe; one owner.

    Args:
        teacher: the trusted cue.
        student: the complementary cue.
        config: settings.
        seed: of every random choice of the engine (the student has its own generator).
        folder: where the memory's files are kept; made where it is missing.
        budget: how much may be learned; None for ``StepsPerLesson``, the only one that reads no clock.
        journal: called with each promotion, rollback, change of readiness, drift alarm and point of the curve.
    """

    def __init__(
        self,
        teacher: TrustedCue,
        student: PromotableStudent,
        config: EngineConfig | None = None,
        *,
        seed: int,
        folder: Path,
        budget: Budget | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.config = config or EngineConfig()
        self.teacher, self.student = teacher, student
        self.gate = CompetenceGate(self.config.gate)
        self.holdout = HoldOut(self.config.holdout, folder)
        self._generator = np.random.default_rng(seed)
        self.memory = ReplayMemory(self.config.memory, folder, self._generator)
        self._budget = budget or StepsPerLesson(self.config.budget)
        self._journal: Journal = journal or (lambda _kind, **_detail: None)
        self._guard = WeightGuard(
            self.config.promotion,
            student,
            self.memory,
            self.holdout,
            self._journal,
            coverage_lessons=self.config.coverage_lessons,
        )
        self._drift = PageHinkley(self.config.drift)
        self._skill = Prequential()
        self._emphasis: list[tuple[int, int]] = []
        self._start_ns: int | None = None
        self._lesson_ns: int | None = None
        self._trust: TrustLevel = "lost"
        self._was_ready = (False, False)
        self._frozen = ""
        self.counts = dict.fromkeys(_COUNTED, 0)

    # -- learning --------------------------------------------------------------------------------------------------

    def offer(self, sample: Sample, trust: TrustLevel) -> None:
        """Learn from ``sample``, as far as the teacher's ``trust``, the budget and the freeze allow."""
        self.counts["offered"] += 1
        self._trust = trust
        if self._too_soon(sample.stamp_ns):
            self.counts["passed_over"] += 1
            return
        if trust != "ok":
            self.counts["refused"] += 1
            return
        self._lesson_ns = sample.stamp_ns
        for item in self.teacher.teach(sample):
            if isinstance(item, Revision):
                self.counts["revisions"] += self.memory.revise(item)
            elif item.trust != "ok":
                self.counts["refused"] += 1
            else:
                self._take(item, sample)
        self._mark_curve(sample.stamp_ns)

    def witness(self, stamp_ns: int, teacher_score: float, student_score: float) -> None:
        """Take both cues' obstacle scores [1/m] for the input of ``stamp_ns``; pairs without obstacles never call it.

        Call it before ``offer`` of the same stamp: an approach that ends here lets its lessons into the memory.
        """
        self.gate.witness(stamp_ns, teacher_score, student_score)
        self._judge(stamp_ns)

    def override(self, stamp_ns: int) -> None:
        """The trusted cue had to take over at ``stamp_ns``: what led there is learned more often."""
        self.gate.override(stamp_ns)
        self._emphasis.append((stamp_ns - round(self.config.before_override_s * 1e9), stamp_ns))
        self._judge(stamp_ns)

    def freeze(self, reason: str) -> None:
        """Stop learning for good: from now on lessons are only scored. A last check decides which weights fly."""
        if self._frozen:
            return
        self._frozen = reason
        self._release()
        if self._guard.counts["steps"]:
            self._guard.check()
        self._journal("freeze", reason=reason, steps=self._guard.counts["steps"])

    def estimate(self, sample: Sample) -> Estimate:
        """Return the student's estimate; its interval is wider the longer no trusted teacher was there."""
        minutes = 0.0
        if self._lesson_ns is not None:
            minutes = math.floor(max(0, sample.stamp_ns - self._lesson_ns) * 1e-9) / 60.0
        self.student.calibrate(self._guard.widen * (1.0 + self.config.widen_per_minute) ** minutes)
        return self.student.estimate(sample)

    def status(self, now_ns: int) -> LearnerStatus:
        """Return readiness, skill and counts as of now."""
        self._judge(now_ns)
        skill = {**self._skill.recent(), **self.gate.skill(), "widen": self._guard.widen, "drift": self._drift.level}
        return LearnerStatus(
            stamp_ns=now_ns,
            pair=self.config.pair,
            trust=self._trust,
            ready=self.gate.ready,
            ready_fast=self.gate.ready_fast,
            frozen=bool(self._frozen) or self._trust == "lost",
            skill=skill,
            counts=self.counts_now(),
            model_id=f"{self.config.pair}-{self._guard.counts['steps']}-{self._guard.counts['promotions']}",
        )

    def counts_now(self) -> dict[str, int]:
        """Return all counts by name."""
        memory = {"similar": self.memory.skipped, "memory": len(self.memory)}
        return {**self.counts, **self._guard.counts, **self.gate.counts, **memory}

    def close(self) -> None:
        """Close the memory's files. May be called twice."""
        self.memory.close()
        self.holdout.close()

    # -- the steps of ``offer`` ------------------------------------------------------------------------------------

    def _too_soon(self, stamp_ns: int) -> bool:
        # A quarter of the period is let off: cameras that run at the lessons' rate jitter.
        return self._lesson_ns is not None and stamp_ns - self._lesson_ns < 0.75e9 / self.config.lesson_hz

    def _take(self, lesson: Lesson, sample: Sample) -> None:
        if lesson.stamp_ns > sample.stamp_ns:
            raise BadInputError(
                f"lesson {lesson.id} is stamped {lesson.stamp_ns} ns, later than its sample ({sample.stamp_ns} ns); "
                "a teacher stamps lessons with the capture time of what they label"
            )
        if self._start_ns is None:
            self._start_ns = lesson.stamp_ns
        lesson = dataclasses.replace(lesson, block=self.holdout.block_of(lesson.stamp_ns, self._start_ns))
        self.counts["lessons"] += 1
        figures = self.student.score([lesson])
        hard = self._skill.add(figures)
        if self._frozen:
            return
        if self.holdout.holds(lesson.block):
            self.counts["held_out"] += 1
            self.holdout.add(lesson)
            self._watch_drift(figures.get("nll", math.nan))
        else:
            self.counts["stored"] += self.memory.store(lesson, hard=hard)
        if not self.gate.in_approach:
            self._release()
        self._budget.earn()
        while self._budget.affords():
            if not self._step():
                break

    def _release(self) -> None:
        """Let the waiting lessons into the memory and emphasise those before an override."""
        self.memory.admit()
        for from_ns, to_ns in self._emphasis:
            self.memory.emphasise(from_ns, to_ns, copies=self.config.override_copies)
        self._emphasis.clear()

    def _step(self) -> bool:
        """Take one training step; return False where there is nothing to learn from yet."""
        batch = self.memory.draw(self.config.batch)
        if not batch:
            return False
        losses = self.student.study(batch)
        self._budget.spend()
        self._guard.stepped(losses)
        return True

    def _watch_drift(self, nll: float) -> None:
        if self._drift.add(nll):
            self.counts["drift_alarms"] += 1
            self.gate.distrust()
            self._journal("drift", steps=self._guard.counts["steps"])

    def _judge(self, now_ns: int) -> None:
        """Bring readiness up to date and journal its changes."""
        why = self.gate.judge(now_ns)
        now = (self.gate.ready, self.gate.ready_fast)
        if now == self._was_ready:
            return
        kind = "ready" if now > self._was_ready else "unready"
        bound, events = self.gate.hit_bound(), self.gate.counts["events"]
        self._was_ready = now
        self._journal(kind, ready=now[0], ready_fast=now[1], hit_bound=bound, events=events, reason=why)

    def _mark_curve(self, stamp_ns: int) -> None:
        point = self._skill.point(stamp_ns, self.config.curve_s)
        if point is not None:
            gate = {name: value for name, value in self.gate.skill().items() if math.isfinite(value)}
            steps = self._guard.counts["steps"]
            self._journal("skill", lesson_stamp_ns=stamp_ns, **point, **gate, steps=steps)

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return all that it takes to go on bit for bit; lessons are already on the disk."""
        meta = {
            "generator": generator_state(self._generator),
            "emphasis": self._emphasis,
            "start_ns": self._start_ns,
            "lesson_ns": self._lesson_ns,
            "trust": self._trust,
            "was_ready": list(self._was_ready),
            "frozen": self._frozen,
            "counts": dict(self.counts),
        }
        return State(meta).nested(**states_of(self._parts()))

    def load_state(self, state: State) -> None:
        """Continue from ``state``; files in the folder are cut back to where they were then."""
        load_states(self._parts(), state)
        meta = state.meta
        self._generator.bit_generator.state = meta["generator"]
        self._trust, self._frozen = meta["trust"], meta["frozen"]
        self._emphasis = [(int(start), int(end)) for start, end in meta["emphasis"]]
        self._start_ns, self._lesson_ns = meta["start_ns"], meta["lesson_ns"]
        self._was_ready = (meta["was_ready"][0], meta["was_ready"][1])
        self.counts = dict(meta["counts"])

    def _parts(self) -> dict[str, Saved]:
        return {
            "teacher": self.teacher,
            "student": self.student,
            "memory": self.memory,
            "holdout": self.holdout,
            "gate": self.gate,
            "drift": self._drift,
            "budget": self._budget,
            "guard": self._guard,
            "skill": self._skill,
        }
