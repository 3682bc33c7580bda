"""The report of a flight: a table by phase, pictures, and ``report.json``, from its messages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfcue.errors import MissingDependencyError
from selfcue.messages import Message
from selfcue.report.flight_figures import FlightFigures
from selfcue.report.flight_path import draw_path
from selfcue.report.learning_curve import draw_learning_curve
from selfcue.report.moments import Moment
from selfcue.report.panel import PanelRow, draw_panel
from selfcue.report.phases import STATES, Phase
from selfcue.report.style import WORDS
from selfcue.report.write import finite, table, write_json

FOLDER = "report"
TOPICS = (
    "agent/status",
    "depth/status",
    "depth/student",
    "depth/trusted",
    "journal",
    "odom",
    "stereo/left/camera_info",
    "stereo/left/image",
    "truth/depth",
    "truth/map",
    "truth/nearest",
)
"""What a flight's report reads of a log."""


@dataclass
class FlightReport:
    """Figures and files of one flight.

    Attributes:
        figures: what was read.
        run: what the run was: launch file and arguments.
        folder: where pictures and ``report.json`` are.
        pictures: file names in ``folder``.
        notes: what the reader should know, such as pictures that could not be made.
    """

    figures: FlightFigures
    run: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    pictures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def phases(self) -> dict[str, dict[str, Any]]:
        """Return the figures of each phase that was flown, in the order of the states, and of all together."""
        flown = {state: self.figures.phases[state] for state in STATES if state in self.figures.phases}
        found = {state: phase.figures() for state, phase in flown.items() if phase.seconds > 0}
        return {**found, "ALL": together(flown.values()).figures()}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values; what was not measured is None."""
        figures = self.figures
        report = {
            "kind": "flight",
            "run": self.run,
            "seconds": figures.end_s - figures.start_s,
            "phases": self.phases(),
            "counts": figures.counts,
            "learner_counts": figures.learner_counts,
            "skill": figures.skills[-1][1] if figures.skills else {},
            "events": [event._asdict() for event in figures.events],
            "curve": [vars(one) for one in figures.comparisons],
            "pictures": self.pictures,
            "notes": self.notes,
        }
        return dict(finite(report))

    def print(self) -> None:
        """Print the table, where the pictures are, and the notes."""
        columns = ("phase", "time", "m/min", "collisions\n/min", "overrides\n/min", "AbsRel\nstudent", "AbsRel\nstereo",
                   "obstacle\nAUC", "cells")  # fmt: skip
        rows = [
            (
                WORDS.get(state, "whole flight"),
                f"{one['seconds']:.0f} s",
                _number(one["metres_per_min"], 1),
                _rate(one["collisions"], one["collisions_per_min"]),
                _rate(one["overrides"], one["overrides_per_min"]),
                _number(one["abs_rel_student"], 3),
                _number(one["abs_rel_stereo"], 3),
                _number(one["obstacle_auc"], 3),
                str(one["cells"]),
            )
            for state, one in self.phases().items()
        ]
        table("Flight" + self._subtitle(), columns, rows, self._footer())

    def _subtitle(self) -> str:
        told = [f"{name} {self.run[name]}" for name in ("seed", "strategy", "student", "pilot") if name in self.run]
        return f" ({', '.join(told)})" if told else ""

    def _footer(self) -> list[str]:
        lines = ["per minute of the phase, counts in brackets; AbsRel and AUC against truth; cells of 0.25 m"]
        if self.folder is not None:
            lines.append(f"report: {self.folder}/  ({', '.join(self.pictures) or 'no pictures'})")
        return [*lines, *self.notes]


def together(phases: Iterable[Phase]) -> Phase:
    """Return one phase that holds what all ``phases`` hold."""
    whole = Phase()
    for phase in phases:
        for name, value in vars(phase).items():
            if isinstance(value, set):
                whole.cells |= value
            else:
                setattr(whole, name, getattr(whole, name) + value)
    return whole


def make_report(
    messages: Iterable[tuple[str, Message]], folder: Path, run: Mapping[str, Any] | None = None
) -> FlightReport:
    """Read a flight's messages once, in the order of time, and write pictures and ``report.json`` to ``folder``."""
    report = FlightReport(FlightFigures().read(messages), dict(run or {}), folder)
    try:
        _draw_all(report, folder)
    except MissingDependencyError as error:
        report.notes.append(f"no pictures: {error}")
    write_json(folder / "report.json", report.as_dict())
    return report


def report_run(run_dir: Path) -> FlightReport:
    """Make the report of the run in ``run_dir`` from its log (see ``make_report``).

    Raises:
        BadInputError: there is no run or no log, or the log is of something else.
    """
    from selfcue.record.run_log import RunLog
    from selfcue.system import System

    run = {"launch": System.read(run_dir).name, **System.read(run_dir).arguments}
    with RunLog(run_dir) as log:
        known = log.topics()
        entries = log.messages([topic for topic in TOPICS if topic in known], on_damage="skip")
        report = make_report(((entry.topic, entry.message) for entry in entries), run_dir / FOLDER, run)
        if log.loss:
            report.notes.append(f"the log is not complete: {log.loss}")
    return report


def _draw_all(report: FlightReport, folder: Path) -> None:
    figures = report.figures
    if figures.track:
        report.pictures.append(draw_path(figures, folder / "path.png").name)
        report.pictures.append(draw_learning_curve(figures, folder / "learning_curve.png").name)
    moments = figures.moments.chosen()
    if moments:
        rows = [PanelRow(_moment_title(one), one.image, (one.stereo, one.student, one.truth)) for one in moments]
        names = ("stereo", "student (one camera)", "truth")
        path = draw_panel(rows, names, folder / "depth.png", title="What each cue saw", far_m=5.0)
        report.pictures.append(path.name)


def _moment_title(moment: Moment) -> str:
    words = WORDS[moment.state].replace(", ", ",\n")
    return f"{words}\nt = {moment.t_s:.0f} s"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _rate(count: int, per_minute: float) -> str:
    return f"{_number(per_minute, 2)} ({count})"


def load_report(path: Path) -> dict[str, Any]:
    """Return what ``report.json`` in ``path`` (or ``path`` itself) holds."""
    path = path / FOLDER / "report.json" if path.is_dir() else path
    return dict(json.loads(path.read_text()))
