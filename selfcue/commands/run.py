"""``selfcue run``: a launch file from start to report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import typer
import typer.core

from selfcue import launcher
from selfcue.config import launch as launch_files
from selfcue.config.launch import Launch, Scalar
from selfcue.errors import SelfcueError, UsageError

CONTEXT: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True}


class RunCommand(typer.core.TyperCommand):
    """``--help`` also shows the arguments of the launch file that was named."""

    def get_help(self, ctx: Any) -> str:
        text = super().get_help(ctx)
        for word in sys.argv[1:]:
            if not word.startswith("-") and word != "run":
                try:
                    return text + "\n" + arguments_help(launch_files.find(word))
                except SelfcueError:
                    continue
        return text + "\nShipped launch files (selfcue run NAME --help shows their arguments):\n" + shipped_help()


def run(
    context: typer.Context,
    launch: str = typer.Argument("", metavar="NAME|FILE.yaml", help="A shipped launch file's name, or a path."),
    quick: bool = typer.Option(False, "--quick", help="The short version (the preset 'quick'): about a minute."),
    preset: str = typer.Option("", help="A named set of arguments from the launch file."),
    out: Path | None = typer.Option(None, help="Folder of the run; default: runs/NAME-DATE."),
    resume: Path | None = typer.Option(None, help="Go on with a run that was cut off, from its newest snapshot."),
    one_process: bool = typer.Option(
        False,
        "--one-process",
        help="All nodes in threads of one process: the same results, for debuggers and profilers.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON, and nothing else."),
) -> None:
    """Run a launch file: start its processes, show what happens, stop them cleanly, and report.

    Arguments of the launch file are given as `--NAME VALUE`. Ctrl-C stops the run and saves it; `--resume` goes on.
    Logs are in RUN/logs: one file per process, one per node under nodes/, and supervisor.log.

    Examples: `selfcue run drone_depth --quick` · `selfcue run drone_depth --seed 3 --strategy dagger`
    """
    if resume is not None:
        if launch or context.args:
            raise UsageError("--resume takes the run as it was: give no launch file and no arguments with it")
        system, run_dir = launcher.resumed(resume), resume
    else:
        if not launch:
            raise UsageError(f"name a launch file; shipped: {', '.join(launch_files.shipped_names())}")
        chosen = "quick" if quick and not preset else preset or None
        system, run_dir = launcher.prepare(
            launch_files.find(launch), parse_arguments(context.args), preset=chosen, out=out
        )
    show(system, run_dir, as_json=as_json, one_process=one_process)


def show(system: Any, run_dir: Path, *, as_json: bool, one_process: bool = False) -> None:
    """Run ``system`` with a live view and print its report."""
    if as_json:
        launcher.execute(system, run_dir, one_process=one_process)
    else:
        from selfcue.view.terminal import LiveView

        typer.echo(f"{system.name}: run folder {run_dir}")
        with LiveView(title=system.name) as view:
            launcher.execute(system, run_dir, view.feed, one_process=one_process)
    report: Any = launcher.finish(system, run_dir)
    if report is None:
        return
    if as_json:
        typer.echo(json.dumps(report.as_dict()))
    else:
        report.print()


def parse_arguments(words: list[str]) -> dict[str, Scalar]:
    """Return ``--name value`` and ``--name=value`` pairs. Raises UsageError for anything else."""
    given: dict[str, Scalar] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise UsageError(f"{word!r} is not understood; launch arguments are given as --NAME VALUE")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UsageError(f"--{name} needs a value")
            value = rest.pop(0)
        given[name.replace("-", "_")] = value
    return given


def arguments_help(found: Launch) -> str:
    """Return a text that lists the arguments and presets of a launch file."""
    lines = [f"{found.name}: {found.help.strip()}", ""]
    for name, spec in found.args.items():
        choices = f" ({' | '.join(map(str, spec.choices))})" if spec.choices else ""
        unit = f" {spec.unit}" if spec.unit else ""
        lines.append(f"  --{name:<12} {spec.help}{choices}  [default: {spec.default}{unit}]")
    for name, values in found.presets.items():
        lines.append(f"  preset {name}: " + ", ".join(f"{key} = {value}" for key, value in values.items()))
    return "\n".join(lines)


def shipped_help() -> str:
    """Return a text that lists the launch files in the package."""
    rows = [(name, launch_files.find(name).help.strip()) for name in launch_files.shipped_names()]
    return "\n".join(f"  {name:<16} {text}" for name, text in rows)
