"""Data into methods and results out of them, by file."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.data import catalogue


def read_data(kind: Any, data: str) -> Any:
    """Return ``data`` as the method class ``kind`` takes it: a path, or else the name of a known data set."""
    path = Path(data)
    if path.exists():
        return kind.Data.read(path)
    if path.suffix or "/" in data:
        raise BadInputError(f"{data}: no such file or folder")
    loaded = catalogue.load(data)
    loaded = getattr(loaded, "data", loaded)  # a task: the truth stays behind
    if not isinstance(loaded, kind.Data):
        raise BadInputError(
            f"{kind.about.name} learns from {kind.Data.__name__}, but {data!r} is {type(loaded).__name__}"
        )
    return loaded


def write_result(method: Any, what: str, data: Any, out: Path, *, k: int) -> None:
    """Let ``method`` do ``what`` (a capability's name) on ``data`` and write the result to ``out``."""
    if out.suffix not in {".npz", ".csv"}:
        raise UsageError(f"--out {out}: the result is a .npz or a .csv file")
    if what == "discover":
        _write_rows(out, method.discover(data))
        return
    arrays: dict[str, np.ndarray] = {}
    if what == "recommend":
        rows = np.arange(data.n_users)
        arrays["item"], arrays["score"] = method.recommend(data, rows, k=k)
    elif what == "predict":
        arrays["label"], arrays["probability"] = method.predict(data), method.predict_proba(data)
    else:
        arrays[what] = getattr(method, what)(data)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
        return
    flat = {name: array.reshape(len(array), -1) for name, array in arrays.items()}
    heads = [f"{name}_{i}" if a.shape[1] > 1 else name for name, a in flat.items() for i in range(a.shape[1])]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", *heads])
        for i in range(len(next(iter(flat.values())))):
            writer.writerow([i, *(value for array in flat.values() for value in array[i].tolist())])


def _write_rows(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if out.suffix != ".csv":
        raise UsageError(f"--out {out}: what is discovered is a table; name a .csv file")
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0].keys() if rows else ["nothing found"])
        for row in rows:
            writer.writerow(
                [value if isinstance(value, (str, int, float)) else json.dumps(value) for value in row.values()]
            )
