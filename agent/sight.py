"""What each cue sees ahead: estimates turned into obstacle scores, with the time at which they were true."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from selfcue.corridor import CorridorConfig, Intrinsics, Size, estimate_score, intrinsics_of
from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Estimate

_NS = 1_000_000_000


@dataclass(frozen=True)
class SightConfig:
    """How an estimate becomes a score.

    Attributes:
        corridor: what is in the way.
        student_pessimism: the student's score is taken of ``value + student_pessimism * b``, b the Laplace scale that
            belongs to its upper end (b = (upper - value) / ln 10). 0 takes the value as it is.
        scalar_pessimism: the same for a student that gives one number for the whole view.
        memory_s: how far back "the cue saw it" looks.
    """

    corridor: CorridorConfig = field(default_factory=CorridorConfig)
    student_pessimism: float = 1.0
    scalar_pessimism: float = 0.0
    memory_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("student_pessimism", "scalar_pessimism", "memory_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise BadInputError(f"sight setting {name} must be a finite number, 0 or more, got {value}")


class CueSight:
    """The scores of one cue: the newest, its time, and the largest of the last moments."""

    def __init__(self, config: SightConfig, pessimism: float = 0.0, scalar_pessimism: float = 0.0) -> None:
        self._config = config
        self._pessimism = pessimism
        self._scalar_pessimism = scalar_pessimism
        self._recent: list[tuple[int, float]] = []

    @property
    def score(self) -> float:
        """The newest obstacle score [1/m]; nothing seen yet counts as blocked."""
        return self._recent[-1][1] if self._recent else self._config.corridor.blind_score_per_m

    @property
    def stamp_ns(self) -> int | None:
        return self._recent[-1][0] if self._recent else None

    def fresh(self, now_ns: int, within_s: float) -> bool:
        """Whether the newest score is at most ``within_s`` old."""
        return bool(self._recent) and now_ns - self._recent[-1][0] <= within_s * _NS

    def largest(self, now_ns: int) -> float:
        """Return the largest score of the last ``memory_s``; 0 where there was none."""
        oldest = now_ns - self._config.memory_s * _NS
        return max((score for stamp, score in self._recent if stamp >= oldest), default=0.0)

    def take(self, estimate: Estimate, camera: tuple[Intrinsics, Size]) -> None:
        """Score ``estimate`` as seen by ``camera``.

        Raises:
            BadInputError: the estimate is not of inverse depth.
        """
        pessimism = self._scalar_pessimism if estimate.value.shape == (1,) else self._pessimism
        score = estimate_score(estimate, *camera, self._config.corridor, pessimism=pessimism)
        oldest = estimate.stamp_ns - self._config.memory_s * _NS
        self._recent = [entry for entry in self._recent if entry[0] >= oldest] + [(estimate.stamp_ns, score)]

    def state(self) -> dict[str, Any]:
        """Return the remembered scores, JSON-serialisable."""
        return {"recent": [list(entry) for entry in self._recent]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` gave."""
        self._recent = [(int(stamp), float(score)) for stamp, score in state["recent"]]


def camera_of(info: CameraInfo) -> tuple[Intrinsics, Size]:
    """Return what scoring needs to know of a camera."""
    return intrinsics_of(info), (info.width, info.height)
