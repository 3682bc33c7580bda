"""Messages and a place for the tests of the recorder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfcue.messages import CameraInfo, Image, Imu
from selfcue.record.keeping import Place

MS = 1_000_000


def imu(i: int) -> Imu:
    omega = (0.1 * i, 0.0, 0.0)
    return Imu(stamp_ns=i * 10 * MS, seq=i, source="b", angular_velocity=omega, linear_acceleration=(0.0, 0.0, 9.8))


def info(i: int = 0) -> CameraInfo:
    k = (100.0, 0.0, 4.0, 0.0, 100.0, 4.0, 0.0, 0.0, 1.0)
    return CameraInfo(stamp_ns=i * 10 * MS, seq=i, source="b", width=8, height=8, k=k, p=(*k, 0.0, 0.0, 0.0))


def picture(i: int, side: int = 64) -> Image:
    data = np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8)
    return Image(stamp_ns=i * 10 * MS, seq=i, source="b", encoding="rgb8", data=data)


def place(folder: Path, run_dir: Path | None = None) -> Place:
    return Place.folder(folder, run_dir)
