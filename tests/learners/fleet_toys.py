"""Tasks for the tests of fleets: each notes its process, and then does what its settings say."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from selfcue.errors import BadInputError
from selfcue.learners.fleet.task import Figure, Findings


@dataclass(frozen=True)
class ToySettings:
    """``hang``: names of logs at which it hangs for ever, as long as the file ``gate`` is not there; ``scale``: of the figure."""  # noqa: E501

    gate: str = ""
    hang: tuple[str, ...] = ()
    scale: float = 1.0


class Toy:
    """The figure is the number in the log."""

    name = "toy"
    Settings = ToySettings
    columns: ClassVar[tuple[str, ...]] = ("size",)
    curve: ClassVar[tuple[str, str, str]] = ("size", "step", "size")

    def run(self, log: Path, settings: ToySettings, work_dir: Path) -> Findings:
        (work_dir / "pid").write_text(str(os.getpid()))
        with (work_dir.parent / "starts").open("a") as file:
            file.write(work_dir.name + "\n")
        text = log.read_text()
        if text == "bad":
            raise BadInputError(f"{log}: holds no number")
        if text == "crash":
            raise ZeroDivisionError("by nothing")
        if text == "abort":
            os.abort()
        if log.name in settings.hang and not (settings.gate and Path(settings.gate).exists()):
            threading.Event().wait()
        value = float(text) * settings.scale
        return Findings({"size": Figure(value, value - 1, value + 1, 3)}, {"size": [(0.0, 0.0), (1.0, value)]})


class Plain:
    """Gives numbers alone, as the simplest task may."""

    name = "plain"
    Settings = ToySettings

    def run(self, log: Path, settings: ToySettings, work_dir: Path) -> dict[str, float]:
        return {"number": float(log.read_text())}
