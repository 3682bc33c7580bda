"""Settings of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfcue.errors import BadInputError
from selfcue.learners.online.budget import BudgetConfig
from selfcue.learners.online.drift import DriftConfig
from selfcue.learners.online.gate import GateConfig
from selfcue.learners.online.holdout import HoldOutConfig
from selfcue.learners.online.memory_config import MemoryConfig
from selfcue.learners.online.promotion import PromotionConfig


@dataclass(frozen=True)
class EngineConfig:
    """Settings of the engine.

    Attributes:
        pair: name of the pair, for the status.
        lesson_hz: lessons per second at most.
        batch: lessons per training step.
        curve_s: time between two points of the learning curve (journal kind ``skill``).
        before_override_s: lessons of this time before an override are emphasised,
        override_copies: by so many entries among the hard ones.
        widen_per_minute: share by which intervals are widened for each minute without a trusted teacher.
        coverage_lessons: held-out lessons that intervals are calibrated on.
        memory, holdout, budget, gate, drift, promotion: settings of the parts.
    """

    pair: str = "depth"
    lesson_hz: float = 10.0
    batch: int = 8
    curve_s: float = 10.0
    before_override_s: float = 1.0
    override_copies: int = 4
    widen_per_minute: float = 0.01
    coverage_lessons: int = 32
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    holdout: HoldOutConfig = field(default_factory=HoldOutConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    promotion: PromotionConfig = field(default_factory=PromotionConfig)

    def __post_init__(self) -> None:
        if self.lesson_hz <= 0 or self.batch < 1 or self.curve_s <= 0:
            raise BadInputError(
                f"engine needs lesson_hz > 0, batch >= 1 and curve_s > 0, got {self.lesson_hz}, {self.batch}, "
                f"{self.curve_s}"
            )
