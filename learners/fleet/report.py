"""The merged report of a fleet: a row per log with intervals, all logs together, what failed and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from selfcue.errors import MissingDependencyError
from selfcue.learners.fleet.job import Job, Result
from selfcue.learners.fleet.task import Figure, task_class
from selfcue.report.write import finite, table, write_json

_DRAWS = 4000
_FEWEST = 4
"""Logs from which an interval over logs says anything."""


@dataclass
class FleetReport:
    """Everything that came of a fleet.

    Attributes:
        task: its name.
        results: of the logs that are decided, in the order given.
        undone: logs that are still to be done.
        folder: where ``report.json`` and the picture are.
        pictures, notes: file names, and what the reader should know.
    """

    task: str
    results: Sequence[Result]
    undone: Sequence[Job]
    folder: Path
    pictures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> list[Result]:
        return [result for result in self.results if result.done]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if not result.done]

    @property
    def columns(self) -> list[str]:
        """Figures of the table: those that the task names and somebody has, or all."""
        named = getattr(task_class(self.task), "columns", ())
        found = list(dict.fromkeys(name for result in self.done for name in figures(result)))
        return [name for name in named if name in found] or found

    def together(self) -> dict[str, Figure]:
        """Return the mean of each figure over the logs that have it, with a bootstrap interval over logs."""
        found: dict[str, Figure] = {}
        for name in dict.fromkeys(name for result in self.done for name in figures(result)):
            values = [figures(result)[name].value for result in self.done if name in figures(result)]
            known = np.array([value for value in values if value is not None], dtype=np.float64)
            if known.size:
                found[name] = Figure(float(known.mean()), *_interval(known), int(known.size))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        logs = [
            {
                "log": result.job.log,
                "name": result.job.name,
                "state": result.last.how,
                "line": result.last.line,
                "tries": len(result.tries),
                "seconds": round(result.last.seconds, 2),
                "findings": msgspec.to_builtins(result.last.findings) if result.last.findings else None,
            }
            for result in self.results
        ]
        whole = {
            "kind": "fleet",
            "task": self.task,
            "settings": self.results[0].job.settings if self.results else {},
            "done": len(self.done),
            "failed": len(self.failed),
            "undone": [job.log for job in self.undone],
            "together": {name: msgspec.to_builtins(figure) for name, figure in self.together().items()},
            "logs": logs,
            "pictures": self.pictures,
            "notes": self.notes,
        }
        return dict(finite(whole))

    def print(self) -> None:
        """Print the table, all logs together, and where the files are."""
        columns = self.columns
        rows = [
            (
                Path(result.job.log).name,
                *(shown(figures(result).get(name), "\n") for name in columns),
                f"{result.last.seconds:.0f} s",
                "done" if len(result.tries) == 1 else f"done, try {len(result.tries)}",
            )
            for result in self.done
        ]
        if len(self.done) > 1:
            together = self.together()
            seconds = sum(result.last.seconds for result in self.done)
            rows.append(
                ("all logs, mean", *(shown(together.get(name), "\n") for name in columns), f"{seconds:.0f} s", "")
            )
        footer = [f"report: {self.folder}/  ({', '.join(self.pictures) or 'no pictures'})", *self.notes]
        title = f"{self.task}: {len(self.done)} of {len(self.results) + len(self.undone)} logs"
        table(title, ("log", *(heading(name) for name in columns), "took", ""), rows, footer)


def figures(result: Result) -> Mapping[str, Figure]:
    """Return the figures of a result; none where it failed."""
    return result.last.findings.figures if result.last.findings else {}


def heading(name: str) -> str:
    """Return the name of a figure for a table's head, folded at its words."""
    return name.replace("_", " ").replace("abs rel", "AbsRel").replace(" AbsRel", "\nAbsRel")


def shown(figure: Figure | None, between: str = " ") -> str:
    """Return a figure in words: its value and its interval, or a dash."""
    if figure is None or figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3g}"
    return f"{figure.value:.3g}{between}({figure.low:.3g} to {figure.high:.3g})"


def make_report(task: str, results: Sequence[Result], undone: Sequence[Job], out: Path) -> FleetReport:
    """Write ``report.json`` and the picture of a fleet to ``out``."""
    from selfcue.learners.fleet.picture import draw_fleet

    report = FleetReport(task, results, undone, out)
    try:
        if report.done and report.columns:
            report.pictures.append(draw_fleet(report, out / "fleet.png").name)
    except MissingDependencyError as error:
        report.notes.append(f"no picture: {error}")
    write_json(out / "report.json", report.as_dict())
    return report


def _interval(values: np.ndarray) -> tuple[float | None, float | None]:
    if values.size < _FEWEST:
        return None, None
    draws = np.random.default_rng(0).integers(0, values.size, (_DRAWS, values.size))
    low, high = np.percentile(values[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)
