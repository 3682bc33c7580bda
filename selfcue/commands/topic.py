"""``selfcue topic``: what flows on the bus, as a ROS user expects it."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import typer

from selfcue.bus import Bus, Received
from selfcue.directory import FolderDirectory
from selfcue.errors import BadInputError

app = typer.Typer(help="Topics of the running system: list, echo, hz.", no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object per line.")


def topics_present() -> dict[str, tuple[str, list[str]]]:
    """Return topic to (type, processes that publish it) of the running system."""
    found: dict[str, tuple[str, list[str]]] = {}
    for card in FolderDirectory().cards():
        for name, kind in card.topics.items():
            found.setdefault(name, (kind, []))[1].append(card.name)
    return dict(sorted(found.items()))


@app.command("list")
def list_topics(as_json: bool = _JSON) -> None:
    """List the topics with their types and publishers."""
    for name, (kind, processes) in topics_present().items():
        if as_json:
            typer.echo(json.dumps({"topic": name, "type": kind, "publishers": processes}))
        else:
            typer.echo(f"{name:<28} {kind:<18} {', '.join(processes)}")


@app.command()
def echo(
    topic: str = typer.Argument(..., help="Name of the topic."),
    count: int = typer.Option(0, help="Stop after that many messages (0: go on until Ctrl-C)."),
    timeout_s: float = typer.Option(0.0, "--timeout", help="Stop after that many seconds without one (0: never)."),
    as_json: bool = _JSON,
) -> None:
    """Print the messages of a topic as they come; arrays by shape and range."""
    for number, one in enumerate(_listen(topic, timeout_s), start=1):
        fields = {name: _plain(getattr(one.message, name)) for name in one.message.__struct_fields__}
        typer.echo(json.dumps(fields) if as_json else "  ".join(f"{key}={value}" for key, value in fields.items()))
        if number == count:
            return


@app.command()
def hz(
    topic: str = typer.Argument(..., help="Name of the topic."),
    window: int = typer.Option(100, min=2, help="Average over that many messages."),
    count: int = typer.Option(0, help="Stop after that many messages (0: go on until Ctrl-C)."),
    timeout_s: float = typer.Option(0.0, "--timeout", help="Stop after that many seconds without one (0: never)."),
    as_json: bool = _JSON,
) -> None:
    """Measure how often messages come: on the wall's clock and on the system's own."""
    walls: deque[float] = deque(maxlen=window)
    stamps: deque[int] = deque(maxlen=window)
    said = time.monotonic()
    for number, one in enumerate(_listen(topic, timeout_s), start=1):
        walls.append(time.monotonic())
        stamps.append(one.message.stamp_ns)
        last = number == count
        if len(walls) > 1 and (last or walls[-1] - said >= 1.0):
            said = walls[-1]
            wall_hz = (len(walls) - 1) / max(walls[-1] - walls[0], 1e-9)
            span_s = (stamps[-1] - stamps[0]) * 1e-9
            stamp_hz = (len(stamps) - 1) / span_s if span_s > 0 else 0.0
            if as_json:
                typer.echo(json.dumps({"topic": topic, "wall_hz": wall_hz, "stamp_hz": stamp_hz, "n": len(walls)}))
            else:
                typer.echo(f"{wall_hz:.1f} Hz on the wall's clock, {stamp_hz:.1f} Hz by stamps ({len(walls)} messages)")
        if last:
            return


def _listen(topic: str, timeout_s: float) -> Iterator[Received]:
    known = topics_present()
    if topic not in known:
        names = ", ".join(known) or "none: no system runs in this domain (see SELFCUE_DOMAIN)"
        raise BadInputError(f"nobody publishes {topic!r}; there is: {names}")
    with _tool_bus() as bus:
        bus.subscribe(topic)
        heard = time.monotonic()
        while True:
            bus.connect_present(every_s=0.5)
            for one in bus.poll(0.1):
                heard = time.monotonic()
                yield one
            if timeout_s and time.monotonic() - heard > timeout_s:
                raise BadInputError(f"no message on {topic!r} for {timeout_s} s")


@contextmanager
def _tool_bus() -> Iterator[Bus]:
    bus = Bus(f"tool-{os.getpid()}", FolderDirectory(), queue=100)
    try:
        yield bus
    finally:
        bus.close()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
        span = [float(finite.min()), float(finite.max())] if finite.size else None
        return {"shape": list(value.shape), "dtype": str(value.dtype), "range": span}
    return msgspec.to_builtins(value)
