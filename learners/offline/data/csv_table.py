"""CSV files as columns of text, and such columns as numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError


def read_csv(path: Path) -> dict[str, list[str]]:
    """Return the columns of ``path`` by the names in its first line; UTF-8, comma, semicolon or tab.

    Raises:
        BadInputError: no such file, empty, not text, a row of another length, or a column name twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    first = text.partition("\n")[0]
    rows = list(csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count)))
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise BadInputError(f"{path}: needs a line of column names and at least one row")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise BadInputError(f"{path}: a column name comes twice: {', '.join(names)}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise BadInputError(f"{path}: line {number} has {len(row)} fields, the first line {len(names)}")
    return {name: [row[i].strip() for row in rows[1:]] for i, name in enumerate(names)}


def numbers_of(column: list[str], where: str) -> npt.NDArray[np.float32]:
    """Return ``column`` as float32. Raises BadInputError, with the row, where a field is no finite number."""
    values = np.empty(len(column), dtype=np.float32)
    for i, field in enumerate(column):
        try:
            values[i] = float(field)
        except ValueError:
            raise BadInputError(f"{where}: row {i + 1} is {field!r}, not a number") from None
        if not np.isfinite(values[i]):
            raise BadInputError(f"{where}: row {i + 1} is {field!r}; fill or drop it")
    return values


def codes_of(column: list[str]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return a code for each field, and the names in the order of their codes (sorted)."""
    names, codes = np.unique(np.array(column, dtype=np.str_), return_inverse=True)
    return codes.astype(np.int64), [str(name) for name in names]
