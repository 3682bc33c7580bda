"""Teacher, lesson, student: the three words that every online learner is made of.

A pair is two small classes and a launch file. The trusted cue turns synchronised samples into lessons; the student
(the complementary cue) learns from lessons and gives estimates of its own. Everything else (trust, memory, budget,
readiness, promotion, rollback, checkpoints) is the engine's, written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from selfcue.messages import Estimate, Message, TrustLevel
from selfcue.state import State


@dataclass(frozen=True)
class Sample:
    """One message per declared input, measured together.

    Attributes:
        stamp_ns: time of the sample: that of its leading input.
        inputs: input name to message.
        history: the samples before this one, newest last, as many as the engine keeps.
    """

    stamp_ns: int
    inputs: Mapping[str, Message]
    history: Sequence[Sample] = ()


@dataclass(frozen=True)
class Lesson:
    """What the trusted cue teaches of one moment.

    Attributes:
        id: counts the lessons of a run.
        stamp_ns: capture time of the input it labels (never the time the label was made).
        block: index of the time block it falls in; whole blocks are held out, never single frames.
        inputs: name to array, what the student sees.
        target: name to array, what the teacher says; empty where the lesson is a pairing.
        weight: how much it counts in the loss.
        trust: the teacher's trust when it was made.
        label_version: raised when a Revision changed the label.
    """

    id: int
    stamp_ns: int
    block: int
    inputs: Mapping[str, np.ndarray]
    target: Mapping[str, np.ndarray] = field(default_factory=dict)
    weight: float = 1.0
    trust: TrustLevel = "ok"
    label_version: int = 0


@dataclass(frozen=True)
class Revision:
    """Re-label (``target`` given) or withdraw (``target`` None) the lesson ``lesson_id``."""

    lesson_id: int
    target: Mapping[str, np.ndarray] | None
    label_version: int


@dataclass(frozen=True)
class ExportSpec:
    """What the ONNX export needs: input and output names with their shapes, batch first."""

    inputs: Mapping[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    opset: int = 18


class TrustedCue(Protocol):
    """The teacher. It may itself learn."""

    def teach(self, sample: Sample) -> Iterable[Lesson | Revision]:
        """Return the lessons of ``sample``, perhaps about earlier inputs, and revisions of earlier ones."""
        ...

    def state(self) -> State: ...

    def load_state(self, state: State) -> None: ...


class Student(Protocol):
    """The complementary cue."""

    def score(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        """Return skill on lessons not yet learned from; changes nothing."""
        ...

    def study(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        """Take one bounded training step; return its losses."""
        ...

    def estimate(self, sample: Sample) -> Estimate:
        """Return value and calibrated confidence for a sample; changes nothing."""
        ...

    def state(self) -> State:
        """Return weights, optimiser, generator and calibration."""
        ...

    def load_state(self, state: State) -> None: ...

    def export_spec(self) -> ExportSpec: ...
