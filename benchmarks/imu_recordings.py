"""Recorded inertial units as streams of messages, cut where a recording is not clean or not one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.messages import Imu
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.imu.rest import rests

DSADS_SUBJECTS = ("s1", "s2")
DSADS_FROZEN = ("s1 ascending_stairs", "s1 descending_stairs")
"""All five units repeat their rows there for a second and more."""


@dataclass(frozen=True)
class Recording:
    """One unit, one stretch of time without a cut.

    Attributes:
        name: of the folder and what in it.
        stamps_ns: (N,) rising.
        accel: (N, 3) [m/s^2]. gyro: (N, 3) [rad/s].
    """

    name: str
    stamps_ns: npt.NDArray[np.int64]
    accel: npt.NDArray[np.float64]
    gyro: npt.NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return float(self.stamps_ns[-1] - self.stamps_ns[0]) * 1e-9

    @property
    def rate_hz(self) -> float:
        return (len(self.stamps_ns) - 1) / self.seconds

    def unbiased(self) -> Recording:
        """Return it without the gyroscope's bias, taken from its rests."""
        still = list(rests(self.stamps_ns, self.accel, self.gyro))
        bias = np.median([rest.gyro for rest in still], axis=0) if still else np.zeros(3)
        return replace(self, gyro=self.gyro - bias)

    def messages(self) -> Iterator[Imu]:
        """Yield it message by message."""
        for stamp_ns, (ax, ay, az), (gx, gy, gz) in zip(
            self.stamps_ns.tolist(), self.accel.tolist(), self.gyro.tolist(), strict=True
        ):
            yield Imu(stamp_ns=stamp_ns, angular_velocity=(gx, gy, gz), linear_acceleration=(ax, ay, az))


def euroc(data: Path) -> Recording:
    """Return the hexacopter's flight (ADIS16448, 200 Hz)."""
    table = np.loadtxt(data / "euroc_imu_leica/mav0/imu0/data.csv", delimiter=",")
    stamps = np.loadtxt(data / "euroc_imu_leica/mav0/imu0/data.csv", delimiter=",", usecols=0, dtype=np.int64)
    return Recording("euroc_imu_leica", stamps, table[:, 4:7], table[:, 1:4])


def xio(data: Path) -> Recording:
    """Return the hand-moved unit (100 Hz)."""
    table = np.loadtxt(data / "imu_xio_fusion/sensor_data.csv", delimiter=",", skiprows=1)
    stamps = np.round(table[:, 0] * 1e9).astype(np.int64)
    return Recording("imu_xio_fusion", stamps, table[:, 4:7] * STANDARD_GRAVITY, np.radians(table[:, 1:4]))


def dsads(data: Path) -> Iterator[Recording]:
    """Yield the five worn units of two people, each activity by itself (2.5 minutes at 25 Hz)."""
    for subject in DSADS_SUBJECTS:
        with np.load(data / "har_dsads_5imu" / f"{subject}.npz", allow_pickle=False) as held:
            signals = (held["signals"] * held["scale"]).reshape(19, -1, 5, 6)
            names, labels = [str(name) for name in held["devices"]], [str(name) for name in held["label_names"]]
        stamps = np.arange(signals.shape[1], dtype=np.int64) * 40_000_000
        for activity, label in enumerate(labels):
            for device, name in enumerate(names):
                found = signals[activity, :, device].astype(np.float64)
                yield Recording(f"har_dsads_5imu {subject} {label} {name}", stamps, found[:, :3], found[:, 3:])


def gait(data: Path) -> Iterator[Recording]:
    """Yield the trials of three worn units (50 Hz) in which no packet was lost."""
    for path in sorted((data / "har_gait_3imu").glob("s*.npz")):
        with np.load(path, allow_pickle=False) as held:
            signals, measured, trials = held["signals"], held["measured"], held["trial"]
        for trial in np.unique(trials):
            rows = trials == trial
            for device in range(3):
                if measured[rows, device].all() and rows.sum() > 250:
                    found = signals[rows, device].astype(np.float64)
                    stamps = np.arange(len(found), dtype=np.int64) * 20_000_000
                    yield Recording(
                        f"har_gait_3imu {path.stem} {trial} unit {device}", stamps, found[:, :3], found[:, 3:]
                    )


def phone_watch(data: Path) -> Iterator[Recording]:
    """Yield the trials of phone and watch (50 Hz after resampling, about 11 s each)."""
    for path in sorted((data / "har_phone_watch").glob("s*.npz")):
        with np.load(path, allow_pickle=False) as held:
            signals, trials = held["signals"], held["trial"]
        for trial in np.unique(trials):
            for device, name in enumerate(("phone", "watch")):
                found = signals[trials == trial, device].astype(np.float64)
                stamps = np.arange(len(found), dtype=np.int64) * 20_000_000
                yield Recording(f"har_phone_watch {path.stem} {trial} {name}", stamps, found[:, :3], found[:, 3:])
