"""Picture: what each cue saw at a few moments, side by side, all depths in one colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.report.style import draw

MISSING = "#d9d9d9"


@dataclass(frozen=True)
class PanelRow:
    """One row: a word on the moment, the picture, and depths (h, w) [m] (None where a cue was silent)."""

    title: str
    image: npt.NDArray[np.uint8]
    depths: tuple[npt.NDArray[np.float32] | None, ...]


def draw_panel(rows: Sequence[PanelRow], names: Sequence[str], path: Path, *, title: str, far_m: float) -> Path:
    """Draw ``rows`` to ``path`` (PNG).

    Args:
        names: headings of the depth columns.
        far_m: end of the colour scale [m]; farther is drawn alike.
    """
    height, width = rows[0].image.shape[:2]
    columns = 1 + len(names)
    each_in = 2.35 if width / height < 2 else 3.4
    size = columns * each_in + 0.9, len(rows) * (each_in * height / width + 0.06) + 0.75
    return draw(path, *size, lambda figure: _paint(figure, rows, names, title, far_m))


def _paint(figure: Any, rows: Sequence[PanelRow], names: Sequence[str], title: str, far_m: float) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    colours = colormaps["turbo_r"].with_extremes(bad=MISSING)
    scale = Normalize(0.0, far_m)
    grid = figure.subplots(len(rows), 1 + len(names), squeeze=False)
    shown = None
    for i, row in enumerate(rows):
        for j, axes in enumerate(grid[i]):
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            for spine in axes.spines.values():
                spine.set_visible(False)
            if i == 0:
                axes.set_title("camera" if j == 0 else names[j - 1], fontsize=10, loc="center")
            if j == 0:
                axes.imshow(row.image, cmap="gray" if row.image.ndim == 2 else None, interpolation="nearest")
                axes.set_ylabel(row.title, fontsize=8.5)
                continue
            depth = row.depths[j - 1]
            if depth is None:
                height, width = row.image.shape[:2]
                depth = np.full((height, width), np.nan, np.float32)
                axes.text(
                    width / 2, height / 2, "no signal", ha="center", va="center", color="#555555", fontsize=10, zorder=3
                )
            extent = (-0.5, row.image.shape[1] - 0.5, row.image.shape[0] - 0.5, -0.5)
            shown = axes.imshow(
                np.ma.masked_invalid(depth), cmap=colours, norm=scale, interpolation="nearest", extent=extent
            )
    figure.suptitle(title, fontsize=11.5, fontweight="bold", x=0.01, ha="left")
    if shown is not None:
        bar = figure.colorbar(shown, ax=grid[:, 1:], shrink=0.85, pad=0.015, extend="max")
        bar.set_label("depth [m]")
        bar.ax.invert_yaxis()
        bar.outline.set_visible(False)
