"""Pictures of a log: numbers over time, or when its messages came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError, UsageError
from selfcue.optional import require
from selfcue.record import sources
from selfcue.record.stamp_order import Entry

_SUFFIXES = (".png", ".svg", ".pdf")
_MOST_PARTS = 16


def draw(
    log: Path, fields: tuple[str, ...], out: Path, *, start_s: float = 0.0, duration_s: float = 0.0, force: bool = False
) -> str:
    """Draw ``TOPIC:FIELD`` over time, one panel each, or without fields every topic's messages as marks on a line.

    A field may be a number, a vector or a dict of numbers (``imu:angular_velocity``, ``battery:values.voltage_v``).

    Returns:
        What was drawn, in a few words.

    Raises:
        BadInputError: no such topic or field, nothing to draw, or ``out`` exists and ``force`` is not given.
    """
    if out.suffix not in _SUFFIXES:
        raise BadInputError(f"{out}: pictures are written as {', '.join(_SUFFIXES)}")
    if out.exists() and not force:
        raise BadInputError(f"{out} exists already; choose another name, or overwrite it with --force")
    source = sources.open_source(log)
    begin_ns = source.start_ns + round(start_s * 1e9)
    end_ns = begin_ns + round(duration_s * 1e9) if duration_s else None
    wanted = [_wanted(name, source) for name in fields]
    times: dict[str, list[float]] = {topic: [] for topic in sorted(source.topics())}
    values: list[tuple[list[float], list[dict[str, float]]]] = [([], []) for _ in wanted]
    for entry in _range(source, begin_ns if start_s else None, end_ns):
        stamp_ns, topic, message = entry
        at_s = (stamp_ns - source.start_ns) / 1e9
        times[topic].append(at_s)
        for (its, path), (ts, found) in zip(wanted, values, strict=True):
            if its == topic:
                ts.append(at_s)
                found.append(_numbers(message, path, f"{topic}:{path}"))
    figure, said = _fields_figure(fields, values) if fields else _timing_figure(times)
    aside = out.with_name(f".{out.name}.part{out.suffix}")
    try:
        figure.savefig(aside, dpi=110)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    return said


def _range(source: sources.Source, begin_ns: int | None, end_ns: int | None) -> Iterator[Entry]:
    for entry in source.messages(begin_ns):
        if end_ns is not None and entry[0] >= end_ns:
            return
        if begin_ns is None or entry[0] >= begin_ns:
            yield entry


def _wanted(name: str, source: sources.Source) -> tuple[str, str]:
    topic, colon, path = name.rpartition(":")
    if not colon:
        raise UsageError(f"{name!r} is not TOPIC:FIELD, as in imu:angular_velocity")
    if topic not in source.topics():
        raise BadInputError(f"no topic {topic!r} in the log; there are {', '.join(sorted(source.topics()))}")
    return topic, path


def _numbers(message: Any, path: str, name: str) -> dict[str, float]:
    """Return the numbers of a field by label."""
    head, _, rest = path.partition(".")
    if head not in message.__struct_fields__:
        raise BadInputError(f"{name}: no such field; there are {', '.join(message.__struct_fields__)}")
    value: Any = getattr(message, head)
    if rest:
        if isinstance(value, dict) and rest in value:
            value = value[rest]
        elif isinstance(value, tuple) and rest.isdigit() and int(rest) < len(value):
            value = value[int(rest)]
        elif isinstance(value, dict):
            raise BadInputError(f"{name}: {head} has no {rest!r}; it has {', '.join(list(value)[:_MOST_PARTS])}")
        else:
            raise BadInputError(f"{name}: {head} has no part {rest!r}")
    if isinstance(value, (bool, int, float)):
        return {"": float(value)}
    if isinstance(value, dict):
        value = dict(list(value.items())[:_MOST_PARTS])
        return {str(key): float(one) for key, one in value.items() if isinstance(one, (bool, int, float))}
    if isinstance(value, tuple) and value and all(isinstance(one, (int, float)) for one in value):
        labels = "xyzw" if len(value) <= 4 else [str(i) for i in range(_MOST_PARTS)]
        return dict(zip(labels, map(float, value), strict=False))
    raise BadInputError(f"{name} is a {type(value).__name__}, which cannot be drawn over time; name a number")


def _figure(rows: int) -> tuple[Any, Any]:
    require("matplotlib", extra="logs")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 2.2 * rows), layout="constrained")
    return figure, figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]


def _fields_figure(
    fields: tuple[str, ...], values: list[tuple[list[float], list[dict[str, float]]]]
) -> tuple[Any, str]:
    figure, axes = _figure(len(fields))
    points = 0
    for name, (ts, found), axis in zip(fields, values, axes, strict=True):
        if not found:
            raise BadInputError(f"{name}: no message in the chosen part")
        for label in dict.fromkeys(label for one in found for label in one):
            line = np.array([one.get(label, np.nan) for one in found])
            axis.plot(ts, line, linewidth=0.8, marker="." if len(line) < 200 else "", label=label or name)
        points += len(ts)
        axis.set_title(name, loc="left", fontsize=9)
        if len(found[0]) > 1:
            axis.legend(fontsize=7, loc="upper right")
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("seconds from the beginning of the log")
    return figure, f"{len(fields)} fields, {points} messages"


def _timing_figure(times: dict[str, list[float]]) -> tuple[Any, str]:
    rows = {topic: ts for topic, ts in times.items() if ts}
    if not rows:
        raise BadInputError("no message in the chosen part")
    figure, (axis,) = _figure(1)
    figure.set_size_inches(10, 1.5 + 0.28 * len(rows))
    for i, ts in enumerate(rows.values()):
        axis.plot(ts, np.full(len(ts), i), "|", markersize=7)
    axis.set_yticks(range(len(rows)), [f"{topic} ({len(ts)})" for topic, ts in rows.items()], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel("seconds from the beginning of the log")
    axis.grid(alpha=0.3, axis="x")
    return figure, f"{len(rows)} topics, {sum(map(len, rows.values()))} messages"
