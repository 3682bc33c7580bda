"""Messages of further sensors and of recorded logs: poses, vectors, transforms, satellites, scans, sound, numbers.

The rules of ``selfcue.messages`` hold: SI units, REP-103 axes, stamps of measurement.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from selfcue.message_base import Array, Message, Quaternion, Vector3


class Pose(Message, frozen=True, kw_only=True):
    """Where something is in ``frame_id``: position [m] and orientation; what it is, the topic says."""

    position: Vector3
    orientation: Quaternion


class Position(Message, frozen=True, kw_only=True):
    """A point in ``frame_id`` [m] (a laser tracker's prism, say)."""

    position: Vector3


class Vector(Message, frozen=True, kw_only=True):
    """A free vector in ``frame_id``; its unit is the topic's business."""

    vector: Vector3


class Twist(Message, frozen=True, kw_only=True):
    """A measured velocity [m/s] and turn rate [rad/s] in ``frame_id``. Wishes are ``VelocityCommand``."""

    linear: Vector3
    angular: Vector3


class Transforms(Message, frozen=True, kw_only=True):
    """Several frames' places at once, as ROS's ``/tf`` sends them: one entry in each field a transform.

    Attributes:
        stamps_ns: when each holds.
        parents, children: names of the frames.
        translations, rotations: ``T_parent_child`` [m], x y z w.
    """

    stamps_ns: tuple[int, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]
    translations: tuple[Vector3, ...]
    rotations: tuple[Quaternion, ...]

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("parents", "children", "translations", "rotations")}
        for name, length in lengths.items():
            if length != len(self.stamps_ns):
                raise ValueError(f"transforms: {name!r} has {length} entries, 'stamps_ns' has {len(self.stamps_ns)}")


class MagneticField(Message, frozen=True, kw_only=True):
    """Magnetic field in the sensor's axes [T]."""

    field: Vector3


class NavSatFix(Message, frozen=True, kw_only=True):
    """A satellite position, as ROS's ``sensor_msgs/NavSatFix``.

    Attributes:
        latitude_deg, longitude_deg: WGS 84, north and east positive.
        altitude_m: above the ellipsoid where the receiver says it, above mean sea level where it says nothing else
            (the reader's documentation tells); NaN where unknown.
        status: -1 no fix, 0 fix, 1 with satellite-based, 2 with ground-based augmentation.
        service: bits of the systems in use: 1 GPS, 2 GLONASS, 4 COMPASS, 8 GALILEO; 0 unknown.
        covariance: of east, north, up [m^2], row by row.
        covariance_type: 0 unknown, 1 approximated, 2 diagonal known, 3 known.
    """

    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    status: int = 0
    service: int = 0
    covariance: tuple[float, ...] = (0.0,) * 9
    covariance_type: int = 0

    def __post_init__(self) -> None:
        if len(self.covariance) != 9:
            raise ValueError(f"nav_sat_fix field 'covariance' needs 9 numbers, got {len(self.covariance)}")
        if not -128 <= self.status <= 127 or not 0 <= self.service < 1 << 16 or not 0 <= self.covariance_type <= 255:
            raise ValueError(
                f"nav_sat_fix: status {self.status}, service {self.service} or covariance_type "
                f"{self.covariance_type} is out of range"
            )


class LaserScan(Message, frozen=True, kw_only=True):
    """One turn of a planar scanner.

    Attributes:
        angle_min_rad, angle_max_rad, angle_step_rad: of the first and last beam and between two, about z.
        time_step_s, scan_time_s: between two beams, and from scan to scan.
        range_min_m, range_max_m: ranges outside say nothing.
        ranges: (N,) float32 [m].
        intensities: (N,) float32, or empty where the scanner gives none.
    """

    angle_min_rad: float
    angle_max_rad: float
    angle_step_rad: float
    time_step_s: float
    scan_time_s: float
    range_min_m: float
    range_max_m: float
    ranges: Array
    intensities: Array


class Audio(Message, frozen=True, kw_only=True):
    """A block of sound; ``stamp_ns`` is that of its first sample.

    Attributes:
        sample_rate_hz: samples a second and channel.
        samples: (N, channels) int16, or float32 where full scale is 1.
    """

    sample_rate_hz: int
    samples: Array

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype.name not in ("int16", "float32"):
            raise ValueError(
                f"audio needs samples (N, channels) int16 or float32, got {self.samples.shape} {self.samples.dtype}"
            )
        if not 0 < self.sample_rate_hz < 1 << 32:
            raise ValueError(f"audio sample_rate_hz is {self.sample_rate_hz}; it must be above 0")


class CompressedImage(Message, frozen=True, kw_only=True):
    """A picture as JPEG or PNG has it, for links that are too slow for pixels; ``image_decoder`` makes images of it.

    Attributes:
        format: what ROS's image_transport says: the encoding, then how it is stored (``rgb8; jpeg compressed bgr8``).
        data: (N,) uint8, the file.
    """

    format: str
    data: Array

    def __post_init__(self) -> None:
        if self.data.ndim != 1 or self.data.dtype.name != "uint8":
            raise ValueError(f"a compressed image needs data (N,) uint8, got {self.data.shape} {self.data.dtype}")


class Scalars(Message, frozen=True, kw_only=True):
    """Numbers by name, as an autopilot's log or a table has them; units are those of the source.

    Whole numbers beyond 2^53 are rounded: they travel as float64.
    """

    values: dict[str, float]


DeviceState: TypeAlias = Literal["opening", "up", "waiting", "ended", "failed"]


class DeviceStatus(Message, frozen=True, kw_only=True):
    """What an adapter knows of its device, whenever it changes and once a second; latched on ``TOPIC/device``.

    Attributes:
        device: what the driver calls it.
        state: ``waiting`` for the next try to open it; ``failed``: not tried again; ``ended``: a file, at its end.
        reason: why it is not ``up``, in one line.
        reconnects, hangs: how often it was opened again, and how often a call into its driver did not return.
        readings: taken from it since the start.
        lost: readings that it or its driver missed; dropped: those that came faster than they were published.
        age_s: since the last reading; infinite before the first.
        asked_hz, measured_hz: readings a second; 0 where none are promised, or while unknown.
        clock: by which clock its readings were stamped: on arrival, this machine's monotonic one, or the device's own.
        clock_jumps: how often the device's own clock was set. clock_uncertainty_ns: of its translation to ours.
    """

    device: str
    state: DeviceState
    reason: str = ""
    reconnects: int = 0
    hangs: int = 0
    readings: int = 0
    lost: int = 0
    dropped: int = 0
    age_s: float = math.inf
    asked_hz: float = 0.0
    measured_hz: float = 0.0
    clock: Literal["arrival", "monotonic", "device"] = "arrival"
    clock_jumps: int = 0
    clock_uncertainty_ns: int = 0
