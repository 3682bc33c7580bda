"""Puts the command line together: the kernel's commands, and those that rooms and other packages register."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import typer
import typer.core
from typer.main import get_command

from selfcue import __version__, plugins
from selfcue.commands import clock, doctor, node, param, record, replay, report, run, top, topic, unit, view
from selfcue.errors import SelfcueError


class _Group(typer.core.TyperGroup):
    """A group whose plug-in commands are imported only when they are asked for."""

    plugged: dict[str, EntryPoint]

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *sorted(set(self.plugged) - set(self.commands))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self.plugged:
            return own
        try:
            loaded = plugins.load(plugins.COMMANDS, cmd_name)
        except SelfcueError as error:
            return _broken(cmd_name, error)
        command = get_command(loaded) if isinstance(loaded, typer.Typer) else loaded
        command.name = command.name or cmd_name  # a group has none of its own, and help would list it without
        return command


def build() -> Any:
    """Return the root command."""
    app = typer.Typer(
        cls=_Group,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        help="Robots that teach themselves: a trusted cue supervises a complementary one while the robot works.",
        epilog="Start here: `selfcue run drone_depth --quick`",
    )
    app.callback(invoke_without_command=True)(_root)
    app.command("run", cls=run.RunCommand, context_settings=run.CONTEXT)(run.run)
    app.command("record")(record.record)
    app.command("replay")(replay.replay)
    app.command("report")(report.report)
    app.command("doctor")(doctor.doctor)
    app.command("unit")(unit.unit)
    app.command("top")(top.top)
    app.command("view")(view.view)
    app.command("clock")(clock.clock)
    app.add_typer(topic.app, name="topic")
    app.add_typer(node.app, name="node")
    app.add_typer(param.app, name="param")
    command = get_command(app)
    command.plugged = {point.name: point for point in plugins.points(plugins.COMMANDS)}  # type: ignore[attr-defined]
    return command


def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        typer.echo(f"selfcue {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _broken(name: str, error: SelfcueError) -> Any:
    """Return a command that says why the real one is not usable."""
    app = typer.Typer(add_completion=False)

    @app.command(
        name,
        help=f"(not usable: {error})",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
    def complain() -> None:
        raise error

    return get_command(app)
