"""``selfcue topic``: what flows on the bus, as a ROS user expects it."""

from __future__ import annotations

import inspect
import json
import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from selfcue import codec
from selfcue.bus import Received
from selfcue.clock import WallClock
from selfcue.commands.listen import cards_present, listen, plain, topics_present, type_of
from selfcue.errors import BadInputError
from selfcue.messages import MESSAGE_TYPES, Message
from selfcue.system import System

app = typer.Typer(help="Topics of the running system: list, info, type, echo, hz, bw, delay.", no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object per line.")
_TOPIC = typer.Argument(..., help="Name of the topic.")
_WINDOW = typer.Option(100, min=2, help="Measure over that many messages.")
_COUNT = typer.Option(0, help="Stop after that many messages (0: go on until Ctrl-C).")
_TIMEOUT = typer.Option(0.0, "--timeout", help="Stop after that many seconds without one (0: never).")


@app.command("list")
def list_topics(as_json: bool = _JSON) -> None:
    """List the topics with their types and publishers."""
    for name, (kind, processes) in topics_present().items():
        if as_json:
            typer.echo(json.dumps({"topic": name, "type": kind, "publishers": processes}))
        else:
            typer.echo(f"{name:<28} {kind:<18} {', '.join(processes)}")


@app.command()
def info(topic: str = _TOPIC, as_json: bool = _JSON) -> None:
    """Say what a topic carries, who publishes it and who listens."""
    kind = type_of(topic)
    cards = cards_present()
    hears = [card.name for card in cards if any(_matches(wanted, topic) for wanted in card.hears)]
    publishers = [card.name for card in cards if topic in card.topics]
    if as_json:
        row = {"topic": topic, "type": kind, "publishers": publishers, "subscribers": hears, "fields": _fields(kind)}
        typer.echo(json.dumps(row))
        return
    typer.echo(f"topic        {topic}\ntype         {kind}")
    typer.echo(f"publishers   {', '.join(publishers)}\nsubscribers  {', '.join(hears) or '-'}")
    for name, what in _fields(kind).items():
        typer.echo(f"  {name:<22} {what}")


@app.command("type")
def type_(topic: str = _TOPIC, as_json: bool = _JSON) -> None:
    """Print the type of a topic's messages."""
    kind = type_of(topic)
    typer.echo(json.dumps({"topic": topic, "type": kind}) if as_json else kind)


@app.command()
def echo(topic: str = _TOPIC, count: int = _COUNT, timeout_s: float = _TIMEOUT, as_json: bool = _JSON) -> None:
    """Print the messages of a topic as they come; arrays by shape and range."""
    for number, one in enumerate(listen(topic, timeout_s), start=1):
        fields = {name: plain(getattr(one.message, name)) for name in one.message.__struct_fields__}
        typer.echo(json.dumps(fields) if as_json else "  ".join(f"{key}={value}" for key, value in fields.items()))
        if number == count:
            return


@app.command()
def hz(
    topic: str = _TOPIC, window: int = _WINDOW, count: int = _COUNT, timeout_s: float = _TIMEOUT, as_json: bool = _JSON
) -> None:
    """Measure how often messages come: on the wall's clock and on the system's own."""
    walls: deque[float] = deque(maxlen=window)
    stamps: deque[int] = deque(maxlen=window)

    def take(one: Received) -> dict[str, float]:
        walls.append(time.monotonic())
        stamps.append(one.message.stamp_ns)
        span_s = (stamps[-1] - stamps[0]) * 1e-9
        gaps = [b - a for a, b in zip(walls, list(walls)[1:], strict=False)] or [0.0]
        return {
            "wall_hz": (len(walls) - 1) / max(walls[-1] - walls[0], 1e-9),
            "stamp_hz": (len(stamps) - 1) / span_s if span_s > 0 else 0.0,
            "longest_gap_s": max(gaps),
            "n": len(walls),
        }

    def say(found: dict[str, float]) -> str:
        return (
            f"{found['wall_hz']:.1f} Hz on the wall's clock, {found['stamp_hz']:.1f} Hz by stamps, longest gap "
            f"{found['longest_gap_s'] * 1e3:.1f} ms ({found['n']} messages)"
        )

    _measure(topic, take, say, count=count, timeout_s=timeout_s, as_json=as_json)


@app.command()
def bw(
    topic: str = _TOPIC, window: int = _WINDOW, count: int = _COUNT, timeout_s: float = _TIMEOUT, as_json: bool = _JSON
) -> None:
    """Measure how many bytes come: header and arrays, as they travel."""
    walls: deque[float] = deque(maxlen=window)
    sizes: deque[int] = deque(maxlen=window)

    def take(one: Received) -> dict[str, float]:
        walls.append(time.monotonic())
        sizes.append(size_of(one.message))
        span_s = max(walls[-1] - walls[0], 1e-9)
        return {
            "bytes_per_s": (sum(sizes) - sizes[0]) / span_s,
            "mean_bytes": statistics.fmean(sizes),
            "largest_bytes": max(sizes),
            "n": len(sizes),
        }

    def say(found: dict[str, float]) -> str:
        return (
            f"{found['bytes_per_s'] / 1e6:.3f} MB/s, {found['mean_bytes'] / 1e3:.1f} kB a message, largest "
            f"{found['largest_bytes'] / 1e3:.1f} kB ({found['n']} messages)"
        )

    _measure(topic, take, say, count=count, timeout_s=timeout_s, as_json=as_json)


@app.command()
def delay(
    topic: str = _TOPIC, window: int = _WINDOW, count: int = _COUNT, timeout_s: float = _TIMEOUT, as_json: bool = _JSON
) -> None:
    """Measure the time from measurement (stamp_ns) to here, on the wall's clock."""
    owner = next((card.name for card in cards_present() if card.clock), "")
    if owner:
        raise BadInputError(f"process {owner!r} makes the time of this system; delays to the wall's clock mean nothing")
    clock = WallClock(_wall_offset_ns(topic))
    delays: deque[float] = deque(maxlen=window)

    def take(one: Received) -> dict[str, float]:
        delays.append((clock.now_ns() - one.message.stamp_ns) * 1e-9)
        return {
            "median_s": statistics.median(delays),
            "least_s": min(delays),
            "largest_s": max(delays),
            "n": len(delays),
        }

    def say(found: dict[str, float]) -> str:
        return (
            f"median {found['median_s'] * 1e3:.2f} ms, least {found['least_s'] * 1e3:.2f} ms, largest "
            f"{found['largest_s'] * 1e3:.2f} ms ({found['n']} messages)"
        )

    _measure(topic, take, say, count=count, timeout_s=timeout_s, as_json=as_json)


def _measure(
    topic: str,
    take: Callable[[Received], dict[str, float]],
    say: Callable[[dict[str, float]], str],
    *,
    count: int,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Feed messages to ``take`` and print once a second, and at the end, what it makes of them."""
    said = time.monotonic()
    for number, one in enumerate(listen(topic, timeout_s), start=1):
        found = take(one)
        if number == count or (found["n"] > 1 and time.monotonic() - said >= 1.0):
            said = time.monotonic()
            typer.echo(json.dumps({"topic": topic, **found}) if as_json else say(found))
        if number == count:
            return


def size_of(message: Message) -> int:
    """Return how many bytes ``message`` takes on the wire, its topic apart."""
    return sum(memoryview(frame).nbytes for frame in codec.encode(message, host="", count=0))


def _wall_offset_ns(topic: str) -> int | None:
    """Return how the run that publishes ``topic`` tells the time; None where it is not known (any clock will do)."""
    for card in cards_present():
        if topic in card.topics and card.run_dir:
            return System.read(Path(card.run_dir)).wall_offset_ns
    return None


def _matches(wanted: str, topic: str) -> bool:
    return topic == wanted or (wanted.endswith("/") and topic.startswith(wanted))


def _fields(kind: str) -> dict[str, Any]:
    """Return the fields of a message type with what they hold, those of all messages first."""
    found = MESSAGE_TYPES.get(kind)
    if found is None:
        return {}
    written: dict[str, str] = {}
    for one in reversed(found.__mro__):
        written.update(inspect.get_annotations(one))
    return {name: str(written.get(name, "")) for name in found.__struct_fields__}
