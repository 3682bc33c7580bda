"""``selfcue report``: the report of a run, made anew from its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from selfcue import launcher
from selfcue.errors import UsageError
from selfcue.system import System


def report(
    run_dir: Path = typer.Argument(..., metavar="RUN_DIR", help="Folder of a run."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Make the report of a run anew from its log: table, pictures, report.json."""
    made: Any = launcher.finish(System.read(run_dir), run_dir)
    if made is None:
        raise UsageError(f"{run_dir}: its launch file names no report")
    if as_json:
        typer.echo(json.dumps(made.as_dict()))
    else:
        made.print()
