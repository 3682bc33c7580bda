"""Databases with known keys as lakes of tables; keys and domains stay apart from them, for judges."""

from __future__ import annotations

import contextlib
import csv
import io
import sqlite3
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.csv_table import read_csv
from selfcue.learners.offline.data.table_lake import Table, TableLake, tables_of
from selfcue.learners.offline.data.task import LakeTask

if TYPE_CHECKING:
    from selfcue.learners.offline.data.catalogue import DataSet

Tie = Sequence[str]
"""Columns, each TABLE.COLUMN, that hold the same kind of thing."""

# What no key declares, looked through by hand: columns of the same kind of thing, in different tables.
CHINOOK: tuple[Tie, ...] = (
    ("Customer.City", "Employee.City", "Invoice.BillingCity"),
    ("Customer.State", "Employee.State", "Invoice.BillingState"),
    ("Customer.Country", "Employee.Country", "Invoice.BillingCountry"),
    ("Customer.PostalCode", "Employee.PostalCode", "Invoice.BillingPostalCode"),
    ("Customer.Address", "Invoice.BillingAddress"),
    ("Track.UnitPrice", "InvoiceLine.UnitPrice"),
    ("Track.Composer", "Artist.Name"),
)
NORTHWIND: tuple[Tie, ...] = (
    ("Customers.City", "Employees.City", "Suppliers.City", "Orders.ShipCity"),
    ("Customers.Region", "Employees.Region", "Suppliers.Region", "Orders.ShipRegion"),
    ("Customers.PostalCode", "Employees.PostalCode", "Suppliers.PostalCode", "Orders.ShipPostalCode"),
    ("Customers.Country", "Employees.Country", "Suppliers.Country", "Orders.ShipCountry"),
    ("Customers.Address", "Orders.ShipAddress"),
    ("Customers.CompanyName", "Orders.ShipName"),
    ("Products.UnitPrice", "Order Details.UnitPrice"),
)
# As the package documents them: its tables declare none.
FLIGHTS: tuple[Tie, ...] = (
    ("flights.carrier", "airlines.carrier"),
    ("flights.tailnum", "planes.tailnum"),
    ("flights.origin", "flights.dest", "airports.faa", "weather.origin"),
    *((f"flights.{part}", f"weather.{part}") for part in ("year", "month", "day", "hour", "time_hour")),
)
EVERY_FLIGHT, EVERY_HOUR = 20, 5
"""Of the flights every 20th row is taken, of the weather every 5th."""


def chinook(data: DataSet, folder: Path) -> LakeTask:
    """Read the SQLite file; its declared keys are the truth, with ``CHINOOK``."""
    with contextlib.closing(
        sqlite3.connect(f"{(folder / data.files[0].path).resolve().as_uri()}?mode=ro", uri=True)
    ) as base:
        return task_of(TableLake(tables_of(base), data.name), declared_keys(base), CHINOOK)


def northwind(data: DataSet, folder: Path) -> LakeTask:
    """Run the script in memory; its declared keys are the truth, with ``NORTHWIND``."""
    with contextlib.closing(base_of_script(folder / data.files[0].path)) as base:
        return task_of(TableLake(tables_of(base), data.name), declared_keys(base), NORTHWIND)


def nycflights_tables(data: DataSet, folder: Path) -> LakeTask:
    """Read the five tables, the two long ones thinned out; 'NA' stands for no value in all of them."""
    place = folder / "data"
    tables: dict[str, dict[str, list[str]]] = {}
    for name in ("airlines", "airports", "planes", "weather"):
        tables[name] = read_csv(place / f"{name}.csv")
    with zipfile.ZipFile(place / "flights.csv.zip") as archive, archive.open(archive.namelist()[0]) as raw:
        rows = [row for i, row in enumerate(csv.DictReader(io.TextIOWrapper(raw, "utf-8"))) if i % EVERY_FLIGHT == 0]
    tables["flights"] = {name: [row[name] for row in rows] for name in rows[0]}
    tables["weather"] = {name: values[::EVERY_HOUR] for name, values in tables["weather"].items()}
    plain: dict[str, Table] = {
        name: {head: tuple("" if value == "NA" else value for value in values) for head, values in tables[name].items()}
        for name in sorted(tables)
    }
    return task_of(TableLake(plain, data.name), FLIGHTS, ())


def base_of_script(path: Path) -> sqlite3.Connection:
    """Return a base in memory on which the SQL script ``path`` was run; it may touch no other base and no setting.

    Raises:
        BadInputError: the script cannot be read or does not run.
    """
    denied = {sqlite3.SQLITE_ATTACH: sqlite3.SQLITE_DENY, sqlite3.SQLITE_DETACH: sqlite3.SQLITE_DENY,
              sqlite3.SQLITE_PRAGMA: sqlite3.SQLITE_IGNORE}  # fmt: skip
    base = sqlite3.connect(":memory:")
    base.set_authorizer(lambda action, *_: denied.get(action, sqlite3.SQLITE_OK))
    try:
        base.executescript(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, sqlite3.Error) as error:
        base.close()
        raise BadInputError(f"{path}: not a script that SQLite can run ({error})") from None
    base.set_authorizer(lambda *_: sqlite3.SQLITE_OK)
    return base


def declared_keys(base: sqlite3.Connection) -> list[Tie]:
    """Return (TABLE.COLUMN, TABLE.COLUMN) of each foreign key that the base declares."""
    names = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    ties: list[Tie] = []
    for name in names:
        for key in base.execute("SELECT * FROM pragma_foreign_key_list(?)", (name,)).fetchall():
            target, column, points_to = key[2], key[3], key[4]
            ties.append((f"{name}.{column}", f"{target}.{points_to}"))
    return ties


def task_of(lake: TableLake, keys: Iterable[Tie], more: Iterable[Tie]) -> LakeTask:
    """Return ``lake`` with its columns numbered by what ties them; ties to tables without rows are passed over."""
    names = [f"{table}.{column}" for table, column in lake.columns()]
    keys = list(keys)
    return LakeTask(lake, _groups(names, keys, lake), _groups(names, [*keys, *more], lake))


def _groups(names: Sequence[str], ties: Iterable[Tie], lake: TableLake) -> npt.NDArray[np.int64]:
    """Return (N,): the same number for all columns that ``ties`` join, directly or through others."""
    place = {name: i for i, name in enumerate(names)}
    group = np.arange(len(names), dtype=np.int64)
    for tie in ties:
        unknown = [name for name in tie if name not in place and name.partition(".")[0] in lake.tables]
        if unknown:
            raise BadInputError(f"{lake.name}: no column {unknown[0]}")
        members = group[[place[name] for name in tie if name in place]]
        group[np.isin(group, members)] = members.min(initial=len(names))
    return group
