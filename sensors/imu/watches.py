"""All detectors of inertial units, as the trust node runs them."""

from __future__ import annotations

from typing import Any

from selfcue.messages import Imu, Scalars
from selfcue.sensors.imu.clock_watch import ClockWatch
from selfcue.sensors.imu.delivery_watches import DeliveryWatch, StuckWatch
from selfcue.sensors.imu.range_watch import RangeWatch
from selfcue.sensors.imu.rest_watches import AxesWatch, BiasWatch
from selfcue.sensors.trust_node import WatchSet
from selfcue.sensors.watch import Watch


def imu_watches(*, asked_hz: float = 0.0, accel_limit: float = 0.0, gyro_limit: float = 0.0) -> list[Watch[Any]]:
    """Return the detectors of what ``TOPIC`` (Imu) says: stuck, dropout, rate, saturated, bias, scale, axes.

    Args:
        asked_hz: rate that is expected; 0: the one of the first samples.
        accel_limit, gyro_limit: range of the unit [m/s^2, rad/s]; 0: not known.
    """
    return [
        StuckWatch(),
        DeliveryWatch(asked_hz=asked_hz),
        RangeWatch(accel_limit=accel_limit, gyro_limit=gyro_limit),
        AxesWatch(),
        BiasWatch(),
    ]


def clock_watches() -> list[Watch[Any]]:
    """Return the detectors of what ``TOPIC/clock`` (Scalars) says: desync, drift."""
    return [ClockWatch()]


IMU = WatchSet(Imu, imu_watches)
IMU_CLOCK = WatchSet(Scalars, clock_watches)
