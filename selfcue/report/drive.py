"""The report of a recorded drive: student, teacher and priors against LiDAR, block by block and on the last stretch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import Estimate, Image, Message
from selfcue.report.panel import PanelRow, draw_panel
from selfcue.report.style import PIXEL_MEAN, ROW_MEAN, STUDENT, TEACHER, draw
from selfcue.report.write import table, write_json

FOLDER = "report"
CUES = {
    "student": ("student (one camera)", STUDENT),
    "teacher": ("teacher (stereo)", TEACHER),
    "row_mean": ("row mean of the teacher", ROW_MEAN),
    "pixel_mean": ("per-pixel mean of the teacher", PIXEL_MEAN),
}
TOPICS = ("stereo/left/image", "depth/trusted", "depth/student", "lidar/depth")
FAR_M = 40.0
_MOMENTS = 3


@dataclass
class DriveReport:
    """Figures and files of one drive.

    Attributes:
        scores: what the scorer wrote: ``stretches`` and ``blocks``.
        run: launch file and arguments.
        folder: where pictures and ``report.json`` are.
        pictures: file names in ``folder``.
        notes: what the reader should know.
    """

    scores: dict[str, Any]
    run: dict[str, Any]
    folder: Path
    pictures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values; what was not measured is None."""
        kept = {name: self.scores[name] for name in ("pictures", "prior_frames", "stretches", "blocks")}
        return {"kind": "drive", "run": self.run, **kept, "images": self.pictures, "notes": self.notes}

    def print(self) -> None:
        """Print the blocks, then the stretches, then where the pictures are."""
        columns = ("frames", "LiDAR\nframes", *(f"AbsRel\n{name.replace('_', ' ')}" for name in CUES))
        rows = [
            (f"{block['first_frame']} on", str(block["frames"]), *(_figure(block[f"{cue}_abs_rel"], 3) for cue in CUES))
            for block in self.scores["blocks"]
        ]
        table("Block by block: predict, score, then learn", columns, rows)
        columns = (
            "stretch",
            "LiDAR\nframes",
            "cue",
            "AbsRel",
            "95 % interval",
            "RMSE [m]",
            "δ1",
            "student is below by",
        )
        rows = [row for name, stretch in self.scores["stretches"].items() for row in _stretch_rows(name, stretch)]
        footer = ["against LiDAR nearer than 80 m; intervals by block bootstrap"]
        footer.append(f"report: {self.folder}/  ({', '.join(self.pictures) or 'no pictures'})")
        table("Stretches", columns, rows, [*footer, *self.notes])


def report_run(run_dir: Path) -> DriveReport:
    """Make the report of the run in ``run_dir`` from its scores and its log.

    Raises:
        BadInputError: there is no run, or its scorer wrote no scores.
    """
    from selfcue.record.run_log import RunLog
    from selfcue.system import System

    system = System.read(run_dir)
    found = sorted(run_dir.glob("*/score.json"))
    if not found:
        raise BadInputError(f"{run_dir}: holds no scores (*/score.json); was the drive scored to its end?")
    scores = json.loads(found[0].read_text())
    report = DriveReport(scores, {"launch": system.name, **system.arguments}, run_dir / FOLDER)
    if not any(stretch["frames"] for stretch in scores["stretches"].values()):
        report.notes.append("no LiDAR in the frames that were played: nothing was scored")
    try:
        if scores["blocks"]:
            report.pictures.append(draw_blocks(scores, report.folder / "learning_curve.png").name)
        with RunLog(run_dir) as log:
            known = log.topics()
            entries = log.messages([topic for topic in TOPICS if topic in known], on_damage="skip")
            rows = telling_rows((entry.topic, entry.message) for entry in entries)
        if rows:
            names = ("teacher (stereo)", "student (one camera)", "LiDAR")
            path = report.folder / "depth.png"
            report.pictures.append(draw_panel(rows, names, path, title="What each cue saw", far_m=FAR_M).name)
    except MissingDependencyError as error:
        report.notes.append(f"no pictures: {error}")
    write_json(report.folder / "report.json", report.as_dict())
    return report


def telling_rows(messages: Iterable[tuple[str, Message]]) -> list[PanelRow]:
    """Return the first, the middle and the last moment at which all four topics spoke."""
    open_moments: dict[int, dict[str, Message]] = {}
    whole: list[PanelRow] = []
    start_ns: int | None = None
    for topic, message in messages:
        start_ns = message.stamp_ns if start_ns is None else start_ns
        moment = open_moments.setdefault(message.stamp_ns, {})
        moment[topic] = message
        if len(moment) == len(TOPICS):
            whole.append(_row(open_moments.pop(message.stamp_ns), (message.stamp_ns - start_ns) * 1e-9))
        for old in [stamp for stamp in open_moments if stamp < message.stamp_ns - 2_000_000_000]:
            del open_moments[old]
    chosen = sorted({0, len(whole) // 2, len(whole) - 1}) if whole else []
    return [whole[i] for i in chosen[:_MOMENTS]]


def _row(moment: Mapping[str, Message], t_s: float) -> PanelRow:
    image, truth = cast(Image, moment["stereo/left/image"]), cast(Image, moment["lidar/depth"])
    teacher, student = cast(Estimate, moment["depth/trusted"]), cast(Estimate, moment["depth/student"])
    student_m = _metres(student) if student.value.ndim == 2 else None
    return PanelRow(f"t = {t_s:.0f} s", image.data, (_metres(teacher), student_m, _thick(truth.data)))


def _metres(estimate: Estimate) -> npt.NDArray[np.float32]:
    usable = estimate.valid & (estimate.value > 1e-3)
    return np.where(usable, 1.0 / np.where(usable, estimate.value, 1.0), np.nan).astype(np.float32)


def _thick(depth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a sparse depth picture with each point as a dot of 3 x 3 pixels, the nearer on top: points are too small to see."""
    far = np.where(np.isfinite(depth), depth, np.inf)
    padded = np.pad(far, 1, constant_values=np.inf)
    height, width = depth.shape
    near = np.min([padded[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)
    return np.where(np.isfinite(near), near, np.nan).astype(np.float32)


def draw_blocks(scores: Mapping[str, Any], path: Path) -> Path:
    """Draw AbsRel of each cue block by block, with the stretch that was never learned from shaded."""
    return draw(path, 8.0, 3.8, lambda figure: _paint_blocks(figure.subplots(), scores))


def _paint_blocks(axes: Any, scores: Mapping[str, Any]) -> None:
    blocks = scores["blocks"]
    frames = [block["first_frame"] for block in blocks]
    for cue, (word, colour) in CUES.items():
        values = np.array([np.nan if b[f"{cue}_abs_rel"] is None else b[f"{cue}_abs_rel"] for b in blocks])
        axes.plot(frames, values, "o-", ms=4, lw=1.8, color=colour, label=word)
    frozen = scores["stretches"].get("frozen")
    if frozen and frozen["frames"]:
        axes.axvspan(frozen["first_frame"], scores["pictures"], color="#000000", alpha=0.06, lw=0)
        axes.text(frozen["first_frame"], axes.get_ylim()[1], " never learned from", va="top", fontsize=8.5)
    axes.set(title="Predict, score against LiDAR, then learn", xlabel="frame", ylabel="AbsRel of the block")
    axes.set_ylim(0, None)
    axes.legend(ncols=2)


def _stretch_rows(name: str, stretch: Mapping[str, Any]) -> list[tuple[str, ...]]:
    last = stretch["last_frame"]
    where = f"{name.replace('_', ' ')}\n{stretch['first_frame']} to {'the end' if last is None else last}"
    rows: list[tuple[str, ...]] = []
    for i, cue in enumerate(CUES):
        one = stretch[cue]
        low, high = one["abs_rel_95"]
        below = stretch.get(f"below_{cue}")
        rows.append((
            where if i == 0 else "", str(one["frames"]), cue.replace("_", " "), _figure(one["abs_rel"], 3),
            f"{_figure(low, 3)} to {_figure(high, 3)}", _figure(one["rmse_m"], 2), _figure(one["delta1"], 3),
            f"{below['value']:.0%}" if below else "",
        ))  # fmt: skip
    return rows


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
