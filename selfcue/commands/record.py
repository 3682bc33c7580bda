"""``selfcue record``: listens to a running system on this machine and writes what it hears."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from selfcue.bus import Bus
from selfcue.calls import Desk, Service, call
from selfcue.clock import WallClock
from selfcue.commands.listen import NOBODY, cards_present, topics_present
from selfcue.config.decode import decode
from selfcue.directory import FolderDirectory
from selfcue.errors import BadInputError, LossError, SelfcueError, UsageError
from selfcue.messages import MESSAGE_TYPES, Message
from selfcue.record.keeping import Keeping, Place
from selfcue.record.node import checked_rule, qos_of
from selfcue.record.recorder import Recorder
from selfcue.record.rules import TopicRule
from selfcue.record.scribe import Snapped, Snapshot
from selfcue.record.standard_topics import Recorded
from selfcue.system import System

_POLL_S = 0.05
_LOOK_S = 0.5
_SAY_S = 1.0
_CALL_TIMEOUT_S = 30.0
CALL = "recorder/snapshot"


class Listener:
    """Hears a running system and hands what it says to a recorder.

    Args:
        bus: of this tool.
        patterns: topics to record; empty: all.
        rules: how pictures and rates are kept, by pattern (see ``Recorded``); the first match counts.
    """

    def __init__(self, bus: Bus, patterns: list[str], rules: dict[str, Recorded]) -> None:
        self.topics: dict[str, str] = {}
        self.unknown: set[str] = set()
        self._bus, self._patterns, self._rules = bus, patterns, rules
        self._lockstep = any(card.clock for card in cards_present())
        self._clock = WallClock(_wall_offset_ns())
        self._newest_ns = 0
        self._looked_s = -_LOOK_S

    def wants(self, topic: str) -> bool:
        """Return whether ``topic`` is to be recorded."""
        return not self._patterns or any(fnmatchcase(topic, pattern) for pattern in self._patterns)

    def look(self) -> None:
        """Subscribe to what matches and was not there before; at most twice a second."""
        if time.monotonic() - self._looked_s < _LOOK_S:
            return
        self._looked_s = time.monotonic()
        for topic, (kind, _) in topics_present().items():
            if self.wants(topic) and topic not in self.topics and topic not in self.unknown:
                if kind not in MESSAGE_TYPES:
                    self.unknown.add(topic)
                    continue
                self.topics[topic] = kind
                self._bus.subscribe(topic, qos_of(MESSAGE_TYPES[kind], self.recorded(topic).qos))
        self._bus.connect_present()

    def recorded(self, topic: str) -> Recorded:
        """Return how ``topic`` is kept."""
        return next((one for pattern, one in self._rules.items() if fnmatchcase(topic, pattern)), Recorded(""))

    def log_time_ns(self, message: Message) -> int:
        """Return the system's time: the wall's, or where a simulator or player makes it, the newest stamp so far."""
        if not self._lockstep:
            return self._clock.now_ns()
        self._newest_ns = max(self._newest_ns, message.stamp_ns)
        return self._newest_ns

    def tick_ns(self) -> int:
        """Return a time that runs on with the wall's, for the second after which what waits is written out."""
        return self._newest_ns if self._lockstep else self._clock.now_ns()


def record(
    topics: list[str] | None = typer.Argument(
        None, metavar="[TOPICS]...", help="What to record, names or patterns ('stereo/*'); none: everything."
    ),
    out: Path | None = typer.Option(
        None, help="A file (FLIGHT.mcap), or a folder for files 0000.mcap, 0001.mcap, ... (needed to split and snap)."
    ),
    compression: str = typer.Option("lz4", help="lz4 (costs the least), zstd (smallest) or none."),
    jpeg: list[str] = typer.Option([], metavar="PATTERN=QUALITY", help="Store pictures as JPEG: '*/image=90'."),
    png: list[str] = typer.Option([], metavar="PATTERN=LEVEL", help="Store pictures as PNG, losslessly: 'depth/*=1'."),
    max_hz: list[str] = typer.Option([], metavar="PATTERN=HZ", help="Keep at most so many a second: '*/image=5'."),
    split_mb: float = typer.Option(0.0, min=0.0, help="Begin a new file when one has so many megabytes."),
    split_s: float = typer.Option(0.0, min=0.0, help="Begin a new file when one spans so many seconds."),
    snapshot: float = typer.Option(
        0.0, min=0.0, help="Write no file: hold the last so many seconds, and write them when asked (--now, SIGUSR1)."
    ),
    snapshot_mb: float = typer.Option(512.0, min=1.0, help="Most memory for what --snapshot holds."),
    now: bool = typer.Option(False, "--now", help="Ask the recorder that runs with --snapshot to write what it holds."),
    reason: str = typer.Option("", help="With --now: why, for the file's name."),
    duration: float = typer.Option(0.0, min=0.0, help="Stop after so many seconds (0: at Ctrl-C)."),
    as_json: bool = typer.Option(False, "--json", help="Print what was recorded as one JSON object."),
) -> None:
    """Record a running system on this machine into MCAP. Ctrl-C ends the recording.

    The file holds launch file, versions, git state and checkpoints' hashes of what it recorded. At most the last second
    is lost when this command is killed. Exit code 5 where messages were lost: `selfcue log info FILE` says which.

    Examples: `selfcue record --out flight.mcap` · `selfcue record imu 'stereo/*' --out flights/3 --split-mb 1000` ·
    `selfcue record --snapshot 30 --out events`, and when it has happened `selfcue record --now --reason bump`
    """
    if now:
        told = call(FolderDirectory(), CALL, Snapshot(reason=reason), Snapped, timeout_s=_CALL_TIMEOUT_S)
        typer.echo(json.dumps(_snapped(told)) if as_json else f"writing {told.messages} messages to {told.path}")
        return
    if out is None:
        raise UsageError("say where to: --out FLIGHT.mcap, or --out FOLDER")
    try:
        keeping = decode(
            {"compression": compression, "split_mb": split_mb, "split_s": split_s, "snapshot_s": snapshot,
             "snapshot_mb": snapshot_mb},
            Keeping,
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error).lstrip(".")) from error
    if out.suffix == ".mcap" and (split_mb or split_s or snapshot):
        raise UsageError(f"--out {out}: several files are to be written; give a folder")
    rules = _rules(jpeg, png, max_hz)
    with _signals() as signals, _tool_bus(desk=bool(snapshot)) as (bus, desk):
        listener = Listener(bus, topics or [], rules)
        if not any(listener.wants(topic) for topic in topics_present()):
            asked = ", ".join(topics or []) or "anything"
            raise BadInputError(f"nobody publishes {asked}; there is: {', '.join(topics_present()) or NOBODY}")
        run_dir = _run_dir()
        place = Place.file(out, run_dir) if out.suffix == ".mcap" else Place.folder(out, run_dir)
        recorder = Recorder(place, keeping, _topic_rules(rules), threaded=True)
        try:
            _run(bus, desk, listener, recorder, signals, duration_s=duration, quiet=as_json)
        finally:
            recorder.close()
    _report(recorder, listener, out, as_json=as_json)


def _run(
    bus: Bus,
    desk: Desk | None,
    listener: Listener,
    recorder: Recorder,
    signals: tuple[threading.Event, threading.Event],
    *,
    duration_s: float,
    quiet: bool,
) -> None:
    """Record until Ctrl-C, TERM, the end of ``duration_s``, or a disk that is full."""
    if desk is not None:
        desk.serve(CALL, Service(Snapshot, Snapped, recorder.snapshot))
        bus.watch(desk.socket)
        bus.enter({}, desk=desk.endpoint, calls=desk.types)
    begun = said = time.monotonic()
    number = 0
    stop, snap = signals
    while not stop.is_set() and not recorder.stopped and not 0 < duration_s < time.monotonic() - begun:
        listener.look()
        for one in bus.poll(_POLL_S):
            number += 1
            recorder.take(one.topic, one.message, listener.log_time_ns(one.message))
        bus.forget_gone()
        recorder.note_drops(bus.drops)
        recorder.tick(listener.tick_ns())
        if desk is not None:
            desk.answer()
        if snap.is_set():
            snap.clear()
            _say(quiet, _snap(recorder))
        if not quiet and time.monotonic() - said >= _SAY_S:
            said = time.monotonic()
            typer.echo(f"\r{said - begun:6.0f} s  {number} messages of {len(listener.topics)} topics", nl=False)
    _say(quiet, "")


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        typer.echo(text)


def _snap(recorder: Recorder) -> str:
    try:
        told = recorder.snapshot(Snapshot(reason="signal"))
    except SelfcueError as error:
        return f"\nno snapshot: {error}"
    return f"\nwriting {told.messages} messages to {told.path}"


def _report(recorder: Recorder, listener: Listener, out: Path, *, as_json: bool) -> None:
    scribe = recorder.scribe
    found: dict[str, Any] = {
        "out": str(out),
        "files": [str(path) for path in scribe.paths],
        "messages": scribe.counts.total(),
        "counts": dict(sorted(scribe.counts.items())),
        "throttled": dict(sorted(scribe.throttled.items())),
        "lost": dict(sorted(scribe.lost.items())),
        "unknown_types": sorted(listener.unknown),
        "complete": not scribe.loss,
    }
    if as_json:
        typer.echo(json.dumps(found))
    elif scribe.paths:
        names = ", ".join(found["files"][:3]) + (f" and {len(scribe.paths) - 3} more" if len(scribe.paths) > 3 else "")
        typer.echo(f"{found['messages']} messages of {len(found['counts'])} topics in {names}")
    if listener.unknown:
        typer.echo(f"left out, of types that selfcue does not know: {', '.join(found['unknown_types'])}", err=True)
    for _, _, why in scribe.events:
        typer.echo(why, err=True)
    if scribe.loss:
        raise LossError(scribe.loss)


def _rules(jpeg: list[str], png: list[str], max_hz: list[str]) -> dict[str, Recorded]:
    """Return what the options say of topics, by pattern."""
    given: dict[str, dict[str, Any]] = {}
    kinds: tuple[tuple[str, list[str], Callable[[str], Any]], ...] = (
        ("jpeg", jpeg, int), ("png", png, int), ("max_hz", max_hz, float)
    )  # fmt: skip
    for name, words, number in kinds:
        for word in words:
            pattern, _, value = word.rpartition("=")
            try:
                given.setdefault(pattern or "?", {})[name] = number(value)
            except ValueError:
                raise UsageError(f"--{name.replace('_', '-')} {word}: write PATTERN=NUMBER, like '*/image=5'") from None
            if not pattern:
                raise UsageError(f"--{name.replace('_', '-')} {word}: write PATTERN=NUMBER, like '*/image=5'")
    found = {pattern: Recorded("Image", **settings) for pattern, settings in given.items()}
    for pattern, one in found.items():
        checked_rule(pattern, one)
    return found


def _topic_rules(rules: dict[str, Recorded]) -> dict[str, TopicRule]:
    return {pattern: TopicRule(one.jpeg, one.max_hz, one.png) for pattern, one in rules.items()}


def _snapped(told: Snapped) -> dict[str, Any]:
    return {"path": told.path, "messages": told.messages, "from_ns": told.from_ns, "to_ns": told.to_ns}


def _run_dir() -> Path | None:
    """Return the folder of the run that is recorded, where there is one."""
    return next((Path(card.run_dir) for card in cards_present() if card.run_dir), None)


def _wall_offset_ns() -> int | None:
    folder = _run_dir()
    return System.read(folder).wall_offset_ns if folder is not None else None


@contextmanager
def _tool_bus(*, desk: bool) -> Iterator[tuple[Bus, Desk | None]]:
    directory, name = FolderDirectory(), f"record-{os.getpid()}"
    bus = Bus(name, directory)
    answering = Desk(directory.endpoint(name, "calls")) if desk else None
    try:
        yield bus, answering
    finally:
        if answering is not None:
            answering.close()
        bus.close()


@contextmanager
def _signals() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Ctrl-C and TERM end the recording, USR1 takes a snapshot."""
    stop, snap = threading.Event(), threading.Event()

    def on_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    def on_snap(_number: int, _frame: FrameType | None) -> None:
        snap.set()

    handlers = {signal.SIGINT: on_stop, signal.SIGTERM: on_stop, signal.SIGUSR1: on_snap}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop, snap
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
