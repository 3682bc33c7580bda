"""Windows as TimeX takes them: what it must know of them, what it refuses, and which choose the epoch."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.timeseries.classifier import reference_sizes

if TYPE_CHECKING:
    from selfcue.learners.offline.timeseries.timex_config import TimeXConfig

IntArray = npt.NDArray[np.int64]
FEWEST = 8


def sizes(data: Windows, config: TimeXConfig, given: nn.Module | None) -> dict[str, Any]:
    """Return what the net needs to know of ``data``.

    Args:
        given: the classifier to explain; None: labels are needed to learn one.

    Raises:
        BadInputError: too few or too short windows, no labels where they are needed, or of one class alone.
    """
    n, t, d = data.x.shape
    if n < FEWEST or t < 2:
        raise BadInputError(f"{data.name}: {n} windows of {t} samples; needs {FEWEST} windows of 2 samples at least")
    times = data.times_s if data.times_s is not None else np.arange(t, dtype=np.float32)
    facts = {
        "length": t, "sensors": d, "sensor_names": list(data.sensors), "times": [float(x) for x in times],
        "landmarks": min(config.n_landmarks, n - round(config.validation * n)),
    }  # fmt: skip
    if given is None:
        return {**facts, "classes": _classes(data), "reference": "own"}
    given = copy.deepcopy(given).cpu()  # the user's may be on another device
    width, classes = reference_sizes(given, torch.from_numpy(data.x[:2]))
    mark = hashlib.sha256()
    for name, tensor in given.state_dict().items():
        mark.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return {**facts, "width": width, "classes": classes, "reference": mark.hexdigest()[:16]}


def _classes(data: Windows) -> int:
    if data.y is None or not (data.y >= 0).any():
        raise BadInputError(
            f"{data.name}: no labels; timex learns a classifier from y (N,) first, or explains yours: "
            "TimeX(reference=model)"
        )
    known, counts = np.unique(data.y[data.y >= 0], return_counts=True)
    if len(known) < 2:
        raise BadInputError(f"{data.name}: all {counts[0]} labelled windows are of class {known[0]}; needs two classes")
    if known[-1] != len(known) - 1 or (data.y < -1).any():
        told = ", ".join(str(k) for k in np.unique(data.y)[:6])
        raise BadInputError(f"{data.name}: classes must be 0, 1, 2, ... (-1: unknown) without gaps; got {told}")
    return len(known)


def check(data: Windows, facts: Mapping[str, Any]) -> None:
    """Raise BadInputError where ``data`` are not windows of the kind that was learned from."""
    shape = facts["length"], facts["sensors"]
    if data.x.shape[1:] != shape:
        raise BadInputError(
            f"{data.name}: windows of {data.x.shape[1]} samples of {data.x.shape[2]} sensors; learned from "
            f"{shape[0]} of {shape[1]}"
        )
    learned = list(facts["sensor_names"])
    if data.sensors and learned and list(data.sensors) != learned:
        raise BadInputError(f"{data.name}: sensors {', '.join(data.sensors)}; learned from {', '.join(learned)}")


def split(y: IntArray, share: float, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return training and validation rows, rising; each class gives ``share`` of its windows to the latter."""
    mark = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        mark[rows[: round(share * len(rows))]] = True
    if mark.sum() < 2:  # two windows are the fewest that can be compared
        mark[:] = False
    return np.flatnonzero(~mark), np.flatnonzero(mark)


def stratified(classes: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Return ``count`` places in ``classes``, as many of each class as can be, drawn without replacement.

    With fewer than ``count`` in all, some come twice.
    """
    order = rng.permutation(len(classes))
    turn = np.empty(len(order), dtype=np.int64)
    for label in np.unique(classes):
        mine = classes[order] == label
        turn[mine] = np.arange(mine.sum())
    places = order[np.argsort(turn, kind="stable")]
    return np.resize(places, count)


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Draw from ``seed`` inside; torch's generators stand as before afterwards."""
    cards = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(cards):
        torch.manual_seed(seed)
        yield
