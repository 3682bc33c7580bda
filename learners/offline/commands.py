"""``selfcue methods``, ``fit``, ``apply``: the offline methods from the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import typer

from selfcue.errors import BadInputError, SelfcueError, UsageError

methods_app = typer.Typer(help="The offline methods: what there is, what each is for, and what was measured.")
fit_app = typer.Typer()
apply_app = typer.Typer()

MODEL = "model.safetensors"
CHECKPOINT = "training.safetensors"


@methods_app.callback(invoke_without_command=True)
def methods(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else."),
) -> None:
    """List the offline methods: family, task, input, status, and the effect that was measured.

    Next: `selfcue methods show graphmae`, then `selfcue fit graphmae --data cora --out runs/mae`.
    """
    if context.invoked_subcommand is not None:
        return
    from selfcue.learners.offline.listing import list_methods

    rows = list_methods()
    if as_json:
        typer.echo(json.dumps(rows))
        return
    short = [{**row, "source": _short(row["source"])} for row in rows]
    _print_table("offline methods", [{k: v for k, v in row.items() if k not in {"title", "settings"}} for row in short])


@methods_app.command("show")
def show(
    name: str = typer.Argument(..., help="A method; `selfcue methods` lists them."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else."),
) -> None:
    """Show one method: its paper, what it takes and gives, and what each setting means."""
    from selfcue.learners.offline.listing import card_of

    card = card_of(name)
    if as_json:
        typer.echo(json.dumps(card))
        return
    for key in ("name", "family", "title", "task", "source", "takes", "can", "status", "effect"):
        typer.echo(f"{key:<8} {card[key]}")
    _print_table("settings (--set NAME=VALUE)", card["settings"])
    typer.echo(f"try      selfcue fit {name} --data {card['example']} --out runs/{name}")


@fit_app.command("fit")
def fit(
    name: str = typer.Argument(..., help="A method; `selfcue methods` lists them."),
    data: str = typer.Option(
        ..., help="Your files (docs/methods.md has the formats), or a set of `selfcue data list`."
    ),
    out: Path = typer.Option(..., help="Folder for the model, the history, and what is needed to go on."),
    given: list[str] = typer.Option([], "--set", metavar="NAME=VALUE", help="A setting; `methods show` lists them."),
    paper: bool = typer.Option(False, "--paper", help="Start from the paper's settings and not the two-core ones."),
    seed: int = typer.Option(0, min=0, help="Same data, settings and seed: the same weights."),
    device: str = typer.Option("cpu", help="cpu, cuda, cuda:1 or mps."),
    budget: str = typer.Option("", help="Stop after: 90s, 10m, 1.5h or '200 epochs'."),
    progress: bool = typer.Option(True, help="Show a bar."),
    as_json: bool = typer.Option(False, "--json", help="Print the outcome as JSON, and nothing else."),
) -> None:
    """Let a method learn from your data or a known data set, and keep the model.

    The same command again goes on where the last one was cut off, bit for bit.

    Example: `selfcue fit graphmae --data my_graph/ --out runs/mae --budget 10m`, then
    `selfcue apply runs/mae --data my_graph/ --out vectors.npz`
    """
    from selfcue.learners.offline.budget import Budget
    from selfcue.learners.offline.files import read_data
    from selfcue.learners.offline.registry import method_class

    kind = method_class(name)
    config = settings_of(kind, given, paper=data if paper else None)
    method = kind(config)
    method.fit(
        read_data(kind, data),
        seed=seed,
        device=device,
        budget=Budget.parse(budget) if budget else None,
        resume=out / CHECKPOINT,
        progress=progress and not as_json,
    )
    if int(os.environ.get("RANK", "0")) > 0:  # torchrun started several of us; all hold the same weights
        return
    method.save(out / MODEL)
    (out / "history.json").write_text(json.dumps(method.history) + "\n", encoding="utf-8")
    last = method.history[-1] if method.history else {}
    told = {"model": str(out / MODEL), "epochs": len(method.history), **{k: round(v, 5) for k, v in last.items()}}
    if as_json:
        typer.echo(json.dumps(told))
    else:
        typer.echo(", ".join(f"{key} {value}" for key, value in told.items()))
        typer.echo(f"next: selfcue apply {out} --data {data} --out {out / 'result.npz'}")


@apply_app.command("apply")
def apply(
    model: Path = typer.Argument(..., help="The folder of a `selfcue fit`, or its model.safetensors."),
    data: str = typer.Option(..., help="Files or a known data set, as for `selfcue fit`."),
    out: Path = typer.Option(..., help="Result: .npz, or .csv for a table."),
    what: str = typer.Option("", help="transform, predict, recommend, explain or discover; default: the first it can."),
    k: int = typer.Option(20, min=1, help="recommend: how many items a row."),
) -> None:
    """Apply a model: vectors, classes, recommendations, explanations or findings, to a file."""
    from selfcue.learners.offline.files import read_data, write_result
    from selfcue.learners.offline.method import capabilities
    from selfcue.learners.offline.registry import method_class

    path = model / MODEL if model.is_dir() else model
    kind = method_class(method_of(path))
    can = capabilities(kind)
    chosen = what or (can[0] if can else "")
    if chosen not in can:
        raise UsageError(f"{kind.about.name} cannot {chosen or 'be applied'}; it can {', '.join(can) or 'only fit'}")
    write_result(kind.load(path), chosen, read_data(kind, data), out, k=k)
    typer.echo(f"wrote {out}")


def settings_of(kind: Any, given: list[str], *, paper: str | None = None) -> Any:
    """Return the settings of a method with ``NAME=VALUE`` words (JSON values, else text) put in.

    Raises:
        UsageError: no such setting, or a value of the wrong type; the message says what was expected.
    """
    from selfcue.config.decode import decode

    base = kind.Config() if paper is None else kind.Config.paper(paper)
    values = dataclasses.asdict(base)
    for word in given:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"--set {word}: write NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    try:
        return decode(values, kind.Config, kind.about.name)
    except ValueError as error:
        raise UsageError(f"--set: {error}") from None


def method_of(path: Path) -> str:
    """Return the name of the method whose model ``path`` holds. Raises BadInputError where it holds none."""
    beside = path.with_suffix(".json")
    try:
        return str(json.loads(beside.read_text(encoding="utf-8"))["method"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInputError(f"{path}: no model here; `selfcue fit` writes one with a {beside.name} beside it") from None


def _short(source: str) -> str:
    """Return "First et al. YEAR" of a full source; `methods show` has all of it."""
    authors, _, rest = source.partition(":")
    names, year = authors.split(","), re.search(r"\b(19|20)\d\d\b", rest)
    return f"{names[0]}{' et al.' if len(names) > 1 else ''} {year.group() if year else ''}".strip()


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        raise SelfcueError("no methods are registered; reinstall: pip install -e '.[offline]'")
    table = Table(title=title)
    for key in rows[0]:
        table.add_column(key, overflow="fold", no_wrap=key in {"name", "family", "setting"})
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
