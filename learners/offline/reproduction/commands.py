"""``selfcue reproduce``: what a paper claims, measured."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from selfcue.errors import BadInputError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from selfcue.learners.offline.reproduction.experiment import Experiment

app = typer.Typer()


@app.command("reproduce")
def reproduce(
    name: str = typer.Argument("", help="A method, a family, or one experiment (graphmae-ablation)."),
    everything: bool = typer.Option(False, "--all", help="All methods."),
    list_all: bool = typer.Option(False, "--list", help="List the experiments: question, data, arms, cost."),
    seeds: int = typer.Option(0, min=0, help="How many seeds; 0: as the experiment declares."),
    budget: str = typer.Option("", help="Of each training, the same for all arms: 90s, 10m or '200 epochs'."),
    only: list[str] = typer.Option([], "--data", help="Only these data sets."),
    work: Path = typer.Option(
        Path("runs/reproduce"), help="Folder for the runs; what is done there is not done again."
    ),
    page: Path | None = typer.Option(None, help="Write the page of all results in --work, and run nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print the results as JSON, and nothing else."),
) -> int:
    """Measure what a method's paper claims: ours, ablations and baselines, with equal budgets and paired seeds.

    Prints a table and what became of each claim; writes JSON and a picture below --work. A stopped run goes on.

    Example: `selfcue reproduce graphmae --seeds 3 --data cora`
    """
    from selfcue.learners.offline.budget import Budget
    from selfcue.learners.offline.reproduction import report
    from selfcue.learners.offline.reproduction.runner import run_experiment

    if page is not None:
        _write_page(work, page)
        return 0
    chosen = find_experiments("" if everything or (list_all and not name) else name, everything=everything or list_all)
    if list_all:
        for experiment in chosen:
            arms = ", ".join(arm.name for arm in experiment.arms)
            typer.echo(f"{experiment.name}: {experiment.title}")
            typer.echo(f"    on {', '.join(experiment.data)}; {experiment.seeds} seeds of {arms}; {experiment.size}")
        return 0
    limit = Budget.parse(budget) if budget else None
    held, told = True, []
    for experiment in chosen:
        outcome = run_experiment(
            experiment, work / "runs", seeds=seeds or None, budget=limit, only=only, show=not as_json
        )
        today = dt.datetime.now(tz=dt.timezone.utc).date().isoformat()
        path = report.write(outcome, work, _commit(), today)
        held = held and all(verdict.holds for verdict in outcome.verdicts)
        if as_json:
            told.append(json.loads(path.read_text(encoding="utf-8")))
        else:
            report.print_outcome(outcome)
            typer.echo(f"wrote {path} and {path.with_suffix('.png').name}")
    if as_json:
        typer.echo(json.dumps(told))
    return 0 if held else 1


def find_experiments(name: str, *, everything: bool) -> list[Experiment]:
    """Return the experiments of a method, a family or one name; all of them with ``everything``.

    Raises:
        UsageError: nothing was asked for. BadInputError: there is nothing of that name.
    """
    from selfcue import plugins
    from selfcue.learners.offline.registry import REPRODUCTIONS, experiments_of, method_class

    if not name and not everything:
        raise UsageError("reproduce what? Name a method, a family or an experiment, or say --all; see --list")
    methods = plugins.names(REPRODUCTIONS)
    if everything:
        return [experiment for method in methods for experiment in experiments_of(method)]
    if name in methods:
        return list(experiments_of(name))
    found: list[Experiment] = []
    for method in methods:
        with suppress(MissingDependencyError):  # one that does not load must not hide the others
            found += experiments_of(method)
    single = [experiment for experiment in found if experiment.name == name]
    family = [experiment for experiment in found if method_class(experiment.method).about.family == name]
    if not single and not family:
        raise BadInputError(f"nothing to reproduce under {name!r}; there is: {', '.join(e.name for e in found)}")
    return single or family


def _write_page(work: Path, page: Path) -> None:
    from selfcue.learners.offline.reproduction.page import read_results, short_figures, write_page

    results = read_results(work)
    run = {result["experiment"] for result in results}
    known = find_experiments("", everything=True)
    write_page(results, page, [(one.name, one.title, one.size) for one in known if one.name not in run])
    place = Path(__file__).resolve().parents[1] / "measured.json"
    if place.parent.joinpath("method.py").exists():
        place.write_text(json.dumps(short_figures(results), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    typer.echo(f"wrote {page} and {place.name}")


def _commit() -> str:
    """Return the commit of the checkout that the code lies in; '' outside one."""
    import subprocess

    folder = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
