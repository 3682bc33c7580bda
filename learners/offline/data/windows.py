"""Windows of time series: what the methods of the time-series family learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.npz import read_npz


@dataclass(frozen=True, eq=False)
class Windows:
    """Equally long stretches of one or more sensors.

    Attributes:
        x: (N, T, D) float32, finite: N windows of T samples of D sensors.
        y: (N,) int64 classes from 0, -1 where unknown. None: no labels.
        times_s: (T,) float32, rising: time of each sample within its window. None: one second apart.
        sensors: D names; empty: numbered.
        name: for messages and reports.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64] | None = None
    times_s: npt.NDArray[np.float32] | None = None
    sensors: tuple[str, ...] = ()
    name: str = "windows"

    def __post_init__(self) -> None:
        if self.x.ndim != 3 or self.x.dtype != np.float32 or not self.x.size:
            raise BadInputError(
                f"{self.name}: x must be (N, T, D) float32 and not empty, got {self.x.shape} {self.x.dtype}"
            )
        bad = np.argwhere(~np.isfinite(self.x))
        if len(bad):
            n, t, d = bad[0]
            raise BadInputError(
                f"{self.name}: sample {t} of sensor {d} in window {n} is {self.x[n, t, d]} ({len(bad)} such values); "
                "fill or drop them"
            )
        if self.y is not None and (self.y.shape != (len(self.x),) or self.y.dtype != np.int64):
            raise BadInputError(f"{self.name}: y must be ({len(self.x)},) int64, got {self.y.shape} {self.y.dtype}")
        if self.times_s is not None and (
            self.times_s.shape != (self.x.shape[1],) or not (np.diff(self.times_s) > 0).all()
        ):
            raise BadInputError(
                f"{self.name}: times_s must be {self.x.shape[1]} rising times, got {self.times_s.shape}"
            )
        if self.sensors and len(self.sensors) != self.x.shape[2]:
            raise BadInputError(f"{self.name}: {len(self.sensors)} names for {self.x.shape[2]} sensors")

    @classmethod
    def read(cls, path: Path | str) -> Windows:
        """Read an ``.npz`` with ``x`` (N, T, D) or (N, T), and perhaps ``y``, ``times_s`` and ``sensors``.

        Raises:
            BadInputError: no such file, no such arrays, or no windows.
        """
        path = Path(path)
        arrays = read_npz(path, "x")
        x = arrays["x"].astype(np.float32)
        return cls(
            x[..., None] if x.ndim == 2 else x,
            arrays["y"].astype(np.int64) if "y" in arrays else None,
            arrays["times_s"].astype(np.float32) if "times_s" in arrays else None,
            tuple(str(name) for name in arrays["sensors"]) if "sensors" in arrays else (),
            path.stem,
        )

    def rows(self, index: npt.NDArray[np.int64]) -> Windows:
        """Return the windows ``index``."""
        return Windows(self.x[index], None if self.y is None else self.y[index], self.times_s, self.sensors, self.name)

    def without_labels(self) -> Windows:
        """Return the same windows without classes."""
        return Windows(self.x, None, self.times_s, self.sensors, self.name)
