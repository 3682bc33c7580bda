"""``selfcue replay``: any supported log as if live."""

from __future__ import annotations

import copy
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import typer

from selfcue import launcher
from selfcue.commands.player_keys import HELP, PlayerKeys
from selfcue.commands.run import show
from selfcue.config import launch as launch_files
from selfcue.config.launch import Launch
from selfcue.errors import BadInputError, UsageError


def replay(
    log: Path = typer.Argument(
        ..., metavar="LOG", help="An MCAP file, a run's folder, or any other log that a reader knows."
    ),
    rate: float = typer.Option(
        1.0, min=0.0, help="1: as recorded, 2: twice as fast, 0: as fast as the slowest reliable listener allows."
    ),
    start: float = typer.Option(0.0, min=0.0, help="Seconds from the beginning."),
    duration: float = typer.Option(0.0, min=0.0, help="Seconds to play (0: to the end)."),
    loop: bool = typer.Option(False, "--loop", help="Begin again at the end."),
    paused: bool = typer.Option(False, "--paused", help="Wait for a key, or the call player/resume."),
    topic: list[str] = typer.Option([], metavar="TOPIC", help="Play this topic only; may be given again."),
    remap: list[str] = typer.Option(
        [], metavar="OLD:=NEW", help="Play a topic under another name; may be given again."
    ),
) -> None:
    """Play a recorded log onto the bus as if its sensors were live. Ctrl-C stops it.

    Look at it from another terminal: `selfcue topic list`, `selfcue topic hz stereo/left/image`. On a terminal, keys
    control it: space pauses and goes on, n plays one moment, the arrows seek 5 s and double or halve the rate, q stops.
    From programs, calls do: player/pause, resume, step, seek, rate, state (see selfcue.player).
    """
    if not log.exists():
        raise BadInputError(f"{log}: no such file or folder")
    given: dict[str, launch_files.Scalar] = {
        "path": str(log.resolve()), "rate": rate, "start": start, "duration": duration, "loop": loop, "paused": paused,
    }  # fmt: skip
    found = _chosen(launch_files.find("replay"), topic, dict(_renamed(word) for word in remap))
    with tempfile.TemporaryDirectory(prefix="selfcue-replay-") as folder:
        system, run_dir = launcher.prepare(found, given, out=Path(folder))
        with PlayerKeys(sys.stdin) as keys:
            if keys.listening:
                typer.echo(HELP)
            show(system, run_dir, as_json=False)


def _chosen(found: Launch, topics: list[str], renamed: dict[str, str]) -> Launch:
    """Return the launch file with a player of these topics under these names."""
    raw = copy.deepcopy(found.raw)
    (player,) = raw["processes"]["source"]
    player["params"]["topics"] = topics
    player["remap"] = renamed
    return replace(found, raw=raw)


def _renamed(word: str) -> tuple[str, str]:
    old, _, new = word.partition(":=")
    if not old or not new:
        raise UsageError(f"--remap {word}: write OLD:=NEW, like stereo/left/image:=camera/image")
    return old, new
