"""``selfcue view``: the status page of a running system, or of a log, in the browser."""

from __future__ import annotations

import json
import time
import webbrowser
from collections.abc import Generator
from pathlib import Path

import typer

from selfcue.bus import Bus
from selfcue.commands.listen import cards_present, tool_bus
from selfcue.errors import UsageError
from selfcue.launcher import STATUS_TOPIC
from selfcue.messages import Message
from selfcue.qos import Qos
from selfcue.record.sources import open_source
from selfcue.view.board import Board
from selfcue.view.foxglove_feed import FoxgloveFeed
from selfcue.view.log_play import LogPlay
from selfcue.view.server import StatusServer

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
    as_json: bool = typer.Option(False, "--json", help="Listen for a moment, print the state as JSON once, and end."),
) -> None:
    """Show streams, estimates, learning curves, trust, map and path on a page in the browser.

    The page is served to this machine alone and needs nothing installed. From another machine:
    `ssh -L 8765:127.0.0.1:8765 robot`, then open http://127.0.0.1:8765/ there.

    The viewer is a process of its own that takes the newest and skips what it cannot keep up with: closing, stopping
    or slowing it holds nobody up. Ctrl-C ends it; the system does not notice.

    In the Foxglove app (`--foxglove`; `pip install 'selfcue[view]'`) choose *Open connection*, `ws://localhost:8765`; a
    log plays, pauses and is sought in from there.

    Examples: `selfcue view` beside a run; `selfcue view runs/drone_depth-DATE --rate 4`; `selfcue view LOG --foxglove`.
    """
    title = f"selfcue: {log}" if log else "selfcue"
    board = Board(title)
    if as_json:
        if log or foxglove:
            raise UsageError("--json shows what runs now; of a log use: selfcue log info LOG --json")
        _listen(board, _ONCE_S)
        typer.echo(json.dumps(board.state()))
        return
    play = LogPlay(open_source(log), rate) if log else None
    server: StatusServer | FoxgloveFeed
    if foxglove:
        server = FoxgloveFeed(title, host=host, port=port, play=play)
        take = server.take
    else:
        server, take = StatusServer(board, host=host, port=port), board.take
    feed = play.feed() if play else _live_feed(board)
    try:
        typer.echo(f"{server.url}  (Ctrl-C ends)")
        if browser and isinstance(server, StatusServer):
            webbrowser.open(server.url)
        told_s = 0.0
        for one in feed:
            if one is not None:
                take(*one)
            if isinstance(server, FoxgloveFeed) and time.monotonic() - told_s > _WAIT_S:
                told_s = time.monotonic()
                server.say_time()
    finally:
        feed.close()
        server.close()


def _listen(board: Board, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    feed = _live_feed(board)
    while time.monotonic() < deadline:
        one = next(feed)
        if one is not None:
            board.take(*one)
    feed.close()


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
