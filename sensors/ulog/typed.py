"""Those of PX4's topics for which we have a message of our own, in our units and axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from selfcue.messages import Imu, MagneticField, NavSatFix
from selfcue.sensors.autopilot import TESLA_PER_GAUSS, fix_status, forward_left_up
from selfcue.sensors.streams import Stream

Stamps: TypeAlias = npt.NDArray[np.int64]
Columns: TypeAlias = Mapping[str, npt.NDArray[Any]]
FRAME = "base_link"


def typed_streams(datasets: Sequence[Any], stamps: Callable[[Any], Stamps]) -> Iterator[Stream]:
    """Yield ``imu``, ``mag`` and ``gps/fix`` (``/1`` and so on for further instances), where they were recorded.

    Args:
        datasets: pyulog's.
        stamps: returns the stamps of one of them.
    """
    magnetometers = [one for one in datasets if one.name == "vehicle_magnetometer" and _has(one, "magnetometer_ga", 3)]
    for one in datasets:
        number = f"/{one.multi_id}" if one.multi_id else ""
        if not len(one.data["timestamp"]):
            continue
        if one.name == "sensor_combined" and _has(one, "gyro_rad", 3) and _has(one, "accelerometer_m_s2", 3):
            yield _imu(f"imu{number}", one, stamps(one))
            if not magnetometers and _has(one, "magnetometer_ga", 3):
                yield _mag(f"mag{number}", one, stamps(one))
        elif one in magnetometers:
            yield _mag(f"mag{number}", one, stamps(one))
        elif one.name in ("vehicle_gps_position", "sensor_gps") and _position(one.data) is not None:
            if one.name == "sensor_gps" and any(other.name == "vehicle_gps_position" for other in datasets):
                continue
            yield _fix(f"gps/fix{number}", one, stamps(one))


def _has(one: Any, name: str, count: int) -> bool:
    return all(f"{name}[{i}]" in one.data for i in range(count))


def _three(one: Any, name: str) -> npt.NDArray[Any]:
    return np.stack([one.data[f"{name}[{i}]"] for i in range(3)], axis=1).astype(np.float64)


def _imu(topic: str, one: Any, stamps_ns: Stamps) -> Stream:
    gyro, accel = _three(one, "gyro_rad"), _three(one, "accelerometer_m_s2")

    def read(i: int) -> Imu:
        return Imu(
            stamp_ns=int(stamps_ns[i]),
            frame_id=FRAME,
            angular_velocity=forward_left_up(*gyro[i]),
            linear_acceleration=forward_left_up(*accel[i]),
        )

    return Stream(topic, Imu, stamps_ns, read, f"ULog {one.name}")


def _mag(topic: str, one: Any, stamps_ns: Stamps) -> Stream:
    field = _three(one, "magnetometer_ga")

    def read(i: int) -> MagneticField:
        x, y, z = field[i]
        turned = forward_left_up(x, y, z, TESLA_PER_GAUSS)
        return MagneticField(stamp_ns=int(stamps_ns[i]), frame_id=FRAME, field=turned)

    return Stream(topic, MagneticField, stamps_ns, read, f"ULog {one.name}")


def _position(columns: Columns) -> tuple[npt.NDArray[Any], ...] | None:
    """Return latitude [deg], longitude [deg] and height above the ellipsoid [m], of either generation of the topic."""
    if {"latitude_deg", "longitude_deg", "altitude_ellipsoid_m"} <= set(columns):
        return columns["latitude_deg"], columns["longitude_deg"], columns["altitude_ellipsoid_m"]
    if {"lat", "lon", "alt_ellipsoid"} <= set(columns):
        return columns["lat"] / 1e7, columns["lon"] / 1e7, columns["alt_ellipsoid"] / 1e3
    return None


def _fix(topic: str, one: Any, stamps_ns: Stamps) -> Stream:
    position = _position(one.data)
    assert position is not None
    latitude, longitude, altitude = position
    none = np.zeros(len(stamps_ns))
    horizontal, vertical = (one.data.get(name, none).astype(np.float64) ** 2 for name in ("eph", "epv"))
    kinds = one.data.get("fix_type", none)

    def read(i: int) -> NavSatFix:
        h, v = float(horizontal[i]), float(vertical[i])
        return NavSatFix(
            stamp_ns=int(stamps_ns[i]),
            frame_id=FRAME,
            latitude_deg=float(latitude[i]),
            longitude_deg=float(longitude[i]),
            altitude_m=float(altitude[i]),
            status=fix_status(int(kinds[i])),
            covariance=(h, 0.0, 0.0, 0.0, h, 0.0, 0.0, 0.0, v),
            covariance_type=1 if h and v else 0,
        )

    return Stream(topic, NavSatFix, stamps_ns, read, f"ULog {one.name}")
