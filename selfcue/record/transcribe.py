"""Any log, a part of it, or several as one, written as an MCAP log: what convert, cut and merge do."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from selfcue.errors import BadInputError, SelfcueError
from selfcue.messages import Message
from selfcue.record import sources
from selfcue.record.layout import START
from selfcue.record.mcap_file import Compression
from selfcue.record.rules import TopicRule
from selfcue.record.run_log import open_log
from selfcue.record.writer import LogWriter

CONVERTED = "selfcue.converted"
"""Metadata record of a log made from others: from which, by which readers, what could not be taken along."""
_OWN = "mcap"


@dataclass(frozen=True)
class Part:
    """What to take of a log.

    Attributes:
        start_s: from so many seconds after its first message.
        duration_s: so many seconds; 0: to the end.
        topics: these alone; empty: all.
    """

    start_s: float = 0.0
    duration_s: float = 0.0
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """What came of it.

    Attributes:
        path: the log that was made.
        counts: messages by topic that are in it.
        not_converted: by topic, the type that has no counterpart among our messages, and how many there are.
        refused: by topic, messages that no ROS type can hold: how many, and why the first.
        losses: what the logs missed already, one line a log.
        nbytes: size of the file.
    """

    path: Path
    counts: dict[str, int]
    not_converted: dict[str, tuple[str, int]]
    refused: dict[str, tuple[int, str]]
    losses: tuple[str, ...]
    nbytes: int

    @property
    def incomplete(self) -> str:
        """What is missing, in one line; empty where nothing is."""
        parts = [
            f"{topic}: {count} messages of {schema} have no counterpart"
            for topic, (schema, count) in self.not_converted.items()
        ]
        parts += [f"{topic}: {count} messages do not fit ({why})" for topic, (count, why) in self.refused.items()]
        return "; ".join([*parts, *self.losses])


def _silent(done: int, total: int) -> None:
    """Show nothing."""
    del done, total


class _Item(NamedTuple):
    log_time_ns: int
    order: int
    topic: str
    message: Message


@dataclass
class _Input:
    path: Path
    reader: str
    source: sources.Source
    own: bool
    topics: dict[str, Any] = field(default_factory=dict)


def transcribe(
    paths: Sequence[Path],
    out: Path,
    part: Part | None = None,
    *,
    rules: dict[str, TopicRule] | None = None,
    compression: Compression = "lz4",
    force: bool = False,
    progress: Callable[[int, int], None] = _silent,
) -> Transcript:
    """Write the messages of all ``paths``, in the order of time, into the new log ``out``.

    Log time is the stamp, or, of our own logs, their log time; what holds at the beginning of a part (calibration) is
    stamped with it. ``out`` appears when it is whole: whatever interrupts, nothing is left.

    Args:
        progress: called with messages written and expected, now and then.

    Raises:
        BadInputError: a log cannot be read, or ``out`` exists and ``force`` is not given, or a topic is not there.
        LossError: the disk is full.
    """
    part = part or Part()
    inputs = [_open(path, part.topics) for path in paths]
    _check_out(paths, out, force=force)
    _check_topics(inputs, part.topics)
    first_ns, end_ns = _range(inputs, part)
    infos = [sources.contents(one.source) for one in inputs]
    unknown: dict[str, tuple[str, int]] = {}
    total = 0
    for found in infos:
        for topic, info in found.items():
            wanted = not part.topics or topic in part.topics
            total += info.count if wanted and info.type else 0
            if wanted and not info.type and info.count:
                unknown[topic] = (info.schema, info.count + unknown.get(topic, ("", 0))[1])
    losses = tuple(f"{one.path.name}: {said}" for one in inputs if (said := sources.loss(one.source)))
    aside = out.with_name(out.name + ".part")
    aside.unlink(missing_ok=True)
    writer = LogWriter(aside, rules=rules, compression=compression, metadata={"made_from": _names(inputs)})
    try:
        refused = _copy(_merged(inputs, first_ns, end_ns), writer, lambda done: progress(done, total))
        _note(writer, unknown, refused, losses)
        writer.close({CONVERTED: _about(inputs, unknown)})
        progress(total, total)
        nbytes = aside.stat().st_size
        aside.replace(out)
    except BaseException:
        _abandon(writer, aside)
        raise
    return Transcript(out, dict(sorted(writer.counts.items())), unknown, refused, losses, nbytes)


def _open(path: Path, topics: tuple[str, ...]) -> _Input:
    name, source = sources.open_named(path)
    own = name == _OWN and START in open_log(path).metadata
    kinds = {topic: kind for topic, kind in source.topics().items() if not topics or topic in topics}
    return _Input(path, name, source, own, kinds)


def _check_out(paths: Sequence[Path], out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise BadInputError(f"{out} is a folder; give the name of a file, like {out / 'log.mcap'}")
    if out.suffix != ".mcap":
        raise BadInputError(f"{out}: logs are written as MCAP; give it a name that ends in .mcap")
    if not out.parent.is_dir():
        raise BadInputError(f"{out.parent}: no such folder; make it first")
    if out.exists():
        if any(path.exists() and out.samefile(path) for path in paths):
            raise BadInputError(f"{out} is the log that is read; choose another name")
        if not force:
            raise BadInputError(f"{out} exists already; choose another name, or overwrite it with --force")


def _check_topics(inputs: Sequence[_Input], topics: tuple[str, ...]) -> None:
    offered = {topic for one in inputs for topic in sources.contents(one.source)}
    missing = sorted(set(topics) - offered)
    if missing:
        raise BadInputError(f"no topic {missing[0]!r} in {_names(inputs)}; there are {', '.join(sorted(offered))}")


def _range(inputs: Sequence[_Input], part: Part) -> tuple[int | None, int | None]:
    """Return the first time to take and the first not to take any more; None has no limit."""
    start_ns = min(one.source.start_ns for one in inputs)
    if part.start_s:
        last_ns = max(one.source.end_ns for one in inputs)
        if start_ns + part.start_s * 1e9 > last_ns:
            length_s = (last_ns - start_ns) / 1e9
            raise BadInputError(f"the part begins at {part.start_s:g} s, and the log is {length_s:.2f} s long")
    first_ns = start_ns + round(part.start_s * 1e9)
    end_ns = first_ns + round(part.duration_s * 1e9) if part.duration_s else None
    return first_ns if part.start_s else None, end_ns


def _merged(inputs: Sequence[_Input], first_ns: int | None, end_ns: int | None) -> Iterator[_Item]:
    runs = [_items(one, order, first_ns, end_ns) for order, one in enumerate(inputs)]
    return heapq.merge(*runs, key=lambda item: item[:2]) if len(runs) > 1 else runs[0]


def _items(one: _Input, order: int, first_ns: int | None, end_ns: int | None) -> Iterator[_Item]:
    if one.own and first_ns is None:  # as it was recorded: log time, publishers and numbers stay
        for topic, message, log_time_ns in open_log(one.path).messages(list(one.topics)):
            if end_ns is not None and log_time_ns >= end_ns:
                return
            yield _Item(log_time_ns, order, topic, message)
        return
    numbers: Counter[tuple[str, str]] = Counter()
    for stamp_ns, topic, message in one.source.messages(first_ns):
        if topic not in one.topics:
            continue
        if end_ns is not None and stamp_ns >= end_ns:
            return
        if not one.own:
            key = (topic, message.source)
            message = msgspec.structs.replace(message, seq=numbers[key])  # noqa: PLW2901
            numbers[key] += 1
        if first_ns is not None and stamp_ns < first_ns:
            message = msgspec.structs.replace(message, stamp_ns=first_ns)  # noqa: PLW2901
        yield _Item(max(stamp_ns, first_ns or 0), order, topic, message)


def _copy(items: Iterator[_Item], writer: LogWriter, progress: Callable[[int], None]) -> dict[str, tuple[int, str]]:
    refused: dict[str, tuple[int, str]] = {}
    for done, item in enumerate(items, start=1):
        try:
            writer.write(item.topic, item.message, item.log_time_ns)
        except BadInputError as error:
            count, why = refused.get(item.topic, (0, str(error)))
            refused[item.topic] = (count + 1, why)
        if done % 256 == 0:
            progress(done)
    return refused


def _note(
    writer: LogWriter,
    unknown: dict[str, tuple[str, int]],
    refused: dict[str, tuple[int, str]],
    losses: tuple[str, ...],
) -> None:
    """Tell the new log what it misses."""
    for topic, (schema, count) in unknown.items():
        writer.note_lost(topic, f"{topic} has messages of {schema}, which selfcue does not know", number=count)
    for topic, (count, why) in refused.items():
        writer.note_lost(topic, why, number=count)
    for said in losses:
        writer.why_lost = writer.why_lost or said


def _about(inputs: Sequence[_Input], unknown: dict[str, tuple[str, int]]) -> dict[str, str]:
    return {
        "from": _names(inputs),
        "readers": ", ".join(one.reader for one in inputs),
        "time_base": "; ".join(dict.fromkeys(sources.time_base(one.source) for one in inputs)),
        "not_converted": json.dumps({topic: list(found) for topic, found in unknown.items()}),
    }


def _names(inputs: Sequence[_Input]) -> str:
    return ", ".join(one.path.resolve().name for one in inputs)


def _abandon(writer: LogWriter, aside: Path) -> None:
    try:
        writer.close()
    except SelfcueError:
        pass  # the disk is full, most likely: what is there is removed anyway
    finally:
        aside.unlink(missing_ok=True)
