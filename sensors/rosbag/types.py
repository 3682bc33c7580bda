"""What rosbags gives, as the values that our conversions take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selfcue.messages import Message, PointCloud
from selfcue.record.convert import BY_SCHEMA, from_ros
from selfcue.record.fields import stamp_of
from selfcue.record.msgdef import full_name

Values = dict[str, Any]
_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}
"""ROS 1 names of types that are the same under another name today."""
VELODYNE_SCAN = "velodyne_msgs/msg/VelodyneScan"
VELODYNE_DEFINITIONS = {
    "velodyne_msgs/msg/VelodynePacket": "builtin_interfaces/Time stamp\nuint8[1206] data\n",
    VELODYNE_SCAN: "std_msgs/Header header\nvelodyne_msgs/VelodynePacket[] packets\n",
}
"""Of the package ``velodyne_msgs``, for bags without definitions."""


def schema_of(msgtype: str) -> str:
    """Return the ROS 2 name of a recorded type."""
    name = full_name(msgtype)
    return _RENAMED.get(name, name)


def our_type(msgtype: str) -> str:
    """Return the name of our message for a recorded type; empty where we have none."""
    if schema_of(msgtype) == VELODYNE_SCAN:
        return PointCloud.__name__
    converter = BY_SCHEMA.get(schema_of(msgtype))
    return converter.kind.__name__ if converter else ""


def reader_of(msgtype: str, fielddefs: Mapping[str, Any]) -> Callable[[Any], Values]:
    """Return what turns a message object of rosbags into nested dicts.

    Field names are made lower case: ROS 1 calls the matrices of a calibration D, K, R and P.

    Raises:
        KeyError: the type, or one that it uses, is not defined in the log.
    """
    names = [name for name, _ in fielddefs[msgtype][1]]
    nested: dict[str, tuple[bool, Callable[[Any], Values]]] = {}
    for name, (kind, what) in fielddefs[msgtype][1]:
        many, inner = (True, what[0]) if kind.name in ("ARRAY", "SEQUENCE") else (False, (kind, what))
        if inner[0].name == "NAME":
            nested[name] = many, reader_of(inner[1], fielddefs)

    def read(message: Any) -> Values:
        values: Values = {}
        for name in names:
            value = getattr(message, name)
            if name in nested:
                many, inner_read = nested[name]
                value = [inner_read(one) for one in value] if many else inner_read(value)
            values[name.lower()] = value
        return values

    return read


def message_of(msgtype: str, values: Values, source: str) -> Message:
    """Return our message; the raw packets of a Velodyne become its points.

    Raises:
        BadInputError: see ``from_ros`` and ``packets_cloud``.
    """
    if schema_of(msgtype) != VELODYNE_SCAN:
        return from_ros(schema_of(msgtype), values, source=source)
    from selfcue.sensors.lidar.velodyne_models import packets_cloud

    packets = [packet["data"].tobytes() for packet in values["packets"]]
    return packets_cloud(packets, stamp_of(values["header"]["stamp"]), values["header"]["frame_id"], source)
