"""Pictures of a real drive: error over the drive, and what each cue saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfcue.report.panel import PanelRow, draw_panel
from selfcue.report.style import PIXEL_MEAN, ROW_MEAN, STUDENT, TEACHER, draw

_CUES = (
    ("row_mean", "row mean", ROW_MEAN),
    ("pixel_mean", "per-pixel mean", PIXEL_MEAN),
    ("teacher", "teacher (stereo)", TEACHER),
    ("student", "student (one camera)", STUDENT),
)


def draw_curve(score: Mapping[str, Any], path: Path) -> Path:
    """Draw each cue's AbsRel against LiDAR over the drive to ``path`` (PNG)."""
    return draw(path, 9.0, 4.6, lambda figure: _paint(figure, score))


def _paint(figure: Any, score: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    axes.set(title="Depth error over the drive", xlabel="picture", ylabel="AbsRel against LiDAR")
    rows, top = score["rows"], 0.1
    for cue, word, colour in _CUES:
        points = [(row["frame"], row["scores"][cue]["abs_rel"]) for row in rows if cue in row["scores"]]
        if not points:
            continue
        frames, errors = zip(*points, strict=True)
        width = 2.2 if cue == "student" else 1.4
        axes.plot(frames, errors, "o-", color=colour, ms=3.5, lw=width, label=word)
        top = max(top, sorted(errors)[int(0.97 * (len(errors) - 1))])
    axes.set_ylim(0, top * 1.2)
    frozen = score["stretches"].get("frozen")
    last = rows[-1]["frame"]
    if frozen and frozen["first_frame"] <= last:
        axes.axvspan(frozen["first_frame"], last + 1, color="#009e73", alpha=0.10, lw=0, label="never learned from")
        axes.axvline(frozen["first_frame"], color="#009e73", ls="--", lw=1.2)
    axes.set_xlim(rows[0]["frame"] - 1, last + 1)
    figure.legend(loc="outside lower center", ncols=5)


def draw_drive_panel(rows: Sequence[PanelRow], path: Path) -> Path:
    """Draw pictures with teacher's, student's and LiDAR's depth side by side to ``path`` (PNG)."""
    names = ("teacher (stereo)", "student (one camera)", "LiDAR")
    return draw_panel(rows, names, path, title="What each cue saw", far_m=40.0)
