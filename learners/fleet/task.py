"""What a task over many logs is, what it finds in one of them, and how one is found by name.

A task of one's own is a class after ``FleetTask``, registered in the entry point group ``selfcue.fleet_tasks`` (or
named as ``package.module:Class``). It runs in a process of its own for each log.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec

from selfcue import plugins
from selfcue.config.decode import decode
from selfcue.errors import BadInputError, UsageError

GROUP = "selfcue.fleet_tasks"


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number of a log.

    Attributes:
        value: None where it was not measured.
        low, high: ends of its 95 % interval, where one is known.
        number: of what it is the mean (frames, events), where that says something.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    number: int | None = None


class Findings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task found in one log.

    Attributes:
        figures: by name.
        curves: by name, points (x, y) of figures over the log.
        facts: what else there is to say: digests, paths, counts.
    """

    figures: dict[str, Figure] = {}
    curves: dict[str, list[tuple[float, float]]] = {}
    facts: dict[str, str | int | float | bool] = {}


class FleetTask(Protocol):
    """One thing to do with a log, made anew (without arguments) in the process that does it.

    Attributes:
        name: for reports.
        Settings: frozen dataclass of plain values; the task's settings.
        columns: figures that stand in the table, the first of them in the picture; empty: all, in the order found.
        curve: name and axes (x, y) of the curve in the picture; empty names draw none.
        better: ``lower`` or ``higher``: which end of the first figure is good.
    """

    name: ClassVar[str]
    Settings: ClassVar[type]

    def run(self, log: Path, settings: Any, work_dir: Path) -> Findings | Mapping[str, float]:
        """Do it with ``log``, all files into ``work_dir``; return figures. A SelfcueError is said in its one line."""
        ...


def task_class(name: str) -> Any:
    """Return the task registered as ``name``. Raises BadInputError where there is none, or it is none."""
    found = plugins.load(GROUP, name)
    if not (hasattr(found, "run") and dataclasses.is_dataclass(getattr(found, "Settings", None))):
        raise BadInputError(f"fleet task {name!r}: needs run(log, settings, work_dir) and a dataclass Settings")
    return found


def settings_for(task: Any, values: Mapping[str, Any]) -> Any:
    """Return ``values`` as the settings of ``task``. Raises UsageError with what was expected."""
    try:
        return decode(dict(values), task.Settings, "settings")
    except ValueError as error:
        raise UsageError(f"{task.name}: {error}") from None


def findings_of(found: Findings | Mapping[str, float]) -> Findings:
    """Return what a task gave as findings. Raises BadInputError where it gave something else."""
    if isinstance(found, Findings):
        return found
    try:
        return Findings({str(name): Figure(float(value)) for name, value in found.items()})
    except (AttributeError, TypeError, ValueError):
        raise BadInputError(f"a fleet task gives Findings or numbers by name, not {found!r}"[:200]) from None
