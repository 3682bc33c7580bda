"""``selfcue unit``: a launch file as a systemd service."""

from __future__ import annotations

import getpass
import importlib.resources
import sys
from pathlib import Path

import typer

from selfcue.config import launch as launch_files

TEMPLATE = "selfcue@.service"


def unit(
    launch: str = typer.Argument(..., metavar="NAME|FILE.yaml", help="A shipped launch file's name, or a path."),
    user: bool = typer.Option(False, "--user", help="For the user's own manager (systemctl --user) instead."),
) -> None:
    """Print a systemd unit that runs a launch file when the computer starts.

    It tells systemd when the robot is ready, feeds its watchdog, and stops in order.

    Example: `selfcue unit drone_depth | sudo tee /etc/systemd/system/selfcue-drone.service`, then
    `sudo systemctl enable --now selfcue-drone`
    """
    typer.echo(fill(launch, user=user), nl=False)


def fill(launch: str, *, user: bool) -> str:
    """Return the unit template for ``launch``, with this installation's interpreter and this user.

    Raises:
        UsageError, BadInputError: there is no such launch file, or it does not hold together.
    """
    found = launch_files.find(launch)
    target = launch if launch in launch_files.shipped_names() else str(Path(launch).resolve())
    text = importlib.resources.files("selfcue").joinpath("launch", TEMPLATE).read_text("utf-8")
    body = text.partition("\n\n")[2]  # the comment before it speaks of the template
    lines = []
    for line in body.splitlines():
        if line.startswith("ExecStart="):
            line = f"ExecStart={_quoted(sys.executable)} -m selfcue run {_quoted(target)} $ARGS"  # noqa: PLW2901
        elif line.startswith("User="):
            if user:
                continue
            line = f"User={getpass.getuser()}"  # noqa: PLW2901
        elif line.startswith("WantedBy=") and user:
            line = "WantedBy=default.target"  # noqa: PLW2901
        lines.append(line.replace("%i", found.name))
    return f"# {found.name}: {' '.join(found.help.split())}\n\n" + "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """Return ``word`` as systemd reads it back: quoted, its specifiers and variables defused."""
    defused = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{defused}"'
