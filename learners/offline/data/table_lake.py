"""A folder of tables: what the methods of the tabular family learn from."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.csv_table import read_csv
from selfcue.optional import require

Table = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class TableLake:
    """Tables by name; a table is its columns by name, every value as text, '' where there is none.

    Attributes:
        tables: at least one, each with at least one column and one row.
        name: for messages and reports.
    """

    tables: Mapping[str, Table]
    name: str = "lake"

    def __post_init__(self) -> None:
        if not self.tables:
            raise BadInputError(f"{self.name}: holds no table")
        for name, table in self.tables.items():
            lengths = {len(column) for column in table.values()}
            if len(lengths) != 1 or 0 in lengths:
                raise BadInputError(
                    f"{self.name}: table {name!r} needs columns of equal length, got {sorted(lengths)} rows"
                )

    @classmethod
    def read(cls, path: Path | str) -> TableLake:
        """Read a folder of ``.csv`` and ``.parquet`` files (Parquet needs pyarrow), or a SQLite file.

        Raises:
            BadInputError: there is no such folder, or no table in it.
        """
        path = Path(path)
        if path.suffix in {".sqlite", ".db"} and path.is_file():
            return cls(_sqlite(path), path.stem)
        if not path.is_dir():
            raise BadInputError(f"{path}: not a folder of .csv or .parquet files, nor a .sqlite file")
        tables: dict[str, Table] = {}
        for file in sorted(path.iterdir()):
            if file.suffix == ".csv":
                tables[file.stem] = {name: tuple(column) for name, column in read_csv(file).items()}
            elif file.suffix == ".parquet":
                tables[file.stem] = _parquet(file)
        if not tables:
            raise BadInputError(f"{path}: holds no .csv or .parquet file")
        return cls(tables, path.name)

    def columns(self) -> list[tuple[str, str]]:
        """Return (table, column) of every column, in order: a column's number is its place here."""
        return [(name, column) for name, table in self.tables.items() for column in table]

    def digest(self) -> str:
        """Return a hash of all that the tables hold: by it a run knows whether it goes on with the same ones."""
        hasher = hashlib.sha256()
        for name, table in self.tables.items():
            for column, values in table.items():
                hasher.update("\x1f".join((name, column, *values)).encode("utf-8", "surrogatepass") + b"\x1e")
        return hasher.hexdigest()[:16]


def text_of(value: object) -> str:
    """Return ``value`` as the tables hold it: '' for nothing and for raw bytes, whole numbers without '.0'."""
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, float):
        return "" if value != value else f"{value:.12g}"  # noqa: PLR0124 - NaN alone differs from itself
    return str(value).strip()


def _parquet(path: Path) -> Table:
    parquet = require("pyarrow.parquet", extra="offline")
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not a whole Parquet file ({error})") from None
    return {name: tuple(text_of(value) for value in table[name].to_pylist()) for name in table.column_names}


def _sqlite(path: Path) -> dict[str, Table]:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            return tables_of(base)
    except sqlite3.DatabaseError as error:
        raise BadInputError(f"{path}: not a SQLite file ({error})") from None


def tables_of(base: sqlite3.Connection) -> dict[str, Table]:
    """Return the tables of an open SQLite base that have rows, by name; its own ones (``sqlite_...``) left out."""
    names = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    tables: dict[str, Table] = {}
    for name in names:
        if name.startswith("sqlite_"):
            continue
        quoted = '"' + name.replace('"', '""') + '"'
        cursor = base.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - a name that the file itself lists
        rows = cursor.fetchall()
        if rows:
            heads = [column[0] for column in cursor.description]
            tables[name] = {head: tuple(text_of(row[i]) for row in rows) for i, head in enumerate(heads)}
    return tables
