"""GOOD, USABLE or BAD: what was measured against what is wanted, and what to do where it falls short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from selfcue.sensors.calibrate.coverage import Coverage
from selfcue.sensors.calibrate.solve import LensSolution

GOOD, USABLE, BAD = "GOOD", "USABLE", "BAD"
_ORDER = (GOOD, USABLE, BAD)


@dataclass(frozen=True)
class Check:
    """One measured value and its limits.

    Attributes:
        name: what it is, with its unit.
        value: NaN where it could not be measured, which counts as USABLE.
        good, usable: limits.
        mend: what to do where it is not GOOD.
        above: the value must lie above its limits, not below.
    """

    name: str
    value: float
    good: float
    usable: float
    mend: str
    above: bool = False

    @property
    def level(self) -> str:
        if math.isnan(self.value):
            return USABLE
        sign = -1.0 if self.above else 1.0
        if sign * self.value <= sign * self.good:
            return GOOD
        return USABLE if sign * self.value <= sign * self.usable else BAD

    def as_dict(self) -> dict[str, Any]:
        value = self.value if math.isfinite(self.value) else None
        return {**asdict(self), "value": value, "level": self.level}


@dataclass(frozen=True)
class Verdict:
    """All checks; the worst of them decides."""

    checks: tuple[Check, ...]

    @property
    def level(self) -> str:
        return max((check.level for check in self.checks), key=_ORDER.index)

    def as_dict(self) -> dict[str, Any]:
        return {"level": self.level, "checks": [check.as_dict() for check in self.checks]}

    def mends(self) -> list[str]:
        """Return what to do, the worst first."""
        wanting = sorted((one for one in self.checks if one.level != GOOD), key=lambda one: -_ORDER.index(one.level))
        return [f"{check.level}: {check.name} is {_text(check)}; {check.mend}" for check in wanting]


def judge_lens(solution: LensSolution, covered: Coverage, *, side: str = "") -> tuple[Check, ...]:
    """Return the checks of one camera; ``side`` (left, right) stands before their names."""
    lens = solution.lens
    before = f"{side} " if side else ""
    finer = max(1.0, lens.width / 1280.0)  # the blur of a lens covers more pixels of a larger picture
    error = solution.rms_px
    count, left_out = len(solution.views), len(solution.rejected)
    tilts = sorted(solution.tilts_deg)
    tilted = tilts[(3 * len(tilts)) // 4]
    return (
        Check(f"{before}reprojection error [px]", error, 0.5 * finer, 1.0 * finer,
              "is the board flat, its description right, the camera's focus fixed? hold still while it looks"),
        Check(f"{before}error on held-out views [px]", solution.held_out_rms_px, 1.3 * error + 0.1, 2 * error + 0.2,
              "take more views: these do not tell enough about the lens for the next one"),
        Check(f"{before}views", count, 12, 6, "take more views", above=True),
        Check(f"{before}views left out as wrong [share]", left_out / (count + left_out), 0.15, 0.4,
              "look at the views that were left out: motion, glare, a bent board?"),
        Check(f"{before}picture covered [share]", covered.share, 0.75, 0.5,
              f"bring the board to the {covered.empty_side()} too; it may stick out of the picture", above=True),
        Check(f"{before}reach towards the corners [share]", covered.reach, 0.65, 0.45,
              "bring the board into the picture's corners: distortion is learned there", above=True),
        Check(f"{before}tilt of a quarter of the views [deg]", tilted, 20.0, 10.0,
              "tilt the board by 30 to 45 degrees, to each side: focal length is learned from it", above=True),
        Check(f"{before}focal length uncertain by [%]", 100 * float(solution.std[0]) / lens.fx, 0.3, 1.0,
              "take more tilted views, near enough that the board fills a third of the picture"),
        Check(f"{before}centre uncertain by [% of the width]", 100 * float(max(solution.std[2:4])) / lens.width, 0.25,
              1.0, "take more views, tilted to all sides and in all corners"),
    )  # fmt: skip


def worst(levels: Sequence[str]) -> str:
    """Return the worst of some levels."""
    return max(levels, key=_ORDER.index)


def _text(check: Check) -> str:
    if math.isnan(check.value):
        return "not known"
    return f"{check.value:.3g} (good: {'from' if check.above else 'up to'} {check.good:.3g})"
