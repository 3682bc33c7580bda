"""The depth pair over many logs: learning on each, or one student, frozen, on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from selfcue import launcher
from selfcue.learners.fleet.job import file_digest
from selfcue.learners.fleet.task import Figure, Findings
from selfcue.learners.online.depth.drive_run import DriveRun
from selfcue.messages import LearnerStatus
from selfcue.record.run_log import RunLog
from selfcue.report.drive import DriveReport

COLUMNS = ("abs_rel", "row_mean_abs_rel", "teacher_abs_rel", "vs_stereo_abs_rel")
CURVE = ("abs_rel", "picture", "AbsRel against LiDAR")
_STEREO = "vs_stereo_abs_rel"
_MOST_POINTS = 60


@dataclass(frozen=True)
class LearnDepthSettings:
    """How each log is learned from.

    Attributes:
        seed: of weights and of the draw of lessons.
        student: ``dense`` or ``textons``.
        steps: training steps per frame.
        learn_share: share of the frames that is learned from; the rest is only scored.
        init: weights to start from; empty: from scratch.
    """

    seed: int = 0
    student: str = "dense"
    steps: float = 1.0
    learn_share: float = 0.8
    init: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.learn_share <= 1:
            raise ValueError(f"learn_share {self.learn_share} must be above 0 and at most 1")


class LearnDepth:
    """As ``selfcue learn depth LOG``: the same nodes, the same weights to the bit."""

    name = "learn-depth"
    Settings = LearnDepthSettings
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    curve: ClassVar[tuple[str, str, str]] = CURVE
    better = "lower"

    def run(self, log: Path, settings: LearnDepthSettings, work_dir: Path) -> Findings:
        drive = DriveRun(
            seed=settings.seed,
            student=settings.student,
            steps=settings.steps,
            learn_share=settings.learn_share,
            init=settings.init,
        )
        return run_drive(drive, log, work_dir)


@dataclass(frozen=True)
class EvaluateDepthSettings:
    """Who is evaluated: ``checkpoint``, a file of weights, and its kind of ``student``."""

    checkpoint: str
    student: str = "dense"


class EvaluateDepth:
    """A student as it is, on every frame of each log: nothing is learned."""

    name = "evaluate-depth"
    Settings = EvaluateDepthSettings
    columns: ClassVar[tuple[str, ...]] = ("abs_rel", "teacher_abs_rel", "delta1", "rmse_m")
    curve: ClassVar[tuple[str, str, str]] = CURVE
    better = "lower"

    def run(self, log: Path, settings: EvaluateDepthSettings, work_dir: Path) -> Findings:
        drive = DriveRun(student=settings.student, learn_share=0.0, init=settings.checkpoint)
        return run_drive(drive, log, work_dir)


def run_drive(drive: DriveRun, log: Path, work_dir: Path) -> Findings:
    """Run one drive in ``work_dir/run`` and return what its report and its log say."""
    found, given = drive.launch(log)
    system, run_dir = launcher.prepare(found, given, out=work_dir / "run")
    launcher.execute(system, run_dir, one_process=True)  # one log, one processor: the others have their own
    report = launcher.finish(system, run_dir)
    assert isinstance(report, DriveReport)
    figures = figures_of(report.score)
    weights = run_dir / "learner" / "student.safetensors"
    facts: dict[str, str | int | float | bool] = {"pictures": int(report.score["pictures"]), "run": str(run_dir)}
    if weights.exists():
        facts["weights_sha256"] = file_digest(weights)
    against_stereo = _skill(run_dir)
    if against_stereo:
        figures[_STEREO] = Figure(against_stereo[-1][1])
    curves = {"abs_rel": _against_lidar(report.score), _STEREO: against_stereo}
    return Findings(figures, {name: points for name, points in curves.items() if points}, facts)


def figures_of(score: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures of a drive's score: the stretch never learned from, and the one learned from as ``online``."""
    frozen = score["stretches"].get("frozen", score["stretches"]["predict_before_learn"])
    online = score["stretches"]["predict_before_learn"]
    figures = {name: _figure(frozen["student"], name) for name in ("abs_rel", "rmse_m", "delta1")}
    for cue in ("teacher", "row_mean", "pixel_mean"):
        figures[f"{cue}_abs_rel"] = _figure(frozen[cue], "abs_rel")
    figures["online_abs_rel"] = _figure(online["student"], "abs_rel")
    below = frozen.get("below_row_mean")
    if below:
        low, high = below["interval_95"]
        figures["below_row_mean"] = Figure(below["value"], low, high, below["frames"])
    return {name: figure for name, figure in figures.items() if figure.value is not None}


def _against_lidar(score: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return the student's AbsRel over the pictures: of each LiDAR frame, or on a long drive of each block."""
    rows = [(row["frame"], row["scores"]["student"]["abs_rel"]) for row in score["rows"] if "student" in row["scores"]]
    if len(rows) > _MOST_POINTS:
        rows = [(block["first_frame"], block["student_abs_rel"]) for block in score["blocks"]]
    return [(float(frame), value) for frame, value in rows if value is not None]


def _figure(cue: Mapping[str, Any], name: str) -> Figure:
    low, high = cue[f"{name}_95"]
    return Figure(cue[name], low, high, cue["frames"])


def _skill(run_dir: Path) -> list[tuple[float, float]]:
    """Return the student's error against the trusted cue on lessons not yet learned from, over the drive [s]."""
    points: list[tuple[float, float]] = []
    with RunLog(run_dir) as log:
        for entry in log.messages(["depth/status"], on_damage="skip"):
            if isinstance(entry.message, LearnerStatus):
                value = entry.message.skill.get("abs_rel", float("nan"))
                if value == value:  # noqa: PLR0124 - not known yet
                    points.append((entry.message.stamp_ns * 1e-9, value))
    return [(round(x - points[0][0], 3), y) for x, y in points]
