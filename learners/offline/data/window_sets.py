"""The known sets of windows, read into what methods take; truth to be judged by stays apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.csv_table import read_csv
from selfcue.learners.offline.data.ts_files import read_ts
from selfcue.learners.offline.data.windows import Windows

if TYPE_CHECKING:
    from selfcue.learners.offline.data.catalogue import DataSet

ARCHIVE = {
    "arrowhead": "ArrowHead",
    "basicmotions": "BasicMotions",
    "gunpoint": "GunPoint",
    "italypower": "ItalyPowerDemand",
}
"""Sets of the UCR and UEA archives: our name, theirs."""


@dataclass(frozen=True, eq=False)
class WindowTask:
    """Windows to fit on and others to judge by.

    Attributes:
        data: labelled windows to learn from.
        test: windows without labels.
        truth: (M,) int64 classes of those; only judges see them.
    """

    data: Windows
    test: Windows
    truth: npt.NDArray[np.int64]


def archive(data: DataSet, folder: Path) -> WindowTask:
    """Read a set of the UCR or UEA archive as aeon brings it, split as it was published."""
    place = folder / "datasets" / "data" / ARCHIVE[data.name]
    train, names = read_ts(place / f"{place.name}_TRAIN.ts", name=data.name)
    test, same = read_ts(place / f"{place.name}_TEST.ts", name=data.name)
    if names != same or test.y is None:
        raise BadInputError(f"{place}: classes {names} to learn from, but {same} to be judged by")
    return WindowTask(train, test.without_labels(), test.y)


def ett(data: DataSet, folder: Path) -> WindowTask:
    """Read ETTh1: days of 24 hourly readings of 7 sensors; class 1 where the next day's oil is warmer on average.

    The first two thirds of the days are to learn from, the rest to be judged by.
    """
    table = read_csv(folder / data.files[0].path)
    sensors = tuple(name for name in table if name != "date")
    hours = np.stack([np.array(table[name], dtype=np.float32) for name in sensors], axis=1)
    days = hours[: len(hours) // 24 * 24].reshape(-1, 24, len(sensors))
    oil = days[:, :, sensors.index("OT")].mean(1)
    x, y = days[:-1], (oil[1:] > oil[:-1]).astype(np.int64)
    times = np.arange(24, dtype=np.float32) * 3600.0
    cut = len(x) * 2 // 3
    learn, test = (
        Windows(np.ascontiguousarray(part), labels, times, sensors, data.name)
        for part, labels in ((x[:cut], y[:cut].copy()), (x[cut:], None))
    )
    return WindowTask(learn, test, y[cut:].copy())
