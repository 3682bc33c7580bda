"""Our messages as ROS 2 values and back, without loss.

``to_ros`` gives the schema and the values; ``from_ros`` gives the message. Where a ROS type has no place for ``seq``
and ``source``, MCAP has: the message's sequence number and the channel's metadata. ROS types that others write
(``PoseWithCovarianceStamped``, point clouds with other fields, ...) are read too, as far as we have a message for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcue.errors import BadInputError
from selfcue.messages import Message
from selfcue.record import convert_clocks as clocks
from selfcue.record import convert_devices as devices
from selfcue.record import convert_images as images
from selfcue.record import convert_measurements as measurements
from selfcue.record import convert_sensors as sensors
from selfcue.record import convert_status as status
from selfcue.record.converter import Converter
from selfcue.record.fields import Values, header

_WRITTEN: tuple[Converter[Any], ...] = (
    images.ImageConverter(),
    images.CompressedImageConverter(),
    images.CameraInfoConverter(),
    sensors.ImuConverter(),
    sensors.PointCloudConverter(),
    sensors.OdometryConverter(),
    sensors.ContactConverter(),
    sensors.EstimateConverter(),
    status.TruthConverter(),
    status.WorldMapConverter(),
    status.TrustConverter(),
    status.LearnerStatusConverter(),
    status.VelocityCommandConverter(),
    status.SafeCommandConverter(),
    status.AgentStatusConverter(),
    status.JournalEventConverter(),
    status.NodeHealthConverter(),
    status.HealthConverter(),
    status.ProcessStatusConverter(),
    clocks.ClockOffsetConverter(),
    measurements.PoseConverter(),
    measurements.PositionConverter(),
    measurements.VectorConverter(),
    measurements.TwistConverter(),
    measurements.TransformsConverter(),
    measurements.MagneticFieldConverter(),
    measurements.NavSatFixConverter(),
    measurements.LaserScanConverter(),
    measurements.AudioConverter(),
    measurements.ScalarsConverter(),
    devices.DeviceStatusConverter(),
)
_READ: tuple[Converter[Any], ...] = (
    images.JpegConverter(),
    measurements.PoseWithCovarianceConverter(),
)

BY_KIND: dict[type[Message], Converter[Any]] = {converter.kind: converter for converter in _WRITTEN}
BY_KIND_NAME: dict[tuple[str, str], Converter[Any]] = {
    (converter.schema, converter.kind.__name__): converter for converter in _WRITTEN + _READ
}
BY_SCHEMA: dict[str, Converter[Any]] = {converter.schema: converter for converter in _WRITTEN + _READ}


def to_ros(message: Message) -> tuple[str, Values]:
    """Return schema name and values of ``message``.

    Raises:
        BadInputError: no ROS type can hold it: a stamp outside years 1970 to 2038, an array of the wrong dtype.
    """
    converter = BY_KIND.get(type(message))
    if converter is None:
        raise BadInputError(f"messages of type {type(message).__name__} cannot be recorded")
    values = converter.pack(message)
    head = header(message)  # checks the stamp, whether it is written or not
    if converter.headed:
        values["header"] = head
    return converter.schema, values


def from_ros(schema: str, values: Mapping[str, Any], *, seq: int = 0, source: str = "", kind: str = "") -> Message:
    """Return the message that ``values`` of type ``schema`` hold.

    ``kind``: name of our type that was written, where two are held by one ROS type; else others' logs are read as most
    would use them (a ``CompressedImage`` as the picture that it holds).

    Raises:
        BadInputError: the type has no counterpart among our messages, or a value is not one that ours may hold.
    """
    converter = BY_KIND_NAME.get((schema, kind)) or BY_SCHEMA.get(schema)
    if converter is None:
        raise BadInputError(f"messages of type {schema} cannot be read; readable: {', '.join(sorted(BY_SCHEMA))}")
    try:
        stamp_ns, frame_id = converter.origin(values)
        return converter.kind(
            stamp_ns=stamp_ns,
            frame_id=frame_id,
            seq=seq,
            source=source,
            **converter.unpack(values),
        )
    except KeyError as error:
        raise BadInputError(f"{schema} has no field {error}: it was written with another definition") from None
    except (ValueError, TypeError, IndexError) as error:
        raise BadInputError(f"{schema}: {error}") from error
