"""A fleet on the terminal: a bar, a line per log as it is decided, the report, and how to go on."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from selfcue.errors import LossError, SelfcueError
from selfcue.launcher import Interrupted
from selfcue.learners.fleet.job import Ending, Job, Result
from selfcue.learners.fleet.plan import Plan, alone_in
from selfcue.learners.fleet.pool import Pool
from selfcue.learners.fleet.report import FleetReport, make_report, shown
from selfcue.learners.fleet.run import Fleet
from selfcue.stop_signals import stop_signals


def carry_out(plan: Plan, out: Path, make_pool: Callable[[], Pool], *, retries: int, quiet: bool) -> FleetReport:
    """Run the fleet of ``plan`` in ``out``, show it, and write its report.

    Args:
        quiet: print the report as JSON, and nothing else.

    Raises:
        Interrupted: Ctrl-C or TERM; the message says how to go on.
        LossError: some logs failed. SelfcueError: all of them did.
    """
    jobs = plan.jobs(out)
    with alone_in(out), stop_signals() as stop, _bar(quiet) as bar:
        plan.write(out)
        fleet = Fleet(jobs, retries, stop=stop)
        kept = fleet.kept
        if kept:
            bar.print(f"{kept} of {len(jobs)} logs are done already")
        task = bar.progress.add_task(plan.task, total=len(jobs), completed=kept)

        def tell(job: Job, ending: Ending, again: bool) -> None:
            bar.print(_sentence(job, ending, again=again))
            if not again:
                bar.progress.advance(task)

        def made() -> Pool:
            """The pool; libraries that take signals for themselves give them back."""
            pool = make_pool()
            for number, handler in stop_handlers.items():
                signal.signal(number, handler)
            return pool

        stop_handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        fleet.tell = tell
        results = fleet.run(made)
        undone = [job for job in jobs if job.name not in fleet.results]
        report = make_report(plan.task, results, undone, out)
    if stop.is_set() and undone:
        line = f"stopped; {len(results)} of {len(jobs)} logs are decided; go on with: selfcue fleet resume {out}"
        raise Interrupted(line)
    if quiet:
        typer.echo(json.dumps(report.as_dict()))
    else:
        report.print()
    _raise_failures(report.failed, len(jobs), out)
    return report


def _raise_failures(failed: list[Result], number: int, out: Path) -> None:
    for result in failed:
        typer.echo(f"selfcue: {result.job.log}: {result.last.line}", err=True)
    if failed:
        kind = SelfcueError if len(failed) == number else LossError
        raise kind(f"{len(failed)} of {number} logs failed; try them again: selfcue fleet resume {out}")


def _sentence(job: Job, ending: Ending, *, again: bool) -> str:
    name = Path(job.log).name
    if ending.how == "done":
        found = list((ending.findings.figures if ending.findings else {}).items())[:2]
        figures = ", ".join(f"{key} {shown(figure)}" for key, figure in found)
        return f"{name}: done in {ending.seconds:.0f} s{': ' if figures else ''}{figures}"
    return f"{name}: {ending.line}{'; trying again' if again else ''}"


class _Bar:
    """A progress bar with lines above it; nothing where ``quiet``; on no terminal the lines alone."""

    def __init__(self, progress: Progress, quiet: bool) -> None:
        self.progress, self._quiet = progress, quiet

    def print(self, line: str) -> None:
        if not self._quiet:
            self.progress.console.print(Text(line), soft_wrap=True)


@contextmanager
def _bar(quiet: bool) -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    console = Console(highlight=False)
    with Progress(*columns, console=console, transient=True, disable=quiet or not sys.stdout.isatty()) as progress:
        yield _Bar(progress, quiet)
