"""Poses, vectors, transforms, satellites, scans, sound and numbers as ROS values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.measurements import (
    Audio,
    LaserScan,
    MagneticField,
    NavSatFix,
    Pose,
    Position,
    Scalars,
    Transforms,
    Twist,
    Vector,
)
from selfcue.record.converter import Converter
from selfcue.record.fields import (
    NS,
    Values,
    checked_stamp,
    join,
    numbers_of,
    quaternion_of,
    split,
    stamp_of,
    typed,
    vector_of,
    xyz,
    xyzw,
)

_UNKNOWN_3 = (0.0,) * 9
_LASER = {
    "angle_min_rad": "angle_min",
    "angle_max_rad": "angle_max",
    "angle_step_rad": "angle_increment",
    "time_step_s": "time_increment",
    "scan_time_s": "scan_time",
    "range_min_m": "range_min",
    "range_max_m": "range_max",
}


class PoseConverter(Converter[Pose]):
    """Poses."""

    kind = Pose
    schema = "geometry_msgs/msg/PoseStamped"

    def pack(self, message: Pose) -> Values:
        return {"pose": {"position": xyz(message.position), "orientation": xyzw(message.orientation)}}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return _pose(values["pose"])


class PoseWithCovarianceConverter(Converter[Pose]):
    """Poses of other programs with their covariance, which is left out; read only."""

    kind = Pose
    schema = "geometry_msgs/msg/PoseWithCovarianceStamped"

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return _pose(values["pose"]["pose"])


class PositionConverter(Converter[Position]):
    """Points."""

    kind = Position
    schema = "geometry_msgs/msg/PointStamped"

    def pack(self, message: Position) -> Values:
        return {"point": xyz(message.position)}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {"position": vector_of(values["point"])}


class VectorConverter(Converter[Vector]):
    """Free vectors."""

    kind = Vector
    schema = "geometry_msgs/msg/Vector3Stamped"

    def pack(self, message: Vector) -> Values:
        return {"vector": xyz(message.vector)}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {"vector": vector_of(values["vector"])}


class TwistConverter(Converter[Twist]):
    """Measured velocities."""

    kind = Twist
    schema = "geometry_msgs/msg/TwistStamped"

    def pack(self, message: Twist) -> Values:
        return {"twist": {"linear": xyz(message.linear), "angular": xyz(message.angular)}}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {name: vector_of(values["twist"][name]) for name in ("linear", "angular")}


class TransformsConverter(Converter[Transforms]):
    """Transforms. The ROS message has no header: its stamp is its newest transform's, and it is of no frame."""

    kind = Transforms
    schema = "tf2_msgs/msg/TFMessage"
    headed = False

    def pack(self, message: Transforms) -> Values:
        if message.frame_id:
            raise BadInputError(f"transforms with frame_id {message.frame_id!r}: each names its parent instead")
        return {
            "transforms": [
                {
                    "header": {"stamp": _time(stamp_ns), "frame_id": parent},
                    "child_frame_id": child,
                    "transform": {"translation": xyz(translation), "rotation": xyzw(rotation)},
                }
                for stamp_ns, parent, child, translation, rotation in zip(
                    message.stamps_ns,
                    message.parents,
                    message.children,
                    message.translations,
                    message.rotations,
                    strict=True,
                )
            ]
        }

    def origin(self, values: Mapping[str, Any]) -> tuple[int, str]:
        return max((stamp_of(one["header"]["stamp"]) for one in values["transforms"]), default=0), ""

    def unpack(self, values: Mapping[str, Any]) -> Values:
        found = values["transforms"]
        return {
            "stamps_ns": tuple(stamp_of(one["header"]["stamp"]) for one in found),
            "parents": tuple(one["header"]["frame_id"] for one in found),
            "children": tuple(one["child_frame_id"] for one in found),
            "translations": tuple(vector_of(one["transform"]["translation"]) for one in found),
            "rotations": tuple(quaternion_of(one["transform"]["rotation"]) for one in found),
        }


class MagneticFieldConverter(Converter[MagneticField]):
    """Magnetic field; the covariance is zero, ROS's word for unknown."""

    kind = MagneticField
    schema = "sensor_msgs/msg/MagneticField"

    def pack(self, message: MagneticField) -> Values:
        return {"magnetic_field": xyz(message.field), "magnetic_field_covariance": _UNKNOWN_3}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {"field": vector_of(values["magnetic_field"])}


class NavSatFixConverter(Converter[NavSatFix]):
    """Satellite positions."""

    kind = NavSatFix
    schema = "sensor_msgs/msg/NavSatFix"

    def pack(self, message: NavSatFix) -> Values:
        return {
            "status": {"status": message.status, "service": message.service},
            "latitude": message.latitude_deg,
            "longitude": message.longitude_deg,
            "altitude": message.altitude_m,
            "position_covariance": message.covariance,
            "position_covariance_type": message.covariance_type,
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {
            "status": values["status"]["status"],
            "service": values["status"]["service"],
            "latitude_deg": values["latitude"],
            "longitude_deg": values["longitude"],
            "altitude_m": values["altitude"],
            "covariance": numbers_of(values["position_covariance"]),
            "covariance_type": values["position_covariance_type"],
        }


class LaserScanConverter(Converter[LaserScan]):
    """Planar scans; angles and times are float32 there, so that only such numbers come back as they were."""

    kind = LaserScan
    schema = "sensor_msgs/msg/LaserScan"

    def pack(self, message: LaserScan) -> Values:
        fields: Values = {theirs: getattr(message, ours) for ours, theirs in _LASER.items()}
        for name in ("ranges", "intensities"):
            fields[name] = typed(f"laser_scan field {name!r}", getattr(message, name), "float32")
        return fields

    def unpack(self, values: Mapping[str, Any]) -> Values:
        fields: Values = {ours: values[theirs] for ours, theirs in _LASER.items()}
        return fields | {name: _native(values[name]) for name in ("ranges", "intensities")}


class AudioConverter(Converter[Audio]):
    """Sound: ``format`` is the name of a sample's type, ``data`` the samples, channels side by side."""

    kind = Audio
    schema = "selfcue_msgs/msg/Audio"

    def pack(self, message: Audio) -> Values:
        samples = np.ascontiguousarray(message.samples, message.samples.dtype.newbyteorder("<"))
        return {
            "sample_rate_hz": message.sample_rate_hz,
            "channels": samples.shape[1],
            "format": message.samples.dtype.name,
            "data": samples.reshape(-1).view(np.uint8),
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        if values["format"] not in ("int16", "float32"):
            raise ValueError(f"audio format {values['format']!r} is not known; known: int16, float32")
        dtype = np.dtype(values["format"]).newbyteorder("<")
        data: np.ndarray = values["data"]
        channels = values["channels"]
        if channels < 1 or data.size % (channels * dtype.itemsize):
            raise ValueError(f"{data.size} bytes are no whole number of {channels} channels of {values['format']}")
        samples = _native(np.ascontiguousarray(data).view(dtype)).reshape(-1, channels)
        samples.flags.writeable = False
        return {"sample_rate_hz": values["sample_rate_hz"], "samples": samples}


class ScalarsConverter(Converter[Scalars]):
    """Numbers by name."""

    kind = Scalars
    schema = "selfcue_msgs/msg/Scalars"

    def pack(self, message: Scalars) -> Values:
        return split(message.values, "names", "values")

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {"values": join(values, "names", "values")}


def _pose(pose: Mapping[str, Any]) -> Values:
    return {"position": vector_of(pose["position"]), "orientation": quaternion_of(pose["orientation"])}


def _time(stamp_ns: int) -> Values:
    sec, nanosec = divmod(checked_stamp(stamp_ns), NS)
    return {"sec": sec, "nanosec": nanosec}


def _native(array: np.ndarray) -> np.ndarray:
    """Return numbers in native order, aligned, read-only; copied only where they are not."""
    if not array.flags.aligned or not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    array.flags.writeable = False
    return array
