"""The picture of a fleet: the first figure of each log with its interval, and the curves of all logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfcue.learners.fleet.report import figures, heading
from selfcue.learners.fleet.task import Figure, task_class
from selfcue.report.style import ROW_MEAN, STUDENT, TEACHER, draw

if TYPE_CHECKING:
    from selfcue.learners.fleet.job import Result
    from selfcue.learners.fleet.report import FleetReport

_MOST_ROWS = 40
_BESIDE = (("teacher_", "teacher", TEACHER, "D"), ("row_mean_", "row mean", ROW_MEAN, "s"))
"""Figures drawn beside the first one, where a log has them: prefix, word, colour, mark."""


def draw_fleet(report: FleetReport, path: Path) -> Path:
    """Draw ``report`` to ``path`` (PNG). Raises MissingDependencyError where matplotlib is not installed."""
    curves = _curves(report)
    rows = min(len(report.done), _MOST_ROWS)
    width = 11.0 if curves else 6.5
    return draw(path, width, max(3.4, 1.6 + 0.3 * rows), lambda figure: _paint(figure, report, curves))


def _paint(figure: Any, report: FleetReport, curves: list[tuple[str, list[tuple[float, float]]]]) -> None:
    rows = figure.add_subplot(1, 2 if curves else 1, 1)
    _paint_rows(rows, report)
    if curves:
        _paint_curves(figure.add_subplot(1, 2, 2), report, curves)
    figure.legend(*rows.get_legend_handles_labels(), loc="outside lower left", ncols=4)


def _paint_rows(axes: Any, report: FleetReport) -> None:
    name = report.columns[0]
    better = getattr(task_class(report.task), "better", "lower")
    all_rows = [(_value(figures(result), name), Path(result.job.log).name, figures(result)) for result in report.done]
    known = [(value, log, row) for value, log, row in all_rows if value is not None]
    known.sort(key=lambda one: one[0][0], reverse=better == "lower")  # the best on top
    found = known[-_MOST_ROWS:]
    for prefix, word, colour, mark in _BESIDE:
        beside = [(i, _value(row, prefix + name)) for i, (_, _, row) in enumerate(found)]
        points = [(value[0], i) for i, value in beside if value]
        if points:
            axes.plot(*zip(*points, strict=True), mark, color=colour, ms=5, mfc="none", label=word)
    values = [value for value, _, _ in found]
    label: str | None = "95 % interval"
    for i, (value, low, high) in enumerate(values):
        if low < high:
            axes.plot((low, high), (i, i), "-", color=STUDENT, lw=2, alpha=0.6, label=label)
            label = None
        axes.plot(value, i, "o", color=STUDENT, ms=6, label=report.task if i == 0 else None)
    if len(values) > 1:
        mean = sum(value for value, _, _ in values) / len(values)
        axes.axvline(mean, color=STUDENT, ls=":", lw=1.2, label=f"mean of {len(values)} logs, {mean:.3g}")
    axes.set_yticks(range(len(found)), [_short(log) for _, log, _ in found])
    axes.set_ylim(-0.7, max(1, len(found)) - 0.3)
    axes.set(title=f"Each log ({better} is better)", xlabel=heading(name).replace("\n", " "))
    axes.set_xlim(left=0)


def _paint_curves(axes: Any, report: FleetReport, curves: list[tuple[str, list[tuple[float, float]]]]) -> None:
    name, along, what = _curve_words(report)
    many = len(curves) > 1
    for log, points in curves:
        axes.plot(*zip(*points, strict=True), "-", lw=1.4, alpha=0.75, label=_short(log), marker="o", ms=2.5)
    axes.set(title="Over each log", xlabel=along, ylabel=what or name)
    axes.set_ylim(bottom=0)
    if many and len(curves) <= 8:
        axes.legend(loc="best")


def _curves(report: FleetReport) -> list[tuple[str, list[tuple[float, float]]]]:
    name = _curve_words(report)[0]
    found = [(Path(result.job.log).name, _curves_of(result).get(name, [])) for result in report.done]
    return [(log, points) for log, points in found if len(points) > 1]


def _curve_words(report: FleetReport) -> tuple[str, str, str]:
    """Return name and axes of the curve to draw: the one that the task names, or the first that a log has."""
    name, along, what = getattr(task_class(report.task), "curve", ("", "", ""))
    found = [one for result in report.done for one, points in _curves_of(result).items() if len(points) > 1]
    if name in found or not found:
        return name, along, what
    return found[0], "", heading(found[0]).replace("\n", " ")


def _curves_of(result: Result) -> Mapping[str, list[tuple[float, float]]]:
    return result.last.findings.curves if result.last.findings else {}


def _value(row: Any, name: str) -> tuple[float, float, float] | None:
    figure: Figure | None = row.get(name)
    if figure is None or figure.value is None:
        return None
    low = figure.value if figure.low is None else figure.low
    return figure.value, low, figure.value if figure.high is None else figure.high


def _short(name: str) -> str:
    return name if len(name) <= 28 else name[:13] + "…" + name[-14:]
