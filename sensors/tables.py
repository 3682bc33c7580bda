"""Tables of numbers in text files, read exactly: whole columns, stamps without rounding, errors by line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

_TO_NS = {"ns": 0, "us": 3, "ms": 6, "s": 9}
TIME_UNITS = tuple(_TO_NS)


def read_rows(path: Path, what: str, *, separator: str | None = ",") -> list[tuple[int, list[str]]]:
    """Return (line number, words) of every line that is no comment (``#``) and not empty.

    Raises:
        BadInputError: the file is missing or no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInputError(f"{path}: {what} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: {what} cannot be read ({error})") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            rows.append((number, [word.strip() for word in line.split(separator)]))
    return rows


def stamp_ns(word: str, unit: str, path: Path, line: int) -> int:
    """Return a time as whole nanoseconds, exactly (rounded to even below one).

    Raises:
        BadInputError: no number, or outside 0 to 2^63 ns.
    """
    try:
        value = int(Decimal(word).scaleb(_TO_NS[unit]).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        raise BadInputError(f"{path}: line {line}: {word[:40]!r} is not a time in {unit}") from None
    if not 0 <= value < 1 << 63:
        raise BadInputError(f"{path}: line {line}: the time {word[:40]} {unit} is out of range; is the unit right?")
    return value


def numbers(rows: Sequence[tuple[int, list[str]]], columns: Sequence[int], path: Path) -> npt.NDArray[np.float64]:
    """Return (N, len(columns)) numbers of the columns with these indices.

    Raises:
        BadInputError: a line is too short or holds something else; the message names it.
    """
    table = np.empty((len(rows), len(columns)))
    for i, (line, words) in enumerate(rows):
        for j, column in enumerate(columns):
            try:
                table[i, j] = float(words[column])
            except IndexError:
                raise BadInputError(
                    f"{path}: line {line} has {len(words)} columns, number {column + 1} is needed; is the file cut off?"
                ) from None
            except ValueError:
                raise BadInputError(f"{path}: line {line}: {words[column][:40]!r} is not a number") from None
    return table


def stamps(rows: Sequence[tuple[int, list[str]]], path: Path, *, unit: str, column: int = 0) -> npt.NDArray[np.int64]:
    """Return (N,) stamps [ns] of a column. Raises BadInputError as ``stamp_ns``."""
    found = []
    for line, words in rows:
        if column >= len(words):
            raise BadInputError(f"{path}: line {line} has {len(words)} columns; the time is in number {column + 1}")
        found.append(stamp_ns(words[column], unit, path, line))
    return np.array(found, dtype=np.int64)
