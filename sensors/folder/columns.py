"""Tables with named columns as messages of a chosen type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import (
    Imu,
    MagneticField,
    Message,
    NavSatFix,
    Pose,
    Position,
    Scalars,
    Twist,
    Vector,
)
from selfcue.sensors.folder.mapping import MAPPING, Table
from selfcue.sensors.streams import Stream
from selfcue.sensors.tables import numbers, read_rows, stamps

_TYPES: dict[str, tuple[type[Message], dict[str, int]]] = {
    "Imu": (Imu, {"angular_velocity": 3, "linear_acceleration": 3}),
    "MagneticField": (MagneticField, {"field": 3}),
    "Position": (Position, {"position": 3}),
    "Pose": (Pose, {"position": 3, "orientation": 4}),
    "NavSatFix": (NavSatFix, {"latitude_deg": 1, "longitude_deg": 1, "altitude_m": 1}),
    "Vector": (Vector, {"vector": 3}),
    "Twist": (Twist, {"linear": 3, "angular": 3}),
}
"""Type of message, and how many columns each field takes."""


def table_stream(topic: str, table: Table, folder: Path) -> Stream:
    """Return the stream of a table.

    Raises:
        BadInputError: the table or a column is missing, a field is not the type's, or a value is no number.
    """
    path = folder / table.file
    names, rows = _read(path, table.separator)
    where = f"{folder / MAPPING}: {topic}"
    if table.type != "Scalars" and table.type not in _TYPES:
        raise BadInputError(f"{where}: type {table.type!r} is not known; known: {', '.join(_TYPES)}, Scalars")
    time = _column(table.time, names, path)
    offset_ns = round(table.start_s * 1e9)
    stamps_ns = stamps(rows, path, unit=table.unit, column=time) + offset_ns
    if table.type == "Scalars":
        chosen = table.fields.get("values") or [name for name in names if name != table.time]
        make: Callable[[npt.NDArray[np.float64], int], Message] = _scalars(chosen, table)
        kind: type[Message] = Scalars
    else:
        kind, sizes = _TYPES[table.type]
        _check_fields(table, sizes, where)
        chosen = [column for name in sizes for column in table.fields[name]]
        make = _typed(kind, sizes, table)
    values = numbers(rows, [_column(name, names, path) for name in chosen], path)

    def read(i: int) -> Message:
        return make(values[i], int(stamps_ns[i]))

    return Stream(topic, kind, stamps_ns, read, f"CSV {table.file}")


def _read(path: Path, separator: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns and the rows; the first line may begin with ``#``."""
    rows = read_rows(path, "the table", separator=separator)
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    names = [word.strip() for word in first.lstrip("# ").split(separator)]
    return names, rows if first.lstrip().startswith("#") else rows[1:]


def _column(name: str, names: list[str], path: Path) -> int:
    if name not in names:
        raise BadInputError(f"{path}: has no column {name!r}; its first line names {', '.join(names)[:200]}")
    return names.index(name)


def _check_fields(table: Table, sizes: Mapping[str, int], where: str) -> None:
    for name, size in sizes.items():
        found = table.fields.get(name, [])
        if len(found) != size:
            raise BadInputError(f"{where}: field {name!r} of {table.type} takes {size} columns, {len(found)} are named")
    strange = sorted({*table.fields, *table.scale} - set(sizes))
    if strange:
        raise BadInputError(f"{where}: {table.type} has no field {strange[0]!r}; it has {', '.join(sizes)}")


def _scalars(chosen: list[str], table: Table) -> Callable[[npt.NDArray[np.float64], int], Message]:
    scale = table.scale.get("values", 1.0)

    def make(row: npt.NDArray[np.float64], stamp_ns: int) -> Message:
        values = {name: float(value) * scale for name, value in zip(chosen, row, strict=True)}
        return Scalars(stamp_ns=stamp_ns, frame_id=table.frame_id, values=values)

    return make


def _typed(
    kind: type[Message], sizes: Mapping[str, int], table: Table
) -> Callable[[npt.NDArray[np.float64], int], Message]:
    def make(row: npt.NDArray[np.float64], stamp_ns: int) -> Message:
        fields: dict[str, Any] = {}
        at = 0
        for name, size in sizes.items():
            part = tuple(float(value) * table.scale.get(name, 1.0) for value in row[at : at + size])
            fields[name] = part if size > 1 else part[0]
            at += size
        return kind(stamp_ns=stamp_ns, frame_id=table.frame_id, **fields)

    return make
