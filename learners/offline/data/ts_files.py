"""The ``.ts`` text files of the UEA and UCR archives of time-series classification, as windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.windows import Windows


def read_ts(path: Path, *, name: str = "") -> tuple[Windows, tuple[str, ...]]:
    """Return the windows of a ``.ts`` file, labelled, and the names of the classes in the order of their numbers.

    A line is a window: sensors divided by ``:``, samples by ``,``, its class last. Equally long ones without gaps or
    time stamps alone.

    Raises:
        BadInputError: no such file, another form, unequal lengths, or a class that its header does not list.
    """
    try:
        head, _, body = path.read_text(encoding="utf-8").partition("@data")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read ({error})") from None
    fields = [line[1:].split() for line in head.splitlines() if line.startswith("@")]
    labels = next((tuple(field[2:]) for field in fields if field[0].lower() == "classlabel" and field[1] == "true"), ())
    if not labels or not body:
        raise BadInputError(f"{path}: not a .ts file of labelled windows (no @classLabel true ..., or no @data)")
    x, y = [], []
    for number, line in enumerate(body.split("\n")):
        if not line.strip():
            continue
        *sensors, label = line.strip().split(":")
        try:
            x.append([[float(value) for value in sensor.split(",")] for sensor in sensors])
            y.append(labels.index(label))
        except ValueError as error:
            raise BadInputError(f"{path}: line {number} after @data: {error}") from None
    if len({len(sensor) for window in x for sensor in window}) != 1 or len({len(window) for window in x}) != 1:
        raise BadInputError(f"{path}: windows of unequal length, or none; cut or pad them first")
    values = np.array(x, dtype=np.float32).transpose(0, 2, 1)
    return Windows(np.ascontiguousarray(values), np.array(y, dtype=np.int64), name=name or path.stem), labels
