"""``selfcue replay``: any supported log as if live."""

from __future__ import annotations

import tempfile
from pathlib import Path

import typer

from selfcue import launcher
from selfcue.commands.run import show
from selfcue.config import launch as launch_files
from selfcue.errors import BadInputError


def replay(
    log: Path = typer.Argument(..., metavar="LOG", help="A folder in one of KITTI's layouts, or an MCAP file."),
    rate: float = typer.Option(
        1.0, min=0.0, help="1: as recorded, 2: twice as fast, 0: as fast as the machine allows."
    ),
    start: float = typer.Option(0.0, min=0.0, help="Seconds from the beginning."),
    duration: float = typer.Option(0.0, min=0.0, help="Seconds to play (0: to the end)."),
    loop: bool = typer.Option(False, "--loop", help="Begin again at the end."),
) -> None:
    """Play a recorded log onto the bus as if its sensors were live. Ctrl-C stops it.

    Look at it from another terminal: `selfcue topic list`, `selfcue topic hz stereo/left/image`.
    """
    if not log.exists():
        raise BadInputError(f"{log}: no such file or folder")
    given: dict[str, launch_files.Scalar] = {
        "path": str(log.resolve()), "rate": rate, "start": start, "duration": duration, "loop": loop,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="selfcue-replay-") as folder:
        system, run_dir = launcher.prepare(launch_files.find("replay"), given, out=Path(folder))
        show(system, run_dir, as_json=False)
