"""Who flew, and how well: figures of a flight by state of the agent, one message after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STATES = ("STEREO", "MONO_TW", "MONO_ONLY", "HOLD", "LAND")
CELL_M = 0.25


@dataclass
class Phase:
    """What is summed up while the agent is in one state.

    Attributes:
        seconds, metres: flown.
        collisions, overrides, misses: counted from the journal.
        cells: ground cells of 0.25 m that the body's centre has been in.
        student_error, stereo_error: mean relative depth error of each compared picture.
        scores, near: the student's obstacle score [1/m] and whether something was in the way, of each compared moment.
    """

    seconds: float = 0.0
    metres: float = 0.0
    collisions: int = 0
    overrides: int = 0
    misses: int = 0
    cells: set[tuple[int, int]] = field(default_factory=set)
    student_error: list[float] = field(default_factory=list)
    stereo_error: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    near: list[bool] = field(default_factory=list)

    def per_minute(self, amount: float) -> float:
        """Return ``amount`` per minute of this phase (NaN for an empty one)."""
        return amount / (self.seconds / 60) if self.seconds > 0 else math.nan

    def figures(self) -> dict[str, Any]:
        """Return the figures of the table; what was not measured is NaN."""
        return {
            "seconds": round(self.seconds, 3),
            "metres": round(self.metres, 3),
            "metres_per_min": self.per_minute(self.metres),
            "collisions": self.collisions,
            "collisions_per_min": self.per_minute(self.collisions),
            "overrides": self.overrides,
            "overrides_per_min": self.per_minute(self.overrides),
            "misses": self.misses,
            "abs_rel_student": mean(self.student_error),
            "abs_rel_stereo": mean(self.stereo_error),
            "pictures_compared": len(self.student_error),
            "obstacle_auc": area_under_curve(self.scores, self.near),
            "obstacle_moments": len(self.near),
            "obstacle_positives": sum(self.near),
            "cells": len(self.cells),
        }


def mean(values: list[float]) -> float:
    """Return the mean; NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def area_under_curve(scores: list[float], positive: list[bool]) -> float:
    """Return the area under the ROC curve: the chance that a positive scores higher than a negative, ties half.

    NaN where one of the two kinds is missing.
    """
    flags = np.asarray(positive, dtype=bool)
    n_positive, n_negative = int(flags.sum()), int((~flags).sum())
    if n_positive == 0 or n_negative == 0:
        return math.nan
    values = np.asarray(scores, dtype=np.float64)
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]  # mean rank of each group of equal scores
    return float((ranks[flags].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
