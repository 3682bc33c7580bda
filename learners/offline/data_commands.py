"""``selfcue data``: the known data sets, where they are, and how to get them."""

from __future__ import annotations

import json

import typer

app = typer.Typer(
    help="Data sets by name: looked for in $SELFCUE_DATA, then in the cache, then fetched from their origin.",
    no_args_is_help=True,
)


@app.command("list")
def list_sets(as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else.")) -> None:
    """List the known data sets: kind, contents, origin, licence, size, and whether they are here."""
    from rich.console import Console
    from rich.table import Table

    from selfcue.learners.offline.data import catalogue

    rows: list[dict[str, object]] = [
        {
            "name": data.name,
            "kind": data.kind,
            "what": data.what,
            "origin": data.origin,
            "licence": data.licence,
            "MB": round(data.size / 1e6, 1) if data.files else "in a package",
            "here": catalogue.located(data) is not None,
        }
        for data in catalogue.known().values()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(title="data sets")
    for key in rows[0]:
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*("yes" if value is True else "no" if value is False else str(value) for value in row.values()))
    Console().print(table)


@app.command("get")
def get(name: str = typer.Argument(..., help="A data set; `selfcue data list` names them.")) -> None:
    """Fetch a data set to the cache unless it is here, and check every file against its SHA-256."""
    from selfcue.learners.offline.data import catalogue

    data = catalogue.find(name)
    folder = catalogue.get(data)
    catalogue.verify(data)
    typer.echo(f"{name}: {folder} ({len(data.files)} files, {data.licence}; from {data.origin})")


@app.command("path")
def path(name: str = typer.Argument(..., help="A data set; `selfcue data list` names them.")) -> None:
    """Print the folder below which a data set lies, for scripts (exit code 3 where it is not here)."""
    from selfcue.errors import BadInputError
    from selfcue.learners.offline.data import catalogue

    data = catalogue.find(name)
    folder = catalogue.located(data)
    if folder is None:
        raise BadInputError(f"data {name!r} is not here yet; get it with: selfcue data get {name}")
    typer.echo(str(folder))
