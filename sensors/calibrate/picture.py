"""Pictures of a calibration: what was covered, where the errors lie, which views do not fit, rows of a pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.report.style import draw
from selfcue.sensors.calibrate.coverage import coverage
from selfcue.sensors.calibrate.solve import LensSolution
from selfcue.sensors.calibrate.stereo import StereoSolution

_LEVEL_COLOURS = {"GOOD": "#009e73", "USABLE": "#e69f00", "BAD": "#c1272d"}
_ARROW, _LEFT_OUT = "#c1272d", "#c1272d"


def draw_camera(solution: LensSolution, level: str, path: Path) -> Path:
    """Draw coverage, errors and views of one camera (PNG)."""

    def paint(figure: Any) -> None:
        axes = figure.subplots(1, 3, width_ratios=[1.15, 1.15, 0.9])
        paint_coverage(axes[0], solution, "corners seen, by cell")
        _paint_errors(axes[1], solution)
        _paint_views(axes[2], solution)
        title(figure, f"{solution.lens.model}: {solution.rms_px:.3f} px over {len(solution.views)} views", level)

    return draw(path, 14.0, 4.2, paint)


def draw_stereo(solution: StereoSolution, rectified: Sequence[npt.NDArray[np.uint8]], level: str, path: Path) -> Path:
    """Draw the rectified pair with level lines, and both cameras' coverage and errors (PNG)."""

    def paint(figure: Any) -> None:
        top, bottom = figure.subfigures(2, 1, height_ratios=[1.15, 1.0])
        for axes, image, side in zip(top.subplots(1, 2), rectified, ("left", "right"), strict=True):
            axes.imshow(image, cmap="gray" if image.ndim == 2 else None)
            for row in np.linspace(0, image.shape[0], 18)[1:-1]:
                axes.axhline(row, color="#009e73", linewidth=0.6)
            axes.set(xticks=[], yticks=[], title=f"{side}, rectified")
            axes.grid(visible=False)
        row = bottom.subplots(1, 4)
        for i, (side, one) in enumerate((("left", solution.left), ("right", solution.right))):
            paint_coverage(row[2 * i], one, f"{side}: corners seen")
            _paint_errors(row[2 * i + 1], one)
        what = f"baseline {solution.baseline_m * 1e3:.2f} mm, rows agree to {solution.row_rms_px:.3f} px"
        title(figure, f"{what}, {len(solution.pairs)} pairs", level)

    return draw(path, 14.0, 8.4, paint)


def paint_coverage(axes: Any, solution: LensSolution, title: str) -> None:
    """Paint how many corners each cell of the picture saw, and the corners themselves."""
    lens = solution.lens
    counts = coverage(solution.views).counts
    extent = (-0.5, lens.width - 0.5, lens.height - 0.5, -0.5)
    shown = axes.imshow(np.ma.masked_less(counts, 3), cmap="viridis", extent=extent, vmin=0)
    every = np.concatenate([view.pixels for view in solution.views])
    axes.plot(every[:, 0], every[:, 1], ".", color="white", markersize=1.2, alpha=0.6)
    axes.set(title=title, xticks=[], yticks=[], facecolor="#d9d9d9")
    axes.grid(visible=False)
    axes.figure.colorbar(shown, ax=axes, shrink=0.8)


def _paint_errors(axes: Any, solution: LensSolution) -> None:
    lens = solution.lens
    at = np.concatenate([view.pixels for view in solution.views])
    error = np.concatenate(solution.residuals)
    length = float(np.percentile(np.linalg.norm(error, axis=1), 95))
    scale = float(f"{0.04 * lens.width / max(length, 1e-3):.1g}")
    axes.quiver(at[:, 0], at[:, 1], error[:, 0] * scale, error[:, 1] * scale, color=_ARROW, angles="xy",
                scale_units="xy", scale=1, width=0.0025)  # fmt: skip
    axes.set(xlim=(-0.5, lens.width - 0.5), ylim=(lens.height - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
    axes.set_title(f"errors x {scale:g}")
    axes.grid(visible=False)


def _paint_views(axes: Any, solution: LensSolution) -> None:
    shown = sorted(
        [(error, view.name, False) for error, view in zip(solution.view_rms_px, solution.views, strict=True)]
        + [(error, view.name, True) for view, error in solution.rejected],
        reverse=True,
    )[:25]
    colours = [_LEFT_OUT if left_out else "#0072b2" for _, _, left_out in shown]
    axes.barh(range(len(shown)), [error for error, _, _ in shown], color=colours)
    axes.set_yticks(range(len(shown)), [name[-22:] for _, name, _ in shown], fontsize=6)
    axes.invert_yaxis()
    axes.set(xlabel="reprojection error [px]", title="views (red: left out)")


def title(figure: Any, text: str, level: str) -> None:
    """Write verdict and ``text`` above a figure."""
    figure.suptitle(f"{level}   {text}", color=_LEVEL_COLOURS[level], fontsize=12, fontweight="bold", x=0.01, ha="left")
