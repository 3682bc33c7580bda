"""``selfcue sensors``: what is plugged in, whether it delivers, and what it sees."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from selfcue.errors import BadInputError, LossError
from selfcue.optional import require
from selfcue.sensors.survey import Probe, as_readings, driver_of, find
from selfcue.sensors.survey import probe as probe_device

app = typer.Typer(
    help="Sensors that are plugged in: list them, probe one, draw what it sees.\n\n"
    "A sensor is named DRIVER:SOURCE, as `selfcue sensors list` prints it.",
    no_args_is_help=True,
)
_NAME = typer.Argument(..., metavar="DRIVER:SOURCE", help="Which one, as `selfcue sensors list` prints it.")
_TITLE = 60
"""Characters of a device's name that fit over its picture."""
_JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command("list")
def list_sensors(as_json: bool = _JSON) -> None:
    """Find what is plugged in, by every driver that is installed (also those of other packages)."""
    found = find()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=dict))
        return
    for one in found:
        for device in one.devices:
            detail = ", ".join(f"{key} {value}" for key, value in device.detail.items())
            typer.echo(f"{one.driver + ':' + device.source:<44} {device.kind:<8} {device.label}")
            if detail:
                typer.echo(f"{'':<44} {detail}")
    nothing = ", ".join(one.driver for one in found if not one.devices and not one.error)
    if nothing:
        typer.echo(f"nothing found by: {nothing}")
    for one in found:
        if one.error:
            typer.echo(f"{one.driver}: {one.error}", err=True)


@app.command()
def probe(
    name: str = _NAME,
    seconds: float = typer.Option(3.0, min=0.1, help="How long to read it."),
    as_json: bool = _JSON,
) -> None:
    """Open a sensor, read it for some seconds, and say what came: rate, gaps, losses, clock (exit code 5: losses)."""
    found = _read(name, seconds)
    if as_json:
        row = {key: value for key, value in asdict(found).items() if key != "readings"}
        typer.echo(json.dumps(row, default=str))
    else:
        _print(found)
    missed = found.status.lost + found.status.dropped
    if not found.readings:
        raise LossError(f"{found.status.name}: opened, but nothing came in {seconds} s; is it measuring?")
    if missed or found.status.reconnects:
        raise LossError(f"{found.status.name}: {missed} readings lost, opened again {found.status.reconnects} times")


@app.command()
def show(
    name: str = _NAME,
    seconds: float = typer.Option(3.0, min=0.1, help="How long to read it before it is drawn."),
    out: Path = typer.Option(Path("sensor.png"), help="The picture's file; one that exists is not overwritten."),
    force: bool = typer.Option(False, "--force", help="Overwrite it."),
) -> None:
    """Draw what a sensor sees: a camera's last picture, a microphone's spectrogram, an IMU's curves, a scan."""
    if out.exists() and not force:
        raise BadInputError(f"{out} exists; choose another --out, or --force")
    if out.suffix.lower() not in (".png", ".svg", ".pdf", ".jpg"):
        raise BadInputError(f"{out}: a picture's file ends with .png, .svg, .pdf or .jpg")
    figures: Any = require("matplotlib.figure", extra="vision")
    found = _read(name, seconds)
    if not found.readings:
        raise LossError(f"{found.status.name}: opened, but nothing came in {seconds} s; is it measuring?")
    figure = figures.Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    driver_of(name).draw(as_readings(found), axes)
    name_in_short = found.status.name if len(found.status.name) <= _TITLE else f"...{found.status.name[-_TITLE:]}"
    axes.set_title(f"{name_in_short}, {found.rate_hz:.1f} Hz")
    figure.savefig(out, dpi=120)
    typer.echo(f"{out}: {len(found.readings)} readings of {found.status.name}")


def _read(name: str, seconds: float) -> Probe:
    driver_of(name)  # a wrong name fails before anything is opened
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"reading {name}", total=seconds)
        return probe_device(lambda: driver_of(name), seconds, lambda passed_s: bar.update(task, completed=passed_s))


def _print(found: Probe) -> None:
    status = found.status
    rows = [
        ("device", status.name),
        *((key.replace("_", " "), value) for key, value in found.description.items()),
        ("readings", f"{len(found.readings)} in {found.rate_hz:.2f} Hz (asked {status.asked_hz:g})"),
        (
            "gaps",
            f"{found.gap_p50_ms:.2f} ms usual, {found.gap_max_ms:.2f} ms longest, jitter {found.jitter_ms:.2f} ms",
        ),
        ("lost", f"{status.lost} by the driver, {status.dropped} here"),
        ("state", f"{status.state}{': ' + status.error if status.error else ''}"),
        ("clock", f"{status.clock_jumps} jumps, within {status.clock_uncertainty_ns * 1e-6:.2f} ms"),
    ]
    for key, value in rows:
        typer.echo(f"{key:<12} {value}")
