"""The commands of ``selfcue log`` that take logs of any format: ls, convert, cut, merge, check, plot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfcue.errors import LossError

if TYPE_CHECKING:
    from selfcue.record.rules import TopicRule
    from selfcue.record.transcribe import Part, Transcript


class Squeeze(str, Enum):
    """How chunks are compressed."""

    LZ4 = "lz4"
    ZSTD = "zstd"
    NONE = "none"


_Log = Annotated[Path, typer.Argument(metavar="LOG", help="A log of any format that a reader knows.")]
_Out = Annotated[Path, typer.Argument(metavar="OUT", help="The new log, NAME.mcap.")]
_Topics = Annotated[list[str] | None, typer.Option("--topic", help="This topic alone; repeat it for more.")]
_Start = Annotated[float, typer.Option(min=0.0, help="Seconds from the beginning.")]
_Duration = Annotated[float, typer.Option(min=0.0, help="Seconds to take (0: to the end).")]
_Force = Annotated[bool, typer.Option("--force", help="Overwrite OUT.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
_Compression = Annotated[Squeeze, typer.Option(help="Of chunks: lz4, zstd or none.")]
_Jpeg = Annotated[int | None, typer.Option(min=1, max=100, help="Store 8 bit pictures as JPEG of this quality.")]


def ls(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Logs or folders; default: here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per log.")] = False,
) -> None:
    """List the logs in a folder, of whatever format: reader, length, messages, size."""
    from selfcue.record.survey import survey

    for found in survey(paths or [Path()]):
        if as_json:
            typer.echo(json.dumps(asdict(found), default=str))
        elif found.problem:
            typer.echo(f"{found.path}  {found.reader}: {found.problem}")
        else:
            size = f"{found.nbytes / 1e6:.1f} MB"
            said = f"{found.duration_s:.1f} s, {found.messages} messages on {found.topics} topics, {size}"
            typer.echo(f"{found.path}  {found.reader}: {said}{'  INCOMPLETE' if found.loss else ''}")


def convert(
    log: _Log,
    out: _Out,
    topics: _Topics = None,
    start: _Start = 0.0,
    duration: _Duration = 0.0,
    jpeg: _Jpeg = None,
    compression: _Compression = Squeeze.LZ4,
    force: _Force = False,
    as_json: _Json = False,
) -> None:
    """Write a log of any format as MCAP, which ROS 2, Foxglove and Rerun open.

    Exit code 5 where something could not be taken along; it says what.
    """
    _transcribe([log], out, _part(start, duration, topics), jpeg, compression, force=force, as_json=as_json)


def cut(
    log: _Log,
    out: _Out,
    start: _Start = 0.0,
    duration: _Duration = 0.0,
    topics: _Topics = None,
    compression: _Compression = Squeeze.LZ4,
    force: _Force = False,
    as_json: _Json = False,
) -> None:
    """Write a part of a log: from a second on, for so long, these topics. Calibration that holds then comes along."""
    _transcribe([log], out, _part(start, duration, topics), None, compression, force=force, as_json=as_json)


def merge(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG... OUT", help="Logs, then the new log, NAME.mcap.")],
    topics: _Topics = None,
    compression: _Compression = Squeeze.LZ4,
    force: _Force = False,
    as_json: _Json = False,
) -> None:
    """Write several logs as one, in the order of time; they should count time from the same zero."""
    from selfcue.errors import UsageError

    *inputs, out = logs
    if len(inputs) < 2:
        raise UsageError("selfcue log merge takes two logs or more, and the new one: merge A B OUT.mcap")
    _transcribe(inputs, out, _part(0.0, 0.0, topics), None, compression, force=force, as_json=as_json)


def check(log: _Log, as_json: _Json = False) -> None:
    """Read every message of a log and say what is wrong with it. Exit code 5 where something is missing."""
    from selfcue.record.check import check as read

    found = read(log)
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str))
    else:
        typer.echo(f"{found.path}: {found.messages} messages read ({found.reader})")
        for topic, one in found.topics.items():
            late = f", {one.late} out of order" if one.late else ""
            gaps = f", {one.gaps} gaps of up to {one.longest_gap_s:.3f} s" if one.gaps else ""
            typer.echo(f"  {topic}: {one.messages}, every {one.period_s * 1e3:.3f} ms{late}{gaps}")
        for topic, count in found.not_converted.items():
            typer.echo(f"  {topic}: {count} of a type that selfcue does not know")
    if found.problems:
        raise LossError(f"{log} is incomplete: {'; '.join(found.problems)}")


def plot(
    log: _Log,
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC:FIELD]...", help="As imu:angular_velocity; none: a timing chart."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The picture, PNG or SVG.")] = Path("log.png"),
    start: _Start = 0.0,
    duration: _Duration = 0.0,
    force: _Force = False,
) -> None:
    """Draw numbers of a log over time, or when its messages came."""
    from selfcue.record.plot import draw

    drawn = draw(log, tuple(fields or ()), out, start_s=start, duration_s=duration, force=force)
    typer.echo(f"{out}: {drawn}")


def _part(start_s: float, duration_s: float, topics: Sequence[str] | None) -> Part:
    from selfcue.record.transcribe import Part

    return Part(start_s, duration_s, tuple(topics or ()))


def _transcribe(
    logs: Sequence[Path],
    out: Path,
    part: Part,
    jpeg: int | None,
    compression: Squeeze,
    *,
    force: bool,
    as_json: bool,
) -> None:
    from selfcue.record.rules import TopicRule
    from selfcue.record.transcribe import transcribe

    rules: dict[str, TopicRule] = {} if jpeg is None else {"*": TopicRule(jpeg=jpeg)}
    with _progress(out.name) as progress:
        found = transcribe(logs, out, part, rules=rules, compression=compression.value, force=force, progress=progress)
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"complete": not found.incomplete}, default=str))
    else:
        _tell(found)
    if found.incomplete:
        raise LossError(f"{out} is incomplete: {found.incomplete}")


def _tell(found: Transcript) -> None:
    typer.echo(f"{found.path}: {sum(found.counts.values())} messages, {found.nbytes / 1e6:.2f} MB")
    for topic, count in found.counts.items():
        typer.echo(f"  {topic}: {count}")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal's error output; on anything else nothing."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
