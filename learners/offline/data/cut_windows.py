"""A long recording as windows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.windows import Windows


def cut_windows(
    signal: npt.NDArray[np.floating],
    length: int,
    *,
    step: int,
    labels: npt.NDArray[np.integer] | None = None,
    part: npt.NDArray[np.integer] | None = None,
    period_s: float | None = None,
    sensors: tuple[str, ...] = (),
    name: str = "windows",
) -> Windows:
    """Return windows of ``length`` samples, one beginning every ``step``.

    Args:
        signal: (S, D) samples in the order of time.
        length, step: in samples.
        labels: (S,) class of each sample, below 0 where unknown. Windows of more than one class are left out.
        part: (S,) which recording each sample belongs to; no window spans two.
        period_s: time from one sample to the next. None: one second.
        sensors: D names.
        name: for messages and reports.

    Raises:
        BadInputError: shapes that do not fit, or not a single window.
    """
    if signal.ndim != 2 or length < 1 or step < 1:
        raise BadInputError(f"{name}: windows of 1 sample or more of (S, D); got {signal.shape}, {length}, {step}")
    for what, given in (("labels", labels), ("part", part)):
        if given is not None and given.shape != (len(signal),):
            raise BadInputError(f"{name}: {what} must be one a sample, ({len(signal)},), got {given.shape}")
    begins = [
        begin
        for begin in range(0, len(signal) - length + 1, step)
        if all(given is None or (given[begin : begin + length] == given[begin]).all() for given in (labels, part))
    ]
    if not begins:
        raise BadInputError(f"{name}: no window of {length} samples in {len(signal)} lies in one part and class")
    x = np.stack([signal[begin : begin + length] for begin in begins]).astype(np.float32)
    y = None if labels is None else np.maximum(labels[begins].astype(np.int64), -1)
    times = None if period_s is None else (np.arange(length) * period_s).astype(np.float32)
    return Windows(x, y, times, sensors, name)
