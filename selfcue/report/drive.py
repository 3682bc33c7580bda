"""The report of a real drive: student, teacher and two priors against LiDAR, block by block."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.report.drive_pictures import draw_curve, draw_drive_panel
from selfcue.report.flight import FOLDER
from selfcue.report.write import finite, table, write_json

SCORE_FILE = "score.json"
CUES = ("student", "teacher", "row_mean", "pixel_mean")
WORDS = {"student": "student", "teacher": "teacher", "row_mean": "row mean", "pixel_mean": "per-pixel mean"}
STRETCHES = {"predict_before_learn": "predict, then learn", "frozen": "never learned from"}


@dataclass
class DriveReport:
    """Scores and files of one drive.

    Attributes:
        score: as the scorer wrote it: ``stretches`` by name and ``blocks``, each with figures by cue.
        run: what the run was: launch file and arguments.
        folder: where pictures and ``report.json`` are.
        pictures: file names in ``folder``.
        notes: what the reader should know.
    """

    score: Mapping[str, Any]
    run: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    pictures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values; what was not measured is None."""
        kept = {name: value for name, value in self.score.items() if name != "rows"}
        return dict(finite({"kind": "drive", "run": self.run, **kept, "pictures": self.pictures, "notes": self.notes}))

    def print(self) -> None:
        """Print the stretches, the blocks, where the pictures are, and the notes."""
        for name, stretch in self.score["stretches"].items():
            self._print_stretch(STRETCHES.get(name, name), stretch)
        columns = (
            "pictures",
            "LiDAR\nframes",
            *(f"AbsRel\n{WORDS[cue]}" for cue in CUES),
            "RMSE\nstudent",
            "δ1\nstudent",
        )
        rows = [
            (
                f"from {block['first_frame']}",
                str(block["frames"]),
                *(number(block.get(f"{cue}_abs_rel"), 3) for cue in CUES),
                number(block.get("student_rmse_m"), 2, " m"),
                number(block.get("student_delta1"), 3),
            )
            for block in self.score["blocks"]
        ]
        table("Block by block", columns, rows, self._footer())

    def _print_stretch(self, name: str, stretch: Mapping[str, Any]) -> None:
        last = stretch.get("last_frame")
        span = f"pictures {stretch['first_frame']} to {'the end' if last is None else last}"
        columns = ("cue", "AbsRel", "95 % interval", "RMSE", "δ1", "LiDAR frames")
        rows = [
            (
                WORDS[cue],
                number(stretch[cue]["abs_rel"], 3),
                interval(stretch[cue].get("abs_rel_95"), 3),
                number(stretch[cue]["rmse_m"], 2, " m"),
                number(stretch[cue]["delta1"], 3),
                str(stretch[cue]["frames"]),
            )
            for cue in CUES
        ]
        footer = [self._below(prior, stretch[f"below_{prior}"]) for prior in ("row_mean", "pixel_mean")]
        table(f"{name[:1].upper()}{name[1:]}: {span}", columns, rows, [line for line in footer if line])

    @staticmethod
    def _below(prior: str, below: Mapping[str, Any] | None) -> str:
        if not below or below.get("value") is None:
            return ""
        ends = below.get("interval_95") or (None, None)
        known = None not in ends
        span = f" (95 % interval {ends[0]:.0%} to {ends[1]:.0%})" if known else ""
        return (
            f"student's AbsRel below the {WORDS[prior]}'s by {below['value']:.0%}{span}, {below['frames']} LiDAR frames"
        )

    def _footer(self) -> list[str]:
        where = (
            [] if self.folder is None else [f"report: {self.folder}/  ({', '.join(self.pictures) or 'no pictures'})"]
        )
        return [*where, *self.notes]


def number(value: float | None, digits: int, unit: str = "") -> str:
    """Return ``value`` for a table; a dash where it was not measured."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}{unit}"


def interval(ends: Any, digits: int) -> str:
    """Return an interval for a table; a dash where it is not known."""
    if not ends or None in ends:
        return "-"
    return f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}"


def make_report(
    score: Mapping[str, Any], folder: Path, run: Mapping[str, Any] | None = None, panel: Any = ()
) -> DriveReport:
    """Write pictures and ``report.json`` of ``score`` to ``folder``.

    Args:
        score: what the scorer wrote: ``stretches``, ``blocks`` and ``rows``.
        panel: ``PanelRow``s (picture; teacher's, student's and LiDAR's depth) for the picture side by side.

    Raises:
        BadInputError: ``score`` has no stretches or blocks.
    """
    for name in ("stretches", "blocks"):
        if name not in score:
            raise BadInputError(f"the score of a drive has no {name!r}; it was not written by the depth scorer")
    report = DriveReport(score, dict(run or {}), folder)
    try:
        if score.get("rows"):
            report.pictures.append(draw_curve(score, folder / "curve.png").name)
        rows = list(panel)
        if rows:
            report.pictures.append(draw_drive_panel(rows, folder / "depth.png").name)
    except MissingDependencyError as error:
        report.notes.append(f"no pictures: {error}")
    write_json(folder / "report.json", report.as_dict())
    return report


def report_run(run_dir: Path) -> DriveReport:
    """Make the report of the drive in ``run_dir`` from the scorer's file, and its pictures from the log.

    Raises:
        BadInputError: there is no run, no score, or it cannot be read.
    """
    from selfcue.report.drive_moments import read_moments
    from selfcue.system import System

    system = System.read(run_dir)
    found = sorted(run_dir.glob(f"*/{SCORE_FILE}"))
    if not found:
        raise BadInputError(f"{run_dir}: no {SCORE_FILE} in it; the scorer did not finish")
    try:
        score = json.loads(found[0].read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInputError(f"{found[0]}: not JSON ({error})") from error
    rows, notes = read_moments(run_dir)
    report = make_report(score, run_dir / FOLDER, {"launch": system.name, **system.arguments}, rows)
    report.notes += notes
    return report
