"""Which weights fly, and what happens when learning goes wrong.

A candidate is promoted when it is no worse on lessons that nobody learned from; learning that has made it much worse is
rolled back to the best weights that were promoted before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.online.interfaces import Lesson, Student
from selfcue.state import State


class PromotableStudent(Student, Protocol):
    """A student whose estimating weights stand apart from its learning ones; what the engine can look after.

    ``widen`` is the factor that ``calibrate`` set last (1 before, or what a warm start brought along).

    A weights ``State`` holds arrays alone. ``score`` and ``estimate`` use the deployed weights; one of the figures of
    ``score`` is ``error``, 0 or more, smaller being better.
    """

    widen: float

    def candidate(self) -> State:
        """Return (a copy of) the weights that ask to be deployed."""
        ...

    def deployed(self) -> State:
        """Return (a copy of) the weights that estimate."""
        ...

    def deploy(self, weights: State) -> None:
        """Estimate with ``weights`` from now on; learning goes on undisturbed."""
        ...

    def restart(self, weights: State) -> None:
        """Learn on from ``weights`` with a fresh optimiser, and deploy them."""
        ...

    def residuals(self, lesson: Lesson) -> npt.NDArray[np.floating]:
        """Return |error| / half-width of the uncalibrated 90 % interval, for some of the lesson's targets, (n,)."""
        ...

    def calibrate(self, widen: float) -> None:
        """Stretch the intervals of all further estimates by ``widen``."""
        ...


@dataclass(frozen=True)
class PromotionConfig:
    """Settings of promotion and rollback.

    Attributes:
        every_steps: training steps between two checks.
        lessons: held-out lessons that a check compares on.
        least_blocks: before so many held-out blocks were seen, any finite candidate is promoted: one block is one
            view, and no judge of anything.
        worse: a candidate is kept back when its error exceeds the deployed weights' by more than this share, and by
            one standard error of the paired differences between blocks (lessons of one block are near copies).
        much_worse: learning is rolled back when it exceeds it by more than this, and by two standard errors.
        ring: promoted weights that are kept to roll back to (the first ones are always kept besides).
        skipped_steps: so many steps without a finite gradient, one after another, roll back as well.
    """

    every_steps: int = 50
    lessons: int = 32
    least_blocks: int = 2
    worse: float = 0.02
    much_worse: float = 0.10
    ring: int = 5
    skipped_steps: int = 3

    def __post_init__(self) -> None:
        if min(self.every_steps, self.lessons, self.ring, self.skipped_steps) < 1:
            raise BadInputError(
                f"promotion: every_steps, lessons, ring and skipped_steps must be 1 or more, got {self}"
            )
        if not 0 <= self.worse <= self.much_worse:
            raise BadInputError(f"promotion needs 0 <= worse <= much_worse, got {self}")


@dataclass(frozen=True)
class Verdict:
    """What a check decided; errors are means over the compared lessons (NaN where there were none)."""

    action: Literal["promotion", "kept", "rollback"]
    candidate_error: float = math.nan
    deployed_error: float = math.nan
    lessons: int = 0
    reason: str = ""


class Promotion:
    """Checks a student's candidate and keeps what was good."""

    def __init__(self, config: PromotionConfig, student: PromotableStudent) -> None:
        self.config = config
        self._student = student
        self._first = student.deployed()
        self._ring: deque[State] = deque(maxlen=config.ring)

    def check(self, lessons: Sequence[Lesson], *, blocks: int) -> Verdict:
        """Compare the candidate with the deployed weights on held-out ``lessons`` (of ``blocks`` blocks) and act."""
        candidate, deployed = self._student.candidate(), self._student.deployed()
        if not _finite(candidate):
            return self.roll_back(lessons, reason="weights are not finite")
        if not lessons or blocks < self.config.least_blocks:
            self._promote(candidate)
            return Verdict("promotion", reason="too little held out to compare on")
        old = self._errors(lessons)
        self._student.deploy(candidate)
        new = self._errors(lessons)
        self._student.deploy(deployed)
        judged = np.isfinite(old)
        old, new = old[judged], new[judged]
        if not np.isfinite(new).all():
            return self.roll_back(lessons, reason="errors are not finite")
        if not old.size:
            self._promote(candidate)
            return Verdict("promotion", reason="the deployed weights know nothing yet")
        share = float((new - old).mean() / max(float(old.mean()), 1e-12))
        sureness = _standard_errors(new - old, np.array([lesson.block for lesson in lessons])[judged])
        errors = float(new.mean()), float(old.mean())
        reason = f"{share:.0%} worse than the deployed weights"
        if share > self.config.much_worse and sureness > 2.0:
            return self.roll_back(lessons, reason=reason, errors=errors)
        if share > self.config.worse and sureness > 1.0:
            return Verdict("kept", *errors, len(lessons), reason)
        self._promote(candidate)
        return Verdict("promotion", *errors, len(lessons))

    def roll_back(
        self,
        lessons: Sequence[Lesson],
        *,
        reason: str,
        errors: tuple[float, float] = (math.nan, math.nan),
    ) -> Verdict:
        """Learn on from the best of the kept weights, as measured on ``lessons`` (the newest where there are none).

        ``reason`` and ``errors`` (candidate's, deployed weights') go into the verdict.
        """
        kept = [self._first, *self._ring]
        best = kept[-1]
        if lessons:
            found = []
            for weights in kept:
                self._student.deploy(weights)
                error = float(self._errors(lessons).mean())
                found.append(error if math.isfinite(error) else math.inf)
            best = kept[len(kept) - 1 - int(np.argmin(found[::-1]))]  # the newest of equals
        self._student.restart(best)
        return Verdict("rollback", *errors, len(lessons), reason)

    def _promote(self, candidate: State) -> None:
        self._student.deploy(candidate)
        self._ring.append(candidate)

    def _errors(self, lessons: Sequence[Lesson]) -> npt.NDArray[np.float64]:
        return np.array([self._student.score([lesson])["error"] for lesson in lessons])

    def state(self) -> State:
        kept = {f"ring-{i}": weights for i, weights in enumerate(self._ring)}
        return State({"ring": len(self._ring)}).nested(first=self._first, **kept)

    def load_state(self, state: State) -> None:
        self._first = state.part("first")
        kept = [state.part(f"ring-{i}") for i in range(state.meta["ring"])]
        self._ring = deque(kept, maxlen=self.config.ring)


def _standard_errors(rise: npt.NDArray[np.float64], blocks: npt.NDArray[np.int64]) -> float:
    """Return the mean of ``rise`` (n,) over blocks in units of its standard error; 0 for a single block."""
    labels, place = np.unique(blocks, return_inverse=True)
    if labels.size < 2:
        return 0.0
    means = np.bincount(place, rise) / np.bincount(place)
    error = float(means.std(ddof=1)) / math.sqrt(labels.size)
    return float(means.mean()) / max(error, 1e-12)


def _finite(weights: State) -> bool:
    return all(np.isfinite(array).all() for array in weights.arrays.values())
