"""Our messages as ROS 2 values and back, without loss.

``to_ros`` gives the schema and the values; ``from_ros`` gives the message. Where a ROS type has no place for ``seq`` and
``source``, MCAP has: the message's sequence number and the channel's metadata. ROS types that others write
(``geometry_msgs/TwistStamped``, point clouds with other fields, ...) are read too, as far as we have a message for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfcue.errors import BadInputError
from selfcue.messages import (
    AgentStatus,
    CameraInfo,
    Contact,
    Estimate,
    Image,
    Imu,
    JournalEvent,
    LearnerStatus,
    Message,
    NodeHealth,
    Odometry,
    PointCloud,
    SafeCommand,
    Trust,
    Truth,
    VelocityCommand,
    WorldMap,
)
from selfcue.record import convert_sensors as sensors
from selfcue.record import convert_status as status
from selfcue.record.fields import Values, header, stamp_of


@dataclass(frozen=True)
class Converter:
    """How one message type is written: ``pack`` gives the values without header, ``unpack`` the message's fields."""

    kind: type[Message]
    schema: str
    pack: Callable[[Any], Values]
    unpack: Callable[[Mapping[str, Any]], Values]


CONVERTERS: tuple[Converter, ...] = (
    Converter(Image, "sensor_msgs/msg/Image", sensors.pack_image, sensors.unpack_image),
    Converter(CameraInfo, "sensor_msgs/msg/CameraInfo", sensors.pack_camera_info, sensors.unpack_camera_info),
    Converter(Imu, "sensor_msgs/msg/Imu", sensors.pack_imu, sensors.unpack_imu),
    Converter(PointCloud, "sensor_msgs/msg/PointCloud2", sensors.pack_points, sensors.unpack_points),
    Converter(Odometry, "nav_msgs/msg/Odometry", sensors.pack_odometry, sensors.unpack_odometry),
    Converter(Contact, "selfcue_msgs/msg/Contact", sensors.pack_contact, sensors.unpack_contact),
    Converter(Truth, "selfcue_msgs/msg/Truth", status.pack_truth, status.unpack_truth),
    Converter(WorldMap, "selfcue_msgs/msg/WorldMap", status.pack_map, status.unpack_map),
    Converter(Trust, "selfcue_msgs/msg/Trust", status.pack_trust, status.unpack_trust),
    Converter(Estimate, "selfcue_msgs/msg/Estimate", sensors.pack_estimate, sensors.unpack_estimate),
    Converter(LearnerStatus, "selfcue_msgs/msg/LearnerStatus", status.pack_learner, status.unpack_learner),
    Converter(VelocityCommand, "selfcue_msgs/msg/VelocityCommand", status.pack_wish, status.unpack_wish),
    Converter(SafeCommand, "selfcue_msgs/msg/SafeCommand", status.pack_safe, status.unpack_safe),
    Converter(AgentStatus, "selfcue_msgs/msg/AgentStatus", status.pack_agent, status.unpack_agent),
    Converter(JournalEvent, "selfcue_msgs/msg/JournalEvent", status.pack_journal, status.unpack_journal),
    Converter(NodeHealth, "selfcue_msgs/msg/NodeHealth", status.pack_health, status.unpack_health),
)
BY_KIND: dict[type[Message], Converter] = {converter.kind: converter for converter in CONVERTERS}
BY_SCHEMA: dict[str, Converter] = {converter.schema: converter for converter in CONVERTERS} | {
    "geometry_msgs/msg/TwistStamped": Converter(
        VelocityCommand, "geometry_msgs/msg/TwistStamped", status.pack_wish, status.unpack_twist
    ),
    "sensor_msgs/msg/CompressedImage": Converter(
        Image, "sensor_msgs/msg/CompressedImage", sensors.pack_image, sensors.unpack_jpeg
    ),
}
"""Every schema that can be read; the last two are never written by ``to_ros``."""


def to_ros(message: Message) -> tuple[str, Values]:
    """Return schema name and values of ``message``.

    Raises:
        BadInputError: no ROS type can hold it: a stamp outside years 1970 to 2038, an array of the wrong dtype.
    """
    converter = BY_KIND.get(type(message))
    if converter is None:
        raise BadInputError(f"messages of type {type(message).__name__} cannot be recorded")
    values = converter.pack(message)
    values["header"] = header(message)
    return converter.schema, values


def from_ros(schema: str, values: Mapping[str, Any], *, seq: int = 0, source: str = "") -> Message:
    """Return the message that ``values`` of type ``schema`` hold.

    Raises:
        BadInputError: the type has no counterpart among our messages, or a value is not one that ours may hold.
    """
    converter = BY_SCHEMA.get(schema)
    if converter is None:
        raise BadInputError(f"messages of type {schema} cannot be read; readable: {', '.join(sorted(BY_SCHEMA))}")
    try:
        return converter.kind(
            stamp_ns=stamp_of(values["header"]["stamp"]),
            frame_id=values["header"]["frame_id"],
            seq=seq,
            source=source,
            **converter.unpack(values),
        )
    except KeyError as error:
        raise BadInputError(f"{schema} has no field {error}: it was written with another definition") from None
    except (ValueError, TypeError, IndexError) as error:
        raise BadInputError(f"{schema}: {error}") from error
