"""What sensors and cues say, as ROS values and back: inertial data, points, poses, collisions, estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Contact, Estimate, Imu, Odometry, PointCloud
from selfcue.record.converter import Converter
from selfcue.record.fields import Values, choice, quaternion_of, typed, vector_of, xyz, xyzw

_POINT_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""``sensor_msgs/PointField`` datatype codes."""
NO_ORIENTATION = (-1.0, *(0.0,) * 8)
"""``sensor_msgs/Imu``: first element -1 says that the orientation is not measured."""
UNKNOWN_3 = (0.0,) * 9
_UNKNOWN_6 = (0.0,) * 36
_CUES: tuple[str, ...] = get_args(get_type_hints(Estimate)["cue"])


class ImuConverter(Converter[Imu]):
    """Inertial data without orientation; covariances are zero, ROS's word for unknown."""

    kind = Imu
    schema = "sensor_msgs/msg/Imu"

    def pack(self, message: Imu) -> Values:
        return {
            "orientation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0},
            "orientation_covariance": NO_ORIENTATION,
            "angular_velocity": xyz(message.angular_velocity),
            "angular_velocity_covariance": UNKNOWN_3,
            "linear_acceleration": xyz(message.linear_acceleration),
            "linear_acceleration_covariance": UNKNOWN_3,
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {name: vector_of(values[name]) for name in ("angular_velocity", "linear_acceleration")}


class PointCloudConverter(Converter[PointCloud]):
    """Points as float32 x, y, z, intensity."""

    kind = PointCloud
    schema = "sensor_msgs/msg/PointCloud2"

    def pack(self, message: PointCloud) -> Values:
        points, intensity = message.points, message.intensity
        if points.ndim != 2 or points.shape[1] != 3 or intensity.shape != (len(points),):
            raise BadInputError(
                f"point cloud needs points (N, 3) and intensity (N,), got {points.shape}, {intensity.shape}"
            )
        table = np.empty((len(points), 4), "<f4")
        table[:, :3] = typed("point cloud field 'points'", points, "float32")
        table[:, 3] = typed("point cloud field 'intensity'", intensity, "float32")
        return {
            "height": 1,
            "width": len(points),
            "fields": [
                {"name": name, "offset": 4 * i, "datatype": 7, "count": 1}
                for i, name in enumerate(("x", "y", "z", "intensity"))
            ],
            "is_bigendian": False,
            "point_step": 16,
            "row_step": 16 * len(points),
            "data": table.reshape(-1).view(np.uint8),
            "is_dense": bool(np.isfinite(points).all()),
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        """Any layout with fields x, y, z is read; a cloud without ``intensity`` gets zeros."""
        step, width, height = values["point_step"], values["width"], values["height"]
        data: np.ndarray = values["data"]
        row_step = values["row_step"]
        if row_step < width * step or data.size != height * row_step:
            raise ValueError(
                f"{width} x {height} points of {step} bytes do not fit {data.size} bytes, row step {row_step}"
            )
        rows = (
            np.ascontiguousarray(data.reshape(height, row_step)[:, : width * step]).reshape(-1, step)
            if data.size
            else None
        )
        order = ">" if values["is_bigendian"] else "<"
        columns: dict[str, np.ndarray] = {}
        for field in values["fields"]:
            if field["name"] not in ("x", "y", "z", "intensity"):
                continue
            dtype = np.dtype(order + _POINT_DTYPES[field["datatype"]])
            if field["offset"] + dtype.itemsize > step:
                raise ValueError(f"point field {field['name']!r} lies outside a point of {step} bytes")
            cut = slice(field["offset"], field["offset"] + dtype.itemsize)
            column = np.zeros(0) if rows is None else np.ascontiguousarray(rows[:, cut]).view(dtype)[:, 0]
            columns[field["name"]] = column.astype(np.float32)
        points = np.stack([columns["x"], columns["y"], columns["z"]], axis=1)
        return {"points": points, "intensity": columns.get("intensity", np.zeros(len(points), np.float32))}


class OdometryConverter(Converter[Odometry]):
    """Pose and twist; covariances are zero, ROS's word for unknown."""

    kind = Odometry
    schema = "nav_msgs/msg/Odometry"

    def pack(self, message: Odometry) -> Values:
        pose = {"position": xyz(message.position), "orientation": xyzw(message.orientation)}
        twist = {"linear": xyz(message.linear_velocity), "angular": xyz(message.angular_velocity)}
        return {
            "child_frame_id": message.child_frame_id,
            "pose": {"pose": pose, "covariance": _UNKNOWN_6},
            "twist": {"twist": twist, "covariance": _UNKNOWN_6},
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        pose, twist = values["pose"]["pose"], values["twist"]["twist"]
        return {
            "child_frame_id": values["child_frame_id"],
            "position": vector_of(pose["position"]),
            "orientation": quaternion_of(pose["orientation"]),
            "linear_velocity": vector_of(twist["linear"]),
            "angular_velocity": vector_of(twist["angular"]),
        }


class ContactConverter(Converter[Contact]):
    """Collisions."""

    kind = Contact
    schema = "selfcue_msgs/msg/Contact"

    def pack(self, message: Contact) -> Values:
        return {"with_what": message.with_what, "position": xyz(message.position), "force_n": message.force_n}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        position = vector_of(values["position"])
        return {"with_what": values["with_what"], "position": position, "force_n": values["force_n"]}


class EstimateConverter(Converter[Estimate]):
    """Estimates of cues."""

    kind = Estimate
    schema = "selfcue_msgs/msg/Estimate"

    def pack(self, message: Estimate) -> Values:
        arrays: Values = {
            name: typed(f"estimate field {name!r}", getattr(message, name), "float32")
            for name in ("value", "lower", "upper")
        }
        return arrays | {
            "valid": typed("estimate field 'valid'", message.valid, "bool"),
            "shape": message.value.shape,
            "cue": message.cue,
            "quantity": message.quantity,
            "model_id": message.model_id,
            "confidence": message.confidence,
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        shape = tuple(int(side) for side in values["shape"])
        fields: Values = {}
        for name in ("value", "lower", "upper", "valid"):
            array: np.ndarray = values[name]
            if math.prod(shape) != array.size:
                raise ValueError(f"field {name!r} has {array.size} values, its shape is {shape}")
            if not array.flags.aligned or not array.dtype.isnative:
                array = array.astype(array.dtype.newbyteorder("="))
            fields[name] = array.reshape(shape)
            fields[name].flags.writeable = False
        names = ("quantity", "model_id", "confidence")
        fields["cue"] = choice(values["cue"], _CUES, "estimate field 'cue'")
        return fields | {name: values[name] for name in names}
