"""The command ``selfcue log``: what is in a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcue.errors import LossError
from selfcue.record import log_commands

app = typer.Typer(help="Recorded logs: look into them, prove, mend, cut, merge and convert them.", no_args_is_help=True)


@app.callback()
def _log() -> None:
    """Recorded logs: look into them, prove, mend, cut, merge and convert them."""


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="A log of any format that a reader knows, or a run's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Say what is in a log: topics, types, counts, rates, duration, size, and whether anything is missing.

    Exit code 5 where something is.
    """
    from selfcue.record.summary import summarise

    summary = summarise(path)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        _show(summary)
    if not summary["complete"]:
        raise LossError(f"{path} is incomplete: {summary['loss']}")


@app.command()
def recover(
    path: Annotated[Path, typer.Argument(help="A log that was cut off, damaged, or met a full disk.")],
    out: Annotated[Path | None, typer.Option(help="The new file; default: NAME.recovered.mcap beside it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Write everything that is whole in a damaged log to a new file, and prove it by reading it again.

    Every chunk that fits its checksum is kept, wherever in the file it lies; the old file is never touched, and doing
    it twice changes nothing. Exit code 5 where the new log misses something.
    """
    from dataclasses import asdict

    from selfcue.record import recover as repair

    found = repair.recover(path, out)
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str))
    else:
        for line in repair.told(found):
            typer.echo(line)
    if not found.complete:
        raise LossError(f"{found.path or path} is incomplete; see: selfcue log info {found.path or path}")


for _command in (
    log_commands.ls,
    log_commands.convert,
    log_commands.cut,
    log_commands.merge,
    log_commands.check,
    log_commands.plot,
):
    app.command()(_command)


def _show(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(summary["path"], markup=False, highlight=False, style="bold")
    size = f"{_size(summary['bytes'])}, {summary['messages']} messages in {summary['duration_s']:.3f} s"
    console.print(f"{size}, from {summary['start_s']:.3f} s to {summary['end_s']:.3f} s", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("topic", "left"),
        ("type", "left"),
        ("messages", "right"),
        ("Hz", "right"),
        ("from", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for topic in summary["topics"]:
        kind = topic["type"] or f"({topic['schema']})"
        rate = "" if topic["rate_hz"] is None else f"{topic['rate_hz']:.1f}"
        table.add_row(topic["topic"], kind, str(topic["messages"]), rate, ", ".join(topic["sources"]))
    console.print(table)
    if summary["time_base"]:
        console.print(f"time: {summary['time_base']}", markup=False, highlight=False)
    if summary["not_converted"]:
        listed = ", ".join(f"{topic} {count}" for topic, count in summary["not_converted"].items())
        console.print(f"not convertible: {listed}", markup=False, highlight=False, style="yellow")
    for name, counts in (("left out as asked for", summary["throttled"]), ("lost", summary["lost"])):
        if counts:
            listed = ", ".join(f"{topic} {count}" for topic, count in counts.items())
            console.print(f"{name}: {listed}", markup=False, highlight=False)
    console.print("complete" if summary["complete"] else "INCOMPLETE", style="green" if summary["complete"] else "red")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
