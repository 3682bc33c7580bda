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
_DATATYPES = {dtype: code for code, dtype in _POINT_DTYPES.items()}
_READ = {"x": "iuf", "y": "iuf", "z": "iuf", "intensity": "iuf", "time": "f", "t": "u", "ring": "u"}
"""Point fields that are read, each with the kinds of numbers that it may have; of another kind it is something else."""
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
    """Points as float32 x, y, z, intensity, and where they are known float32 ``time`` [s] and uint16 ``ring``.

    The two have the names and types of ROS's Velodyne driver, which others read too; a time as Ouster's driver writes
    it (uint32 ``t`` [ns]) is read as well. Any layout with fields x, y, z is read.
    """

    kind = PointCloud
    schema = "sensor_msgs/msg/PointCloud2"

    def pack(self, message: PointCloud) -> Values:
        points, intensity = message.points, message.intensity
        if points.ndim != 2 or points.shape[1] != 3 or intensity.shape != (len(points),):
            raise BadInputError(
                f"point cloud needs points (N, 3) and intensity (N,), got {points.shape}, {intensity.shape}"
            )
        points = typed("point cloud field 'points'", points, "float32")
        columns = {"x": points[:, 0], "y": points[:, 1], "z": points[:, 2]}
        columns["intensity"] = typed("point cloud field 'intensity'", intensity, "float32")
        for field, name, dtype in (("time_s", "time", "float32"), ("ring", "ring", "uint16")):
            column: np.ndarray | None = getattr(message, field)
            if column is None:
                continue
            if column.shape != (len(points),):
                raise BadInputError(f"point cloud field {field!r} needs shape ({len(points)},), got {column.shape}")
            columns[name] = typed(f"point cloud field {field!r}", column, dtype)
        table = np.empty(len(points), [(name, column.dtype.newbyteorder("<")) for name, column in columns.items()])
        for name, column in columns.items():
            table[name] = column
        assert table.dtype.fields is not None
        step = table.dtype.itemsize
        return {
            "height": 1,
            "width": len(points),
            "fields": [
                {"name": name, "offset": offset, "datatype": _DATATYPES[dtype.str[1:]], "count": 1}
                for name, (dtype, offset, *_) in table.dtype.fields.items()
            ],
            "is_bigendian": False,
            "point_step": step,
            "row_step": step * len(points),
            "data": table.view(np.uint8),
            "is_dense": bool(np.isfinite(points).all()),
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
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
            name, code = field["name"], _POINT_DTYPES.get(field["datatype"])
            if name not in _READ or (code is not None and code[0] not in _READ[name]):
                continue
            if code is None:
                raise ValueError(f"point field {name!r} has the datatype {field['datatype']}, which ROS does not know")
            dtype = np.dtype(order + code)
            if field["offset"] + dtype.itemsize > step:
                raise ValueError(f"point field {name!r} lies outside a point of {step} bytes")
            cut = slice(field["offset"], field["offset"] + dtype.itemsize)
            column = np.zeros(0, dtype) if rows is None else np.ascontiguousarray(rows[:, cut]).view(dtype)[:, 0]
            columns[name] = column
        points = np.stack([columns[axis].astype(np.float32) for axis in "xyz"], axis=1)
        found: Values = {"points": points, "intensity": np.zeros(len(points), np.float32)}
        if "intensity" in columns:
            found["intensity"] = columns["intensity"].astype(np.float32)
        if "time" in columns:
            found["time_s"] = columns["time"].astype(np.float32)
        elif "t" in columns:
            found["time_s"] = (columns["t"].astype(np.float64) * 1e-9).astype(np.float32)
        if "ring" in columns:
            found["ring"] = columns["ring"].astype(np.uint16)
        return found


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
