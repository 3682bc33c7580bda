"""Those of MAVLink's messages for which we have one of our own, in our units and axes.

Units: https://mavlink.io/en/messages/common.html; of RAW_IMU, ArduPilot's ``GCS_MAVLINK::send_raw_imu``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from selfcue.messages import Imu, MagneticField, Message, NavSatFix
from selfcue.sensors.autopilot import STANDARD_GRAVITY, TESLA_PER_GAUSS, fix_status, forward_left_up

Make: TypeAlias = Callable[[Any, int], Message]
FRAME = "base_link"
ARDUPILOT = 3
"""``MAV_AUTOPILOT_ARDUPILOTMEGA``."""
_MILLI = 1e-3


def typed_of(name: str, autopilot: int | None, source: str) -> Iterator[tuple[str, type[Message], Make]]:
    """Yield (topic, type, what makes it of a decoded message and its stamp) for a MAVLink message.

    Args:
        autopilot: make of the sender; None where it did not say.
        source: the sender.
    """
    units = _units(name, autopilot)
    if units is not None:
        accel, gyro, field = units

        def imu(found: Any, stamp_ns: int) -> Imu:
            return Imu(
                stamp_ns=stamp_ns,
                frame_id=FRAME,
                source=source,
                angular_velocity=forward_left_up(found.xgyro, found.ygyro, found.zgyro, gyro),
                linear_acceleration=forward_left_up(found.xacc, found.yacc, found.zacc, accel),
            )

        def mag(found: Any, stamp_ns: int) -> MagneticField:
            turned = forward_left_up(found.xmag, found.ymag, found.zmag, field)
            return MagneticField(stamp_ns=stamp_ns, frame_id=FRAME, source=source, field=turned)

        yield f"imu/{name.lower()}", Imu, imu
        yield f"mag/{name.lower()}", MagneticField, mag
    if name in ("GPS_RAW_INT", "GPS2_RAW"):

        def fix(found: Any, stamp_ns: int) -> NavSatFix:
            return NavSatFix(
                stamp_ns=stamp_ns,
                frame_id=FRAME,
                source=source,
                latitude_deg=found.lat / 1e7,
                longitude_deg=found.lon / 1e7,
                altitude_m=found.alt / 1e3,
                status=fix_status(found.fix_type),
            )

        yield "gps/fix" if name == "GPS_RAW_INT" else "gps2/fix", NavSatFix, fix


def _units(name: str, autopilot: int | None) -> tuple[float, float, float] | None:
    """Return what makes m/s^2, rad/s and T of an inertial message's numbers; None where it has no known unit."""
    if name == "HIGHRES_IMU":
        return 1.0, 1.0, TESLA_PER_GAUSS
    if name.startswith("SCALED_IMU") or (name == "RAW_IMU" and autopilot == ARDUPILOT):
        return _MILLI * STANDARD_GRAVITY, _MILLI, _MILLI * TESLA_PER_GAUSS
    return None
