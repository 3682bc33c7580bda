"""One seed, many streams: each part of the simulator draws from its own generator, so that none disturbs another."""

from __future__ import annotations

from typing import Literal

import numpy as np

Stream = Literal["start", "gust", "imu", "camera", "camera_book", "odometry", "lidar", "faults"]

_STREAMS: dict[Stream, int] = {
    "start": 11,
    "gust": 12,
    "imu": 13,
    "camera": 14,
    "camera_book": 15,
    "odometry": 16,
    "lidar": 17,
    "faults": 18,
}


def stream(seed: int, name: Stream) -> np.random.Generator:
    """Return the generator of one part of the simulator."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _STREAMS[name]])))
