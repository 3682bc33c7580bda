"""``selfcue param``: parameters of the nodes at work."""

from __future__ import annotations

import json
from typing import Any

import typer
import yaml

from selfcue.calls import call
from selfcue.commands.listen import cards_present
from selfcue.commands.node import card_of
from selfcue.directory import FolderDirectory
from selfcue.errors import UsageError
from selfcue.params import CALL, ParamReply, ParamRequest, flat

app = typer.Typer(help="Parameters of nodes at work: list, get, set.", no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object per line.")
_NODE = typer.Argument(..., help="Name of the node.")
_TIMEOUT = typer.Option(5.0, "--timeout", help="How long to wait for the node's process, in seconds.")


@app.command("list")
def list_params(
    node: str = typer.Argument("", help="Name of the node; all nodes where none is given."),
    timeout_s: float = _TIMEOUT,
    as_json: bool = _JSON,
) -> None:
    """List the parameters of a node, or of all; those marked * may be changed while it runs."""
    for name in [node] if node else sorted(one for card in cards_present() for one in card.nodes):
        reply = ask(name, {}, timeout_s)
        for param, value in flat(reply.values).items():
            live = is_live(param, reply.live)
            if as_json:
                typer.echo(json.dumps({"node": name, "param": param, "value": value, "live": live}))
            else:
                typer.echo(f"{name:<16} {param:<28} {json.dumps(value):<20} {'*' if live else ''}".rstrip())


@app.command()
def get(
    node: str = _NODE,
    param: str = typer.Argument(..., help="Name of the parameter; dots lead into nested ones."),
    timeout_s: float = _TIMEOUT,
    as_json: bool = _JSON,
) -> None:
    """Print the value of one parameter."""
    values = flat(ask(node, {}, timeout_s).values)
    if param not in values:
        raise UsageError(f"node {node!r} has no parameter {param!r}; it has: {', '.join(values) or 'none'}")
    value = json.dumps(values[param])
    typer.echo(json.dumps({"node": node, "param": param, "value": values[param]}) if as_json else value)


@app.command("set")
def set_(
    node: str = _NODE,
    param: str = typer.Argument(..., help="Name of the parameter; dots lead into nested ones."),
    value: str = typer.Argument(..., help="The new value, as in a launch file: 0.5, true, text, [1, 2]."),
    timeout_s: float = _TIMEOUT,
    as_json: bool = _JSON,
) -> None:
    """Change a parameter that its node declares live; the change is journalled.

    A node takes only what its launch file could have said: type and range are checked as there.

    Example: `selfcue param set beat topic hello` · `selfcue param set recorder chunk_bytes 500000`
    """
    try:
        meant = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError(f"{value!r} is no value as YAML has them; quote text with special letters") from error
    after = flat(ask(node, {param: meant}, timeout_s).values)
    if as_json:
        typer.echo(json.dumps({"node": node, "param": param, "value": after.get(param, meant)}))
    else:
        typer.echo(f"{node}: {param} = {json.dumps(after.get(param, meant))}")


def ask(node: str, changes: dict[str, Any], timeout_s: float) -> ParamReply:
    """Ask ``node`` for its parameters, with ``changes``. Raises what it refuses, or BadInputError: no such node."""
    card_of(node)
    return call(FolderDirectory(), f"{node}/{CALL}", ParamRequest(changes), ParamReply, timeout_s=timeout_s)


def is_live(param: str, live: tuple[str, ...]) -> bool:
    """Tell whether ``param``, or what it is part of, may be changed."""
    return any(param == name or param.startswith(f"{name}.") for name in live)
