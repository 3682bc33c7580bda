"""``selfcue view``: a running system, or a log, on the status page, in the Foxglove app, or in Rerun."""

from __future__ import annotations

import json
import os
import time
import webbrowser
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

import typer
from rich.progress import Progress

from selfcue.bus import Bus
from selfcue.commands.listen import cards_present, tool_bus
from selfcue.errors import UsageError
from selfcue.launcher import STATUS_TOPIC
from selfcue.messages import Message
from selfcue.qos import Qos
from selfcue.record.sources import Source, open_source
from selfcue.view.board import Board
from selfcue.view.foxglove_feed import FoxgloveFeed
from selfcue.view.log_play import LogPlay
from selfcue.view.rerun_feed import RerunFeed
from selfcue.view.rerun_viewer import RerunViewer
from selfcue.view.server import StatusServer, is_loopback

_NICE = 10
_LOOK_S = 0.5
_WAIT_S = 0.05
_ONCE_S = 2.6  # two words of everybody, and so one measured rate


def view(
    log: Path | None = typer.Argument(None, help="A log of any known format, or a run's folder; none: what runs now."),
    port: int = typer.Option(8765, min=0, max=65535, help="Port of the page; 0 takes a free one."),
    host: str = typer.Option("127.0.0.1", help="Address of the page; loopback only."),
    browser: bool = typer.Option(False, "--open", help="Open the browser too."),
    rate: float = typer.Option(1.0, min=0.0, help="Of a log: this many times real time; 0: as fast as it can be read."),
    foxglove: bool = typer.Option(False, "--foxglove", help="Serve the Foxglove app at ws://HOST:PORT, not the page."),
    rerun: bool = typer.Option(False, "--rerun", help="Show it in Rerun's window, not on the page."),
    rerun_web: bool = typer.Option(False, "--rerun-web", help="Show it in Rerun in the browser, on PORT."),
    rerun_save: Path | None = typer.Option(None, "--rerun-save", metavar="FILE.rrd", help="Write it for Rerun."),
    as_json: bool = typer.Option(False, "--json", help="Listen for a moment, print the state as JSON once, and end."),
) -> None:
    """Show streams, estimates, learning curves, trust, map and path on a page in the browser.

    The page is served to this machine alone and needs nothing installed. From another machine:
    `ssh -L 8765:127.0.0.1:8765 robot`, then open http://127.0.0.1:8765/ there.

    The viewer is a process of its own that takes the newest and skips what it cannot keep up with: closing, stopping
    or slowing it holds nobody up. Ctrl-C ends it; the system does not notice.

    In the Foxglove app (`--foxglove`; `pip install 'selfcue[view]'`) choose *Open connection*, `ws://localhost:8765`; a
    log plays, pauses and is sought in from there. In Rerun (`--rerun`; the same install) time is yours to move in what
    came so far; closing its window ends this.

    Examples: `selfcue view` beside a run; `selfcue view runs/drone_depth-DATE --rate 4`; `selfcue view LOG --foxglove`;
    `selfcue view --rerun`; `selfcue view LOG --rerun-save log.rrd`, then `rerun log.rrd`.
    """
    title = f"selfcue: {log}" if log else "selfcue"
    board = Board(title)
    ways = [foxglove, rerun, rerun_web, rerun_save is not None]
    if sum(ways) > 1:
        raise UsageError("choose one of --foxglove, --rerun, --rerun-web and --rerun-save")
    if as_json:
        _print_state(board, alone=not log and not any(ways))
        return
    source = open_source(log) if log else None
    if source is not None and rerun_save is not None:
        _write(source, title, rerun_save)
        return
    if source is None:
        _stand_back()
    play = LogPlay(source, rate) if source is not None else None
    shown: _Shown
    if foxglove:
        shown = FoxgloveFeed(title, host=host, port=port, play=play)
    elif any(ways):
        shown = _in_rerun(title, source, rerun_save, web=rerun_web, host=host, port=port)
    else:
        shown = _Page(board, host, port)
    feed = play.feed() if play else _live_feed(board)
    with closing(shown), closing(feed):
        typer.echo(f"{shown.url}  (Ctrl-C ends)")
        if browser and shown.url.startswith("http"):
            webbrowser.open(shown.url)
        told_s = 0.0
        for one in feed:
            if one is not None:
                shown.take(*one)
            if isinstance(shown, FoxgloveFeed) and time.monotonic() - told_s > _WAIT_S:
                told_s = time.monotonic()
                shown.say_time()
            if isinstance(shown, RerunFeed) and shown.gone:
                return


def _stand_back() -> None:
    """Let every node of the robot have the processor first: a viewer takes what is left."""
    with suppress(OSError):
        os.nice(_NICE)


class _Shown(Protocol):
    """Where messages are shown."""

    @property
    def url(self) -> str: ...

    def take(self, topic: str, message: Message) -> None: ...

    def close(self) -> None: ...


class _Page:
    """The status page with its board."""

    def __init__(self, board: Board, host: str, port: int) -> None:
        self._server = StatusServer(board, host=host, port=port)
        self.url, self.take, self.close = self._server.url, board.take, self._server.close


def _in_rerun(title: str, source: Source | None, save: Path | None, *, web: bool, host: str, port: int) -> RerunFeed:
    """Return a feed into a file, or into a viewer that is started."""
    if not is_loopback(host):
        raise UsageError(f"--host {host}: the viewer has no lock; use 127.0.0.1, and from elsewhere ssh -L")
    viewer = None if save else RerunViewer(web=web, web_port=port)
    topics = source.topics() if source else None
    return RerunFeed(title, topics=topics, save=save, viewer=viewer, patient=source is not None)


def _write(source: Source, title: str, path: Path) -> None:
    """Write a log to ``path`` for Rerun, as fast as it can be read."""
    span_ns = max(1, source.end_ns - source.start_ns)
    with closing(RerunFeed(title, topics=source.topics(), save=path)) as feed, Progress(transient=True) as progress:
        task = progress.add_task(f"writing {path}", total=span_ns)
        for stamp_ns, topic, message in source.messages():
            feed.take(topic, message)
            progress.update(task, completed=stamp_ns - source.start_ns)
    left = ", ".join(f"{topic} ({count})" for topic, count in sorted(feed.left_out.items()))
    typer.echo(f"wrote {path}{f'; Rerun shows nothing for {left}' if left else ''}")


def _print_state(board: Board, *, alone: bool) -> None:
    """Listen for a moment and print what was heard."""
    if not alone:
        raise UsageError("--json shows what runs now; of a log use: selfcue log info LOG --json")
    deadline = time.monotonic() + _ONCE_S
    feed = _live_feed(board)
    while time.monotonic() < deadline:
        one = next(feed)
        if one is not None:
            board.take(*one)
    feed.close()
    typer.echo(json.dumps(board.state()))


def _live_feed(board: Board) -> Generator[tuple[str, Message] | None, None, None]:
    """Yield topic and message of all that is published, and None in between; ``board`` learns who is there."""
    with tool_bus() as bus:
        wanted: set[str] = set()
        looked_s = 0.0
        while True:
            if time.monotonic() - looked_s > _LOOK_S:
                looked_s = time.monotonic()
                board.present(_subscribe_new(bus, wanted))
            bus.connect_present(every_s=0.25)
            bus.forget_gone()
            for one in bus.poll(_WAIT_S):
                yield one.topic, one.message
            yield None


def _subscribe_new(bus: Bus, wanted: set[str]) -> list[str]:
    """Subscribe to topics that were not there before; return the processes that have nodes."""
    cards = cards_present()
    for topic in {STATUS_TOPIC, *(topic for card in cards for topic in card.topics)} - wanted:
        wanted.add(topic)
        bus.subscribe(topic, _qos(topic))
    return [card.name for card in cards if card.nodes]


def _qos(topic: str) -> Qos:
    """Of pictures the newest will do; of events and words of health each counts."""
    return Qos.keep(200) if topic.startswith(("journal", "health", "node/", "system/")) else Qos.latest()
