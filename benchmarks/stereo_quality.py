"""Stereo's disparity against truth: bad pixels, density, what confidence is worth (Middlebury); depth against LiDAR."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.benchmarks.stereo_data import DEVELOPMENT, SCORED, TruePair, data_folder, drive, middlebury
from selfcue.learners.online.depth.score import block_bootstrap
from selfcue.report.phases import area_under_curve
from selfcue.sensors.stereo.matcher import StereoMatcher
from selfcue.sensors.stereo.matcher_config import MatcherConfig

ARRANGEMENTS = {
    "sgbm (default)": MatcherConfig(),
    "sgbm, logistic confidence": MatcherConfig(confidence="logistic"),
    "bm": MatcherConfig(algorithm="bm"),
}
AUC_GOAL, ERROR_GOAL, COVERAGE_GOAL = 0.85, 0.055, 0.8
_HISTORY = (
    "settings are chosen on development pairs and frames; those of sgbm were once chosen on all three Middlebury pairs "
    "and frames before 240, the logistic rule on cones and those frames alone"
)
_BLOCK_FRAMES = 20  # two seconds: neighbouring frames see the same street


@dataclass(frozen=True)
class Scored:
    """What the matcher made of one pair, at the pixels whose truth is known; all (N,).

    Attributes:
        true, found, unchecked: disparities [px]; ``found`` is NaN where the matcher says nothing.
        confidence: 0 where it says nothing.
        right: ``unchecked`` is within the tolerance.
        wall_s: time of the match.
    """

    true: npt.NDArray[np.float32]
    found: npt.NDArray[np.float32]
    unchecked: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    right: npt.NDArray[np.bool_]
    wall_s: float

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.found)

    @property
    def relative_error(self) -> npt.NDArray[np.float64]:
        """Of the depth, where there is one."""
        valid = self.valid
        error: npt.NDArray[np.float64] = np.abs(self.true[valid] / self.found[valid].astype(np.float64) - 1.0)
        return error


def measure(work: Path, *, quick: bool) -> BenchResult:
    """Match all pairs that are at hand in each arrangement and judge the default one. ``quick``: fewer frames."""
    del work  # nothing is kept
    rows: list[dict[str, Any]] = []
    claims: list[Claim] = []
    notes = [_HISTORY]
    pictures, street = data_folder("middlebury_pairs"), data_folder("kitti_raw_stereo_lidar")
    if pictures is None or street is None:
        notes.append("no pairs with truth: set SELFCUE_DATA to a folder with middlebury_pairs, kitti_raw_stereo_lidar")
    for name, config in ARRANGEMENTS.items():
        judged = name == next(iter(ARRANGEMENTS))
        if pictures is not None:
            pairs = [(pair, score(pair, config)) for pair in middlebury(pictures)]
            rows += [_middlebury_row(name, pair, found) for pair, found in pairs]
            claims += _middlebury_claims(pairs) if judged else []
        if street is not None:
            frames = [(pair, score(pair, config)) for pair in drive(street, every=4 if quick else 1)]
            rows += [_drive_row(name, part, frames) for part in (DEVELOPMENT, SCORED)]
            claims += _drive_claims(frames) if judged else []
    return BenchResult("stereo-quality", quick, rows, claims, notes)


def score(pair: TruePair, config: MatcherConfig) -> Scored:
    """Return what the matcher makes of ``pair``."""
    matcher = StereoMatcher(pair.left.shape[1], pair.left.shape[0], config)
    begun_s = time.perf_counter()
    match = matcher.match(pair.left, pair.right)
    wall_s = time.perf_counter() - begun_s
    known = np.isfinite(pair.disparity)
    unchecked = matcher.look(pair.left, pair.right).found[known]
    right = np.abs(unchecked - pair.disparity[known]) <= pair.tolerance[known]
    return Scored(pair.disparity[known], match.disparity[known], unchecked, match.confidence[known], right, wall_s)


def auc(found: Sequence[Scored], *, kept: bool = False) -> float:
    """Return how well confidence tells right disparities from wrong ones: over all pixels, or over ``kept`` ones."""
    confidence = np.concatenate([one.confidence[one.valid] if kept else one.confidence for one in found])
    right = np.concatenate([one.right[one.valid] if kept else one.right for one in found])
    return area_under_curve(confidence, right)  # type: ignore[arg-type]  # arrays serve as lists


def _middlebury_row(name: str, pair: TruePair, found: Scored) -> dict[str, Any]:
    bad = np.abs(found.found - found.true)[found.valid] > 2.0
    return {
        "matcher": name,
        "data": pair.name,
        "part": pair.part,
        "bad-2.0 after check": float(bad.mean()),
        "bad-2.0 before": float((~found.right).mean()),
        "density": float(found.valid.mean()),
        "AUC": auc([found]),
        "AUC after check": auc([found], kept=True),
        "ms": 1e3 * found.wall_s,
    }


def _middlebury_claims(pairs: Sequence[tuple[TruePair, Scored]]) -> list[Claim]:
    values = {pair.name: auc([found]) for pair, found in pairs}
    worst = min(values[pair.name] for pair, _ in pairs if pair.part == SCORED)
    told = ", ".join(f"{pair.name} {values[pair.name]:.3f} ({pair.part})" for pair, _ in pairs)
    how = f"pixels with truth, confidence 0 where refused, right up to 2 px; the worst scored pair; {told}"
    return [Claim("middlebury auc", "the confidence tells right from wrong on Middlebury pairs", f">= {AUC_GOAL}",
                  worst, worst >= AUC_GOAL, how)]  # fmt: skip


def _of(part: str, frames: Sequence[tuple[TruePair, Scored]]) -> list[Scored]:
    return [found for pair, found in frames if pair.part == part]


def _error(found: Sequence[Scored]) -> float:
    return float(np.concatenate([one.relative_error for one in found]).mean()) if found else math.nan


def _coverage(found: Sequence[Scored]) -> float:
    return float(np.concatenate([one.valid for one in found]).mean()) if found else math.nan


def _interval(part: str, frames: Sequence[tuple[TruePair, Scored]]) -> tuple[float, float]:
    """Return the 95 % block-bootstrap interval of the mean relative error."""
    each = [(float(found.relative_error.mean()), int(pair.name) // _BLOCK_FRAMES)
            for pair, found in frames if pair.part == part]  # fmt: skip
    return block_bootstrap(np.array([error for error, _ in each]), [block for _, block in each])


def _drive_row(name: str, part: str, frames: Sequence[tuple[TruePair, Scored]]) -> dict[str, Any]:
    found = _of(part, frames)
    errors = np.concatenate([one.relative_error for one in found])
    low, high = _interval(part, frames)
    return {
        "matcher": name,
        "data": "drive",
        "part": part,
        "LiDAR frames": len(found),
        "coverage": _coverage(found),
        "mean relative error": _error(found),
        "95 %": f"{low:.3f} to {high:.3f}",
        "median": float(np.median(errors)),
        "AUC": auc(found),
        "AUC after check": auc(found, kept=True),
        "ms": 1e3 * float(np.median([one.wall_s for one in found])),
    }


def _drive_claims(frames: Sequence[tuple[TruePair, Scored]]) -> list[Claim]:
    claims = []
    scored, others = _of(SCORED, frames), _of(DEVELOPMENT, frames)
    low, high = _interval(SCORED, frames)
    how = (
        f"{len(scored)} LiDAR frames from 240 on, points nearer than 80 m; development frames: {_error(others):.3f} at "
        f"coverage {_coverage(others):.3f}"
    )
    error, covered = _error(scored), _coverage(scored)
    claims.append(Claim("kitti error", "mean relative error of stereo depth against LiDAR", f"<= {ERROR_GOAL}", error,
                        error <= ERROR_GOAL, f"{how}; 95 % block bootstrap {low:.3f} to {high:.3f}"))  # fmt: skip
    claims.append(Claim("kitti coverage", "share of the LiDAR's points that stereo has depth for",
                        f">= {COVERAGE_GOAL}", covered, covered >= COVERAGE_GOAL, how))  # fmt: skip
    return claims
