"""``selfcue bench``: measure what the project claims."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import typer

from selfcue.benchmarks.page import write_page
from selfcue.errors import UsageError

NAMES = {
    "first-flight": "selfcue.benchmarks.first_flight",
    "bus": "selfcue.benchmarks.bus",
    "logs": "selfcue.benchmarks.logs",
    "sensors": "selfcue.benchmarks.sensors",
    "stereo-quality": "selfcue.benchmarks.stereo_quality",
    "offline": "selfcue.benchmarks.offline",
    "viewers": "selfcue.benchmarks.viewers",
}

app = typer.Typer()


@app.command("bench")
def bench(
    name: str = typer.Argument("", help="Which benchmark; --list shows them."),
    list_all: bool = typer.Option(False, "--list", help="List the benchmarks."),
    quick: bool = typer.Option(False, "--quick", help="A smaller run of the same code (claims are not judged by it)."),
    work: Path = typer.Option(Path("runs/bench"), help="Folder for the runs; what is done there is not done again."),
    page: Path | None = typer.Option(None, help="Write the page of all full results in --work, and run nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object: rows and claims."),
) -> int:
    """Run a benchmark: a table of what was measured and every claim, met or missed (exit code 1: one is missed)."""
    if list_all:
        for known, module in NAMES.items():
            typer.echo(f"{known:<16} {(importlib.import_module(module).__doc__ or '').partition(chr(10))[0]}")
        return 0
    if page is not None:
        write_page([path for path in work.glob("*.json") if not path.stem.endswith("-quick")], page)
        return 0
    if name not in NAMES:
        raise UsageError(f"no benchmark {name!r}; there is: {', '.join(NAMES)}")
    result = importlib.import_module(NAMES[name]).measure(work / (name + ("-quick" if quick else "")), quick=quick)
    result.write(work / f"{name}{'-quick' if quick else ''}.json")
    if as_json:
        typer.echo(json.dumps(result.as_dict()))
    else:
        result.print()
    return 0 if result.holds or quick else 1
