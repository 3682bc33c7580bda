"""Picture: the way flown on the ground plan, coloured by who flew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfcue.report.flight_figures import FlightFigures, TrackPoint
from selfcue.report.phases import STATES
from selfcue.report.style import COLLISION, COLOURS, OVERRIDE, WORDS, draw


def draw_path(figures: FlightFigures, path: Path) -> Path:
    """Draw the flown path to ``path`` (PNG)."""
    return draw(path, 7.2, 6.4, lambda figure: _paint(figure, figures))


def _paint(figure: Any, figures: FlightFigures) -> None:
    axes = figure.subplots()
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set(xlabel="x [m]", ylabel="y [m]", title="Flown path")
    _paint_map(axes, figures.outlines)
    order = [state for state in STATES if any(point.state == state for point in figures.track)]
    for state in order:
        seconds = figures.phases[state].seconds
        label = f"{WORDS[state]} ({_time(seconds)})"
        for stretch in _stretches(figures.track, state):
            xs, ys = [point.x_m for point in stretch], [point.y_m for point in stretch]
            axes.plot(xs, ys, color=COLOURS[state], lw=1.1, alpha=0.75, solid_capstyle="round", label=label, zorder=2)
            label = "_again"
    marks = (("override", "o", OVERRIDE, "override", 26), ("collision", "X", COLLISION, "collision", 62))
    for kind, marker, colour, word, size in marks:
        hits = [event for event in figures.events if event.kind == kind]
        if hits:
            xs, ys = [event.x_m for event in hits], [event.y_m for event in hits]
            axes.scatter(
                xs, ys, marker=marker, s=size, color=colour, edgecolor="white", lw=0.7, zorder=4,
                label=f"{word}{'s' if len(hits) > 1 else ''} ({len(hits)})",
            )  # fmt: skip
    if figures.track:
        start = figures.track[0]
        axes.plot(start.x_m, start.y_m, marker="*", ms=11, color="black", mec="white", ls="", label="start", zorder=5)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2)


def _paint_map(axes: Any, outlines: dict[str, tuple[tuple[float, float], ...]]) -> None:
    for name, outline in outlines.items():
        xs, ys = zip(*outline, outline[0], strict=True)
        if name == "room":
            axes.plot(xs, ys, color="#333333", lw=2.2, solid_joinstyle="miter", zorder=3)
        else:
            axes.fill(xs, ys, facecolor="#c9c9c9", edgecolor="#6f6f6f", lw=0.9, zorder=1)


def _stretches(track: list[TrackPoint], state: str) -> Iterator[list[TrackPoint]]:
    """Yield the stretches flown in ``state``, each with the point that follows it, so that the line has no gaps."""
    stretch: list[TrackPoint] = []
    for point in track:
        if point.state == state:
            stretch.append(point)
        elif stretch:
            yield [*stretch, point]
            stretch = []
    if stretch:
        yield stretch


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
