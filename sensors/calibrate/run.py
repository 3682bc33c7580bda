"""From pictures to calibration files: what ``selfcue calibrate camera`` and ``stereo`` do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.sensors.calibrate.board import Board
from selfcue.sensors.calibrate.collect import CollectConfig, Collector, Frame
from selfcue.sensors.calibrate.coverage import coverage
from selfcue.sensors.calibrate.finder import BoardFinder, BoardView
from selfcue.sensors.calibrate.models import judge_model
from selfcue.sensors.calibrate.picture import draw_camera, draw_stereo
from selfcue.sensors.calibrate.rectify import undistorted_info
from selfcue.sensors.calibrate.report import OutFolder, lens_report, stereo_report, told
from selfcue.sensors.calibrate.solve import solve_lens
from selfcue.sensors.calibrate.stereo import StereoSolution, solve_stereo
from selfcue.sensors.calibrate.verdict import BAD, Check, Verdict, judge_lens
from selfcue.sensors.calibration import write_camera_info
from selfcue.sensors.rectifier import Rectifier

Tell = Callable[[str], None]


@dataclass(frozen=True)
class CalibrateConfig:
    """What all calibrations have in common.

    Attributes:
        board: the board that is shown.
        model: of the lens: plumb_bob, rational_polynomial or equidistant.
        out: folder for the files.
        force: overwrite what is there.
        accept_bad: write calibration files even when the verdict is BAD.
        seconds: how long a live camera is watched at most; it stops earlier when it has seen enough. 0: no limit.
        live: the pictures come from a live camera.
        collect: which views are kept.
    """

    board: Board
    out: Path
    model: str = "plumb_bob"
    force: bool = False
    accept_bad: bool = False
    seconds: float = 0.0
    live: bool = False
    collect: CollectConfig = field(default_factory=CollectConfig)


@dataclass(frozen=True)
class Outcome:
    """The report (as JSON has it) and the lines for a terminal."""

    report: dict[str, Any]
    lines: list[str]

    @property
    def bad(self) -> bool:
        return bool(self.report["verdict"]["level"] == BAD)


def calibrate_camera(
    frames: Iterable[Frame], config: CalibrateConfig, *, name: str = "camera", tell: Tell | None = None
) -> Outcome:
    """Calibrate one camera and write ``NAME.yaml``, ``report.json`` and ``report.png``.

    Args:
        frames: its pictures, from wherever they come.
        name: the camera's name in the file, and the file's.
        tell: hears after each picture what was found so far, in one line.

    Raises:
        BadInputError: no usable pictures (the message says why), or files would be overwritten.
    """
    out = OutFolder(config.out, (f"{name}.yaml", "report.json", "report.png"), force=config.force)
    finder = BoardFinder(config.board)
    collector = Collector(finder, config.collect)
    ends_s = time.monotonic() + config.seconds if config.seconds else float("inf")
    for frame in frames:
        collector.add(frame)
        if tell:
            tell(f"{frame.name}: {_so_far(collector)}")
        if config.live and (collector.enough or time.monotonic() > ends_s):
            break
    views = _usable(collector)
    solution = solve_lens(views, finder.points, config.model)
    verdict = Verdict((*judge_lens(solution, coverage(solution.views)), judge_model(solution, finder.points)))
    draw_camera(solution, verdict.level, out.path("report.png"))
    report = {"kind": "camera", "board": str(config.board), "verdict": verdict.as_dict(),
              "pictures": dict(collector.counts), **lens_report(solution)}  # fmt: skip
    if verdict.level != BAD or config.accept_bad:
        write_camera_info(out.path(f"{name}.yaml"), undistorted_info(solution.lens, frame_id=name))
    lens = solution.lens
    values = [
        f"{collector.explain()}; {len(solution.views)} views used, {len(solution.rejected)} left out",
        (
            f"{lens.model}: fx {lens.fx:.2f}, fy {lens.fy:.2f}, cx {lens.cx:.2f}, cy {lens.cy:.2f} px "
            f"(+- {', '.join(f'{std:.2g}' for std in solution.std[:4])})"
        ),
        f"reprojection {solution.rms_px:.3f} px, on held-out views {solution.held_out_rms_px:.3f} px",
    ]
    return finished(out, report, verdict, values)


def calibrate_stereo(
    pairs: Iterable[tuple[Frame, Frame]], config: CalibrateConfig, *, tell: Tell | None = None
) -> Outcome:
    """Calibrate a pair and write ``left.yaml``, ``right.yaml``, ``report.json`` and ``report.png``. See above."""
    out = OutFolder(config.out, ("left.yaml", "right.yaml", "report.json", "report.png"), force=config.force)
    finder = BoardFinder(config.board)
    collectors = [Collector(finder, config.collect) for _ in range(2)]
    ends_s = time.monotonic() + config.seconds if config.seconds else float("inf")
    seen: list[tuple[BoardView | None, BoardView | None]] = []
    best: tuple[int, list[Any]] = (-1, [])
    for frames in pairs:
        left, right = (collector.add(frame) for collector, frame in zip(collectors, frames, strict=True))
        if left is not None or right is not None:
            seen.append((left, right))
        if left is not None and right is not None and len(left.ids) + len(right.ids) > best[0]:
            best = len(left.ids) + len(right.ids), [frame.image for frame in frames]
        if tell:
            tell(f"{frames[0].name}: left {_so_far(collectors[0])}; right {_so_far(collectors[1])}")
        if config.live and (all(one.enough for one in collectors) or time.monotonic() > ends_s):
            break
    kept = [{id(view) for view in _usable(one, f"{side} camera: ")}
            for side, one in zip(("left", "right"), collectors, strict=True)]  # fmt: skip
    # A moment counts where either camera shows the board anew: the other's view of it then comes along.
    chosen = [pair for pair in seen if any(id(view) in kept[i] for i, view in enumerate(pair))]
    solution = solve_stereo(chosen, finder.points, config.model)
    verdict = Verdict(
        (
            *judge_lens(solution.left, coverage(solution.left.views), side="left"),
            *judge_lens(solution.right, coverage(solution.right.views), side="right"),
            judge_model(solution.left, finder.points, side="left"),
            judge_model(solution.right, finder.points, side="right"),
            *_judge_pair(solution),
        )
    )
    rectified = [Rectifier(info).apply(image) for info, image in zip(solution.infos, best[1], strict=True)]
    draw_stereo(solution, rectified, verdict.level, out.path("report.png"))
    report = {
        "kind": "stereo", "board": str(config.board), "verdict": verdict.as_dict(), **stereo_report(solution),
        "left": lens_report(solution.left), "right": lens_report(solution.right),
        "pictures": {side: dict(one.counts) for side, one in zip(("left", "right"), collectors, strict=True)},
    }  # fmt: skip
    if verdict.level != BAD or config.accept_bad:
        for side, info in zip(("left", "right"), solution.infos, strict=True):
            write_camera_info(out.path(f"{side}.yaml"), info)
    uncertain_mm = 1e3 * float(np.linalg.norm(solution.translation_std))
    values = [
        f"left: {collectors[0].explain()}",
        f"right: {collectors[1].explain()}",
        (
            f"baseline {solution.baseline_m * 1e3:.2f} mm +- {uncertain_mm:.2g}, turned "
            f"by {np.degrees(np.linalg.norm(solution.rotation)):.3f} deg; {len(solution.pairs)} pairs"
        ),
        (
            f"reprojection {solution.rms_px:.3f} px, rows agree to {solution.row_rms_px:.3f} px, "
            f"distances to {100 * solution.size_error:.2f} %"
        ),
    ]
    return finished(out, report, verdict, values)


def _judge_pair(solution: StereoSolution) -> tuple[Check, ...]:
    error = 100 * float(np.linalg.norm(solution.translation_std)) / solution.baseline_m
    return (
        Check("pairs", len(solution.pairs), 12, 6, "hold the board where both cameras see it", above=True),
        Check("rows of a pair differ by [px]", solution.row_rms_px, 0.3, 0.7,
              "are both pictures of a pair taken at the same moment? hold the board still, and tighten the rig"),
        Check("distances wrong by [%]", 100 * solution.size_error, 0.7, 2.0,
              "bring the board nearer, and measure its squares again"),
        Check("baseline uncertain by [%]", error, 0.5, 2.0, "take more pairs, nearer and tilted"),
    )  # fmt: skip


def _usable(collector: Collector, subject: str = "") -> list[BoardView]:
    views = collector.views
    if not collector.counts["pictures"]:
        raise BadInputError(f"{subject}no pictures came from the source; is there anything in it?")
    if not views:
        raise BadInputError(
            f"{subject}no sharp view of a board of {collector.board} in {collector.explain()}; "
            "is this the board's description (--squares, --square-mm, --marker-mm, --dictionary)?"
        )
    return views


def _so_far(collector: Collector) -> str:
    views = collector.views
    return f"{len(views)} views, {coverage(views).share:.0%} of the picture covered"


def finished(out: OutFolder, report: dict[str, Any], verdict: Verdict, values: list[str]) -> Outcome:
    """Write the report and return what is to be told."""
    written = [*out.written, "report.json"]
    report["files"] = written
    out.report(report)
    lines = told(verdict, values)
    lines.append(f"  written to {out.folder}: {', '.join(written)}")
    if not any(name.endswith(".yaml") for name in written):
        lines.append("  no calibration file: it would do harm; --accept-bad writes it all the same")
    return Outcome(report, lines)
