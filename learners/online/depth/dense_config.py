"""Settings of the dense depth student."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.augment_config import AugmentConfig


@dataclass(frozen=True)
class DenseConfig:
    """Settings of the dense student.

    Attributes:
        widths: channels of the net at 1/2, 1/4, 1/8 and 1/16 resolution.
        rho_max_per_m: largest inverse depth it can say [1/m]: 1 / 0.3 m in rooms, 1 / 2 m on roads.
        from_mean: the net learns what to add to the mean of all lessons at each place of the picture, and not all of
            the depth: for cameras whose mounting and surroundings stay alike, as on a road.
        learning_rate: Adam's, when starting from scratch.
        learning_rate_warm: the same when it starts from given weights.
        clip_norm: gradients are scaled down to this norm.
        ema: decay of the averaged weights per step (smaller in the first steps, when there is little to average).
        scale_invariant: weight of the scale-invariant loss.
        smoothness: weight of the edge-aware smoothness loss.
        estimate_with: ``ema`` estimates with averaged weights once the engine has promoted them (what flies);
            ``raw`` with those of the last step while lessons come, since they know the last moments best, and with the
            averaged ones where learning ends (what a car wants: the next picture is much like the last).
        tolerance: an estimate counts as right within this share of the inverse depth; ``confidence`` speaks of it.
        augment: variation of the lessons.
    """

    widths: tuple[int, int, int, int] = (16, 32, 48, 64)
    rho_max_per_m: float = 1.0 / 0.3
    from_mean: bool = False
    learning_rate: float = 1e-3
    learning_rate_warm: float = 1e-4
    clip_norm: float = 1.0
    ema: float = 0.99
    scale_invariant: float = 0.1
    smoothness: float = 1e-3
    estimate_with: Literal["ema", "raw"] = "ema"
    tolerance: float = 0.25
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.estimate_with not in ("ema", "raw"):
            raise BadInputError(f"estimate_with must be 'ema' or 'raw', got {self.estimate_with!r}")
        if not (self.rho_max_per_m > 0 and self.learning_rate > 0 and self.learning_rate_warm > 0):
            raise BadInputError(f"rho_max_per_m and learning rates must be above 0, got {self}")
        if not (0 <= self.ema < 1 and self.clip_norm > 0 and self.tolerance > 0):
            raise BadInputError(f"needs 0 <= ema < 1, clip_norm > 0 and tolerance > 0, got {self}")
