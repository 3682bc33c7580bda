"""Settings of the texton student."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.texton_words import WordsConfig


@dataclass(frozen=True)
class TextonConfig:
    """Settings of the texton student.

    Attributes:
        target: ``corridor``: the teacher's obstacle score in the corridor; ``mean``: its mean inverse depth over the
            view (the paper's mean disparity).
        neighbours: pictures that an estimate is the mean of (k).
        capacity: pictures that are remembered.
        most_per_m: targets above this count as this [1/m]; a blocked view has no distance.
        least_scale_per_m: smallest Laplace scale [1/m] that is claimed.
        tolerance: as for the dense student.
        words: the dictionary.
    """

    target: Literal["corridor", "mean"] = "corridor"
    neighbours: int = 5
    capacity: int = 2000
    most_per_m: float = 1.0 / 0.3
    least_scale_per_m: float = 0.02
    tolerance: float = 0.25
    words: WordsConfig = field(default_factory=WordsConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.neighbours <= self.capacity or self.most_per_m <= 0 or self.least_scale_per_m <= 0:
            raise BadInputError(
                f"texton student needs 1 <= neighbours <= capacity, most_per_m and least_scale_per_m > 0, got {self}"
            )
