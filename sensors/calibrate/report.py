"""What a calibration says of itself, as JSON and on the terminal, and the files that it leaves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError
from selfcue.sensors.calibrate.coverage import coverage
from selfcue.sensors.calibrate.solve import LensSolution
from selfcue.sensors.calibrate.stereo import StereoSolution
from selfcue.sensors.calibrate.verdict import Verdict


class OutFolder:
    """The folder that the files of one calibration go to.

    Raises:
        BadInputError: one of ``names`` is there already and ``force`` is not given, or the folder cannot be made.
    """

    def __init__(self, folder: Path, names: Sequence[str], *, force: bool) -> None:
        there = [name for name in names if (folder / name).exists()]
        if there and not force:
            raise BadInputError(
                f"{folder} holds {', '.join(there)} already; choose another --out, or overwrite with --force"
            )
        self.folder = folder
        self.written: list[str] = []

    def path(self, name: str) -> Path:
        """Return where ``name`` is to be written; the folder is made."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInputError(f"{self.folder} cannot be made ({error})") from error
        self.written.append(name)
        return self.folder / name

    def report(self, report: dict[str, Any]) -> None:
        """Write ``report.json``."""
        self.path("report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def lens_report(solution: LensSolution) -> dict[str, Any]:
    """Return one camera's part of a report."""
    lens, covered = solution.lens, coverage(solution.views)
    return {
        "model": lens.model,
        "width": lens.width,
        "height": lens.height,
        "parameters": {
            name: {"value": float(value), "std": finite(float(std))}
            for name, value, std in zip(lens.names, lens.parameters, solution.std, strict=True)
        },
        "rms_px": solution.rms_px,
        "held_out_rms_px": finite(solution.held_out_rms_px),
        "coverage": {"share": covered.share, "reach": covered.reach, "corners_by_cell": covered.counts.tolist()},
        "views": [
            {"name": view.name, "rms_px": error, "corners": len(view.ids), "tilt_deg": tilt, "edge_px": view.edge_px}
            for view, error, tilt in zip(solution.views, solution.view_rms_px, solution.tilts_deg, strict=True)
        ],
        "left_out": [{"name": view.name, "rms_px": error} for view, error in solution.rejected],
    }


def finite(value: float) -> float | None:
    """Return ``value`` as JSON can hold it: None where it is not known."""
    return value if math.isfinite(value) else None


def stereo_report(solution: StereoSolution) -> dict[str, Any]:
    """Return the pair's part of a report."""
    return {
        "rotation_rad": solution.rotation.tolist(),
        "rotation_std_rad": [finite(one) for one in solution.rotation_std.tolist()],
        "translation_m": solution.translation.tolist(),
        "translation_std_m": [finite(one) for one in solution.translation_std.tolist()],
        "baseline_m": solution.baseline_m,
        "rms_px": solution.rms_px,
        "row_rms_px": finite(solution.row_rms_px),
        "size_error": finite(solution.size_error),
        "pairs": [{"left": left.name, "right": right.name} for left, right in solution.pairs],
        "left_out": [{"name": view.name, "rms_px": error} for view, error in solution.rejected],
    }


def told(verdict: Verdict, values: Sequence[str]) -> list[str]:
    """Return the lines that a terminal shows: verdict, what was found, what to do."""
    lines = [verdict.level, *(f"  {value}" for value in values)]
    return lines + [f"  {mend}" for mend in verdict.mends()]
