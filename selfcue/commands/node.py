"""``selfcue node``: the nodes of the running system."""

from __future__ import annotations

import json
import time
from typing import Any

import psutil
import typer

from selfcue import logs
from selfcue.calls import call
from selfcue.commands.listen import NOBODY, cards_present
from selfcue.directory import Card, FolderDirectory
from selfcue.errors import BadInputError, SelfcueError
from selfcue.params import CALL, ParamReply, ParamRequest

app = typer.Typer(help="Nodes of the running system: list, info.", no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object per line.")


@app.command("list")
def list_nodes(as_json: bool = _JSON) -> None:
    """List the nodes with the processes that they live in."""
    for card in cards_present():
        for node in card.nodes:
            if as_json:
                typer.echo(json.dumps({"node": node, "process": card.name, "pid": card.pid}))
            else:
                typer.echo(f"{node:<20} {card.name:<16} {card.pid}")


@app.command()
def info(
    node: str = typer.Argument(..., help="Name of the node."),
    timeout_s: float = typer.Option(2.0, "--timeout", help="How long to wait for its process to answer, in seconds."),
    as_json: bool = _JSON,
) -> None:
    """Say where a node lives, what its process uses, publishes, hears and answers, and where its log is."""
    card = card_of(node)
    row: dict[str, Any] = {"node": node, "process": card.name, "pid": card.pid, **_usage(card)}
    try:
        reply = call(FolderDirectory(), f"{node}/{CALL}", ParamRequest(), ParamReply, timeout_s=timeout_s)
        row |= {"kind": reply.kind, "params": reply.values, "live_params": list(reply.live), "answers": True}
    except SelfcueError as error:
        row |= {"answers": False, "why": str(error)}
    row |= {"publishes": card.topics, "hears": list(card.hears), "calls": card.calls, "nodes": list(card.nodes)}
    row["log"] = _log(card, node)
    if as_json:
        typer.echo(json.dumps(row))
        return
    for name, value in row.items():
        typer.echo(f"{name:<12} {_words(value)}")


def card_of(node: str) -> Card:
    """Return the process that ``node`` lives in. Raises BadInputError that lists the nodes there are."""
    cards = cards_present()
    for card in cards:
        if node in card.nodes:
            return card
    known = ", ".join(sorted(one for card in cards for one in card.nodes))
    raise BadInputError(f"no node {node!r} runs here; there is: {known or NOBODY}")


def _usage(card: Card) -> dict[str, float]:
    try:
        process = psutil.Process(card.pid)
        return {
            "up_s": round(time.time() - process.create_time(), 1),
            "rss_bytes": process.memory_info().rss,
            "threads": process.num_threads(),
            "descriptors": process.num_fds(),
        }
    except psutil.Error:
        return {}


def _log(card: Card, node: str) -> str:
    """Return the node's own log where it has said something, else its process's."""
    if not card.run_dir:
        return ""
    folder = logs.folder_of(card.run_dir)
    own = folder / "nodes" / f"{node}.log"
    return str(own if own.exists() else folder / f"{card.name}.log")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "-"
    return str(value)
