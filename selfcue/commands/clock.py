"""``selfcue clock``: how far the clocks of the running processes are from this one's."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict

import typer

from selfcue.clock import WallClock
from selfcue.clock_exchange import CALL, exchange
from selfcue.commands.listen import NOBODY, cards_present
from selfcue.directory import FolderDirectory
from selfcue.errors import BadInputError
from selfcue.offsets import OffsetConfig, OffsetEstimator


def clock(
    process: str = typer.Argument("", help="Name of a process; all live ones where none is given."),
    seconds: float = typer.Option(2.0, min=0.1, help="How long to ask each; skew needs a minute or more."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per line."),
) -> None:
    """Measure offset and skew of each process's clock against the wall's clock here, with what they may be wrong by.

    On one machine all offsets are 0, unless the wall was set since the run began: a run keeps the time it began with.
    """
    telling = [card.name for card in cards_present() if f"{card.name}/{CALL}" in card.calls]
    chosen = [name for name in telling if process in ("", name)]
    if not chosen:
        known = ", ".join(telling) or NOBODY
        raise BadInputError(f"no process {process!r} tells the wall's time; those that do: {known}")
    directory, here = FolderDirectory(), WallClock()
    for name in chosen:
        estimator = OffsetEstimator(OffsetConfig(window_s=max(60.0, seconds)))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            exchange(directory, name, here, estimator, timeout_s=5.0)
        found = estimator.estimate()
        assert found is not None
        if as_json:
            row = {key: value if math.isfinite(value) else None for key, value in asdict(found).items()}
            typer.echo(json.dumps({"process": name, **row}))
            continue
        skew = f"{found.skew_ppm:+.1f} +- {found.skew_uncertainty_ppm:.1f} ppm"
        offset = f"{found.offset_ns / 1e6:+.3f} +- {found.uncertainty_ns / 1e6:.3f} ms"
        typer.echo(f"{name:<20} {offset:<28} skew {skew:<24} {found.samples} exchanges")
