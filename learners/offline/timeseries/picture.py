"""A window and what decides it, to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.windows import Windows
from selfcue.report.style import draw


def draw_explanation(windows: Windows, scores: npt.NDArray[np.float32], row: int, path: Path) -> Path:
    """Write a PNG of window ``row``: a line a sensor, shaded the darker the more a sample matters; return ``path``.

    Args:
        windows: N of them.
        scores: (N, T, D) in [0, 1], as ``explain`` gives them; the least of the window is white, the greatest darkest.
        row: which, from 0.
        path: of the PNG.

    Raises:
        BadInputError: no such row, or scores of another shape.
    """
    if scores.shape != windows.x.shape or not 0 <= row < len(windows.x):
        raise BadInputError(f"{windows.name}: window {row} with scores {scores.shape}; there are {windows.x.shape}")
    _, t, d = windows.x.shape
    times = windows.times_s if windows.times_s is not None else np.arange(t, dtype=np.float32)
    half = (times[1] - times[0]) / 2 if t > 1 else 0.5
    low, high = float(scores[row].min()), float(scores[row].max())

    def paint(figure: Any) -> None:
        for sensor, axes in enumerate(figure.subplots(d, 1, sharex=True, squeeze=False)[:, 0]):
            line = windows.x[row, :, sensor]
            bottom, top = float(line.min()), float(line.max())
            room = 0.1 * (top - bottom) or 1.0
            axes.imshow(
                scores[row, :, sensor][None], cmap="Oranges", vmin=low, vmax=max(high, low + 1e-6), aspect="auto",
                extent=(times[0] - half, times[-1] + half, bottom - room, top + room),
            )  # fmt: skip
            axes.plot(times, line, color="black", linewidth=1.0)
            axes.set_ylabel(windows.sensors[sensor] if windows.sensors else f"sensor {sensor}")
            axes.grid(visible=False)
        axes.set_xlabel("seconds" if windows.times_s is not None else "samples")

    return draw(path, 7.0, 0.6 + 0.75 * d, paint)
