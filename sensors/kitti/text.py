"""KITTI's text files: ``key: numbers`` calibration, matrices, and time stamps."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

FloatArray = npt.NDArray[np.float64]


def read_lines(path: Path, what: str) -> list[str]:
    """Return the lines of ``path`` that hold something. Raises BadInputError where it cannot be read."""
    try:
        return [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except FileNotFoundError:
        raise BadInputError(f"{path}: {what} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: {what} cannot be read ({error})") from error


def read_keyed(path: Path, what: str) -> dict[str, FloatArray]:
    """Return ``key: numbers`` lines; lines whose value is no list of numbers (dates) are left out."""
    values: dict[str, FloatArray] = {}
    for line in read_lines(path, what):
        key, colon, rest = line.partition(":")
        if line.startswith("#") or not colon:
            continue
        try:
            values[key.strip()] = np.array([float(word) for word in rest.split()])
        except ValueError:
            continue
    return values


def numbers(values: dict[str, FloatArray], key: str, count: int, path: Path) -> FloatArray:
    """Return the ``count`` numbers of ``key``. Raises BadInputError where the key is missing or has others."""
    if key not in values:
        raise BadInputError(f"{path}: calibration key {key!r} is missing; it has {', '.join(values) or 'none'}")
    if values[key].size != count:
        raise BadInputError(f"{path}: calibration key {key!r} has {values[key].size} numbers, expected {count}")
    return values[key]


def read_matrix(path: Path, columns: int, what: str) -> FloatArray:
    """Return the (N, columns) numbers of a file with one row a line; comment lines start with ``#``."""
    rows = []
    for number, line in enumerate(read_lines(path, what), start=1):
        if line.startswith("#"):
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != columns:
            raise BadInputError(f"{path}: line {number} of {what} is not {columns} numbers: {line[:60]!r}")
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, columns)


def seconds_to_ns(text: str, path: Path) -> int:
    """Return decimal seconds as whole nanoseconds, exactly."""
    try:
        return int((Decimal(text) * 1_000_000_000).to_integral_value())
    except (InvalidOperation, ValueError):
        raise BadInputError(f"{path}: {text!r} is not a time in seconds") from None


def datetime_to_ns(text: str, path: Path) -> int:
    """Return ``2011-09-26 14:05:35.123456789`` (taken as UTC) as nanoseconds since 1970."""
    whole, _, fraction = text.partition(".")
    try:
        moment = datetime.strptime(whole, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        nanoseconds = int(fraction[:9].ljust(9, "0"))
    except ValueError:
        raise BadInputError(f"{path}: {text!r} is not a time stamp like 2011-09-26 14:05:35.123456789") from None
    return int(moment.timestamp()) * 1_000_000_000 + nanoseconds
