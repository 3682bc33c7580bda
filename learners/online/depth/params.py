"""Settings of the depth learner's node."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from selfcue.learners.online.depth.dense_config import DenseConfig
from selfcue.learners.online.depth.teacher import DepthTeacherConfig
from selfcue.learners.online.depth.texton_config import TextonConfig
from selfcue.learners.online.engine_config import EngineConfig


@dataclass(frozen=True)
class DepthLearnerParams:
    """Who learns, how fast and until when.

    Attributes:
        student: ``dense`` (a small net, a picture of depth) or ``textons`` (the paper's, one number).
        seed: of every random choice.
        steps_per_lesson: training steps per lesson in lock-step; replaces ``engine.budget.steps_per_lesson``.
        cpu_share: share of one core for training, live; replaces ``engine.budget.cpu_share``.
        lesson_hz: lessons per second at most; replaces ``engine.lesson_hz``.
        learn_until_s: learning ends this long after the first picture; None: never.
        learn_until_frame: pictures after the one with this index (the first is 0) are only scored; None: none.
        weights: file of weights (``student.safetensors``) to start from; empty: from scratch.
        max_width_px: the student's pictures are at most this wide.
        colour: the student sees colour; off, it sees gray: what it learned then holds on surfaces of other colours
            (in the one room compared, AUC on unseen textures .75 instead of .49), and costs less.
        buffer_s: how long a picture waits for its trusted depth.
        obstacles: watch approaches and prove readiness by them; off where nothing ever comes near (a car).
        pessimism: the student's obstacle score is of ``value + pessimism * b`` (see ``corridor.estimate_score``).
        scalar_pessimism: the same for a student that gives one number.
        status_hz: rate of ``depth/status``.
        checkpoint_s: the weights are written to disk this often, and at the end.
        engine, teacher, dense, textons: settings of the parts.
    """

    student: Literal["dense", "textons"] = "dense"
    seed: int = 0
    steps_per_lesson: float = 1.0
    cpu_share: float = 0.2
    lesson_hz: float = 10.0
    learn_until_s: float | None = None
    learn_until_frame: int | None = None
    weights: str = ""
    max_width_px: int = 320
    colour: bool = False
    buffer_s: float = 1.0
    obstacles: bool = True
    pessimism: float = 1.0
    scalar_pessimism: float = 0.0
    status_hz: float = 2.0
    checkpoint_s: float = 30.0
    engine: EngineConfig = field(default_factory=EngineConfig)
    teacher: DepthTeacherConfig = field(default_factory=DepthTeacherConfig)
    dense: DenseConfig = field(default_factory=DenseConfig)
    textons: TextonConfig = field(default_factory=TextonConfig)

    def __post_init__(self) -> None:
        if min(self.buffer_s, self.status_hz, self.checkpoint_s) <= 0:
            raise ValueError(
                f"buffer_s {self.buffer_s}, status_hz {self.status_hz} and checkpoint_s {self.checkpoint_s} "
                "must be above 0"
            )
        self.engine_config()

    def engine_config(self) -> EngineConfig:
        """Return the engine's settings with this node's own folded in."""
        budget = replace(self.engine.budget, steps_per_lesson=self.steps_per_lesson, cpu_share=self.cpu_share)
        return replace(self.engine, budget=budget, lesson_hz=self.lesson_hz)
