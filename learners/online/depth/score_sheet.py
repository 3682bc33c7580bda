"""The score sheet of a drive: one row per frame with truth, summed up by stretch and by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from selfcue.learners.online.depth.score import DepthScore, block_bootstrap

Cue = Literal["student", "teacher", "row_mean", "pixel_mean"]
CUES: tuple[Cue, ...] = ("student", "teacher", "row_mean", "pixel_mean")
FIGURES = ("abs_rel", "rmse_m", "delta1")


@dataclass(frozen=True)
class Row:
    """The figures of one frame: its index in the drive, its stamp, and each cue's score where it had one."""

    frame: int
    stamp_ns: int
    scores: dict[str, DepthScore]


class ScoreSheet:
    """Rows, and what they come to.

    Args:
        block_frames: frames per block.
        seed: of the bootstrap.
    """

    def __init__(self, *, block_frames: int, seed: int) -> None:
        self.rows: list[Row] = []
        self._block_frames, self._seed = block_frames, seed

    def block_of(self, frame: int) -> int:
        return frame // self._block_frames

    def summary(self, first: int, last: int | None) -> dict[str, Any]:
        """Return the figures of the frames from ``first`` to ``last`` (None: the end), both included.

        Means over frames with 95 % block-bootstrap intervals for each cue; for the student also how far its AbsRel lies
        below each prior's (``below_row_mean`` 0.3: 30 % below), over the frames that have both.
        """
        rows = [row for row in self.rows if row.frame >= first and (last is None or row.frame <= last)]
        result: dict[str, Any] = {"frames": len(rows), "first_frame": first, "last_frame": last}
        for cue in CUES:
            result[cue] = self._cue(rows, cue)
        for prior in ("row_mean", "pixel_mean"):
            result[f"below_{prior}"] = self._below(rows, prior)
        return result

    def blocks(self) -> list[dict[str, Any]]:
        """Return one row per block that has truth: mean figures by cue."""
        found = sorted({self.block_of(row.frame) for row in self.rows})
        return [self.block(block) for block in found]

    def block(self, block: int) -> dict[str, Any]:
        rows = [row for row in self.rows if self.block_of(row.frame) == block]
        result: dict[str, Any] = {"block": block, "first_frame": block * self._block_frames, "frames": len(rows)}
        for cue in CUES:
            scores = [row.scores[cue] for row in rows if cue in row.scores]
            for figure in FIGURES:
                values = [getattr(score, figure) for score in scores]
                result[f"{cue}_{figure}"] = float(np.mean(values)) if values else None
        return result

    def _cue(self, rows: Sequence[Row], cue: Cue) -> dict[str, Any]:
        mine = [row for row in rows if cue in row.scores]
        blocks = [self.block_of(row.frame) for row in mine]
        result: dict[str, Any] = {
            "frames": len(mine),
            "pixels": sum(row.scores[cue].pixels for row in mine),
            "coverage": _mean([row.scores[cue].coverage for row in mine]),
        }
        for figure in FIGURES:
            values = np.array([getattr(row.scores[cue], figure) for row in mine])
            interval = block_bootstrap(values, blocks, seed=self._seed) if mine else (math.nan, math.nan)
            result[figure] = _mean(values.tolist())
            result[f"{figure}_95"] = [None if math.isnan(end) else end for end in interval]
        return result

    def _below(self, rows: Sequence[Row], prior: str) -> dict[str, Any] | None:
        mine = [row for row in rows if "student" in row.scores and prior in row.scores]
        if not mine:
            return None
        pairs = np.array([[row.scores["student"].abs_rel, row.scores[prior].abs_rel] for row in mine])
        interval = block_bootstrap(pairs, [self.block_of(row.frame) for row in mine], seed=self._seed)
        value = 1.0 - float(pairs[:, 0].mean() / pairs[:, 1].mean())
        return {
            "value": value,
            "interval_95": [None if math.isnan(end) else end for end in interval],
            "frames": len(mine),
        }

    def dump(self) -> list[dict[str, Any]]:
        """Return all rows as JSON."""
        return [
            {"frame": row.frame, "stamp_ns": row.stamp_ns, "scores": {cue: asdict(x) for cue, x in row.scores.items()}}
            for row in self.rows
        ]

    def fill(self, rows: list[dict[str, Any]]) -> None:
        """Take the rows that ``dump`` gave."""
        self.rows = [
            Row(row["frame"], row["stamp_ns"], {cue: DepthScore(**score) for cue, score in row["scores"].items()})
            for row in rows
        ]


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
