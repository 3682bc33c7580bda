"""What an inertial unit measured at one moment."""

from __future__ import annotations

import math
from typing import NamedTuple

from selfcue.messages import Vector3

UNKNOWN: Vector3 = (math.nan, math.nan, math.nan)


class ImuSample(NamedTuple):
    """One sample in the unit's own axes.

    Attributes:
        accel: specific force [m/s^2]; at rest it points up.
        gyro: angular velocity [rad/s]; NaN where the unit has no gyroscope.
        field: magnetic field [T]; None where it was not measured with this sample.
        temperature_c: of the unit [degrees Celsius]; NaN where it does not say.
        device: which one of a driver's devices measured it; empty where a driver has just one.
        device_ns: time of measurement by the unit's own clock; None where it has none.
        arrival_ns: when the sample came, by this machine's monotonic clock.
        measured_ns: time of measurement by this machine's monotonic clock, from drivers of several devices, each with a
            clock of its own; None where the base stamps.
    """

    accel: Vector3
    gyro: Vector3 = UNKNOWN
    field: Vector3 | None = None
    temperature_c: float = math.nan
    device: str = ""
    device_ns: int | None = None
    arrival_ns: int = 0
    measured_ns: int | None = None
