"""How our pictures look: one place for colours, words and the canvas. matplotlib is imported when a picture is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfcue.optional import require

COLOURS = {
    "STEREO": "#0072b2",
    "MONO_TW": "#e69f00",
    "MONO_ONLY": "#009e73",
    "HOLD": "#999999",
    "LAND": "#555555",
}
"""By state of the agent; told apart by people who are colour-blind too (Okabe and Ito)."""

WORDS = {
    "STEREO": "stereo flies",
    "MONO_TW": "student flies, stereo overrides",
    "MONO_ONLY": "student flies alone",
    "HOLD": "holding still",
    "LAND": "landing",
}
COLLISION, OVERRIDE = "#c1272d", "#7b3294"
STUDENT, TEACHER, ROW_MEAN, PIXEL_MEAN = "#d55e00", "#0072b2", "#999999", "#56b4e9"
_DPI = 130

_RC: dict[str, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
}


def draw(path: Path, width_in: float, height_in: float, paint: Any) -> Path:
    """Make a figure, let ``paint(figure)`` fill it, write it to ``path`` as PNG and return that.

    Uses no global state of matplotlib and no display.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="learn")
    figures = require("matplotlib.figure", extra="learn")
    with matplotlib.rc_context(_RC):
        figure = figures.Figure(figsize=(width_in, height_in), dpi=_DPI, layout="constrained")
        require("matplotlib.backends.backend_agg", extra="learn").FigureCanvasAgg(figure)
        paint(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return path
