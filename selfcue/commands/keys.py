"""``selfcue keys``: who may talk to this machine over the network."""

from __future__ import annotations

import json
import re
import socket

import typer

from selfcue import keys

app = typer.Typer(help="Keys for links between machines: new, allow, list.", no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object per line.")


@app.command()
def new(
    name: str = typer.Argument("", help="What others call this machine (default: its host name)."),
    as_json: bool = _JSON,
) -> None:
    """Make this machine's pair of keys and print what to run on the others."""
    pair = keys.new(name or re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:32])
    if as_json:
        typer.echo(json.dumps({"name": pair.name, "public": pair.public}))
    else:
        typer.echo(f"made the key of {pair.name!r} in {keys.folder()}; on each machine that it should talk to, run:")
        typer.echo(f"  selfcue keys allow {pair.name} {pair.public}")


@app.command()
def allow(
    name: str = typer.Argument(..., help="What to call the other machine; launch files name it so."),
    public: str = typer.Argument(..., help="Its public key, as selfcue keys new printed it there."),
) -> None:
    """Let another machine in; a running system hears of it too."""
    typer.echo(f"{name} is let in ({keys.allow(name, public)})")


@app.command("list")
def list_keys(as_json: bool = _JSON) -> None:
    """List this machine's public key and those that are let in."""
    pair = keys.own()
    rows = [("own", pair.name, pair.public)] if pair is not None else []
    rows += [("allowed", name, public) for name, public in keys.allowed().items()]
    for kind, name, public in rows:
        if as_json:
            typer.echo(json.dumps({"kind": kind, "name": name, "public": public}))
        else:
            typer.echo(f"{kind:<8} {name:<20} {public}")
    if not rows and not as_json:
        typer.echo(f"no keys in {keys.folder()}; make this machine's: selfcue keys new")
