"""Packets of Ouster sensors: columns of measurements, and inertial data.

Source: Ouster Firmware User Manual, "Lidar Data Packet Format" and "IMU Data Packet Format"; little endian. A packet of
the newer profiles is a head of 32 bytes, columns of a head of 12 bytes and one block a beam, and 32 bytes at the end; a
LEGACY packet is columns alone, each with a head of 16 bytes and 4 bytes of status behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Imu
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.lidar.ouster_metadata import LEGACY, OusterMetadata

IMU_BYTES = 48
IMU_FRAME = "os_imu"
_HEAD_BYTES, _TAIL_BYTES = 32, 32
_VALID, _LEGACY_VALID = 1, 0xFFFFFFFF


@dataclass(frozen=True)
class _Channel:
    """Where a quantity lies in a beam's block: type, byte, mask, shifts right and left."""

    code: str
    at: int
    mask: int
    right: int = 0
    left: int = 0
    out: str = ""


def _range(at: int) -> _Channel:
    return _Channel("<u4", at, 0x7FFFF)


_PROFILES: dict[str, tuple[int, dict[str, _Channel]]] = {
    LEGACY: (
        12,
        {
            "RANGE": _Channel("<u4", 0, 0xFFFFF),
            "REFLECTIVITY": _Channel("<u2", 4, 0xFFFF),
            "SIGNAL": _Channel("<u2", 6, 0xFFFF),
            "NEAR_IR": _Channel("<u2", 8, 0xFFFF),
        },
    ),
    "RNG19_RFL8_SIG16_NIR16": (
        12,
        {
            "RANGE": _range(0),
            "REFLECTIVITY": _Channel("u1", 4, 0xFF),
            "SIGNAL": _Channel("<u2", 6, 0xFFFF),
            "NEAR_IR": _Channel("<u2", 8, 0xFFFF),
        },
    ),
    "RNG19_RFL8_SIG16_NIR16_DUAL": (
        16,
        {
            "RANGE": _range(0),
            "REFLECTIVITY": _Channel("u1", 3, 0xFF),
            "RANGE2": _range(4),
            "REFLECTIVITY2": _Channel("u1", 7, 0xFF),
            "SIGNAL": _Channel("<u2", 8, 0xFFFF),
            "SIGNAL2": _Channel("<u2", 10, 0xFFFF),
            "NEAR_IR": _Channel("<u2", 12, 0xFFFF),
        },
    ),
    "RNG15_RFL8_NIR8": (
        4,
        {
            "RANGE": _Channel("<u2", 0, 0x7FFF, left=3, out="<u4"),
            "REFLECTIVITY": _Channel("u1", 2, 0xFF),
            "NEAR_IR": _Channel("u1", 3, 0xFF, left=4, out="<u2"),
        },
    ),
}


@dataclass(frozen=True)
class Columns:
    """The columns of one packet.

    Attributes:
        frame: number of the turn, modulo 65536.
        stamps_ns: (C,) uint64, of the sensor's clock.
        numbers: (C,) uint16, which column of the turn each is.
        status: (C,) uint32 as sent.
        valid: (C,) bool: the column was measured.
        fields: by the sensor's names (RANGE in mm, ...), (beams, C).
    """

    frame: int
    stamps_ns: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.uint16]
    status: npt.NDArray[np.uint32]
    valid: npt.NDArray[np.bool_]
    fields: dict[str, npt.NDArray[np.unsignedinteger]]


class OusterFormat:
    """Decoder of the packets of one sensor in one mode.

    Attributes:
        packet_bytes: size of its LiDAR packets.

    Raises:
        BadInputError: the profile is not known.
    """

    def __init__(self, metadata: OusterMetadata) -> None:
        if metadata.profile not in _PROFILES:
            raise BadInputError(f"Ouster profile {metadata.profile!r} is not known; known: {', '.join(_PROFILES)}")
        self._metadata = metadata
        block, self._channels = _PROFILES[metadata.profile]
        self._legacy = metadata.profile == LEGACY
        self._column_head = 16 if self._legacy else 12
        self._block = block
        self._column = self._column_head + block * metadata.beams + (4 if self._legacy else 0)
        ends = 0 if self._legacy else _HEAD_BYTES + _TAIL_BYTES
        self.packet_bytes = ends + self._column * metadata.columns_per_packet

    def frame_of(self, data: bytes) -> int:
        """Return the number of the turn that a packet belongs to. Raises BadInputError as ``decode``."""
        self._check(data)
        at = 10 if self._legacy else 2
        return int.from_bytes(data[at : at + 2], "little")

    def first_stamp_ns(self, data: bytes) -> int:
        """Return the stamp of a packet's first column. Raises BadInputError as ``decode``."""
        self._check(data)
        at = 0 if self._legacy else _HEAD_BYTES
        return int.from_bytes(data[at : at + 8], "little")

    def decode(self, data: bytes) -> Columns:
        """Return the columns of a packet.

        Raises:
            BadInputError: it has another size than the sensor's packets have.
        """
        frame = self.frame_of(data)
        count = self._metadata.columns_per_packet
        body = np.frombuffer(data, np.uint8)[0 if self._legacy else _HEAD_BYTES :][: count * self._column]
        columns = body.reshape(count, self._column)
        stamps = _cut(columns, 0, "<u8")
        numbers = _cut(columns, 8, "<u2")
        if self._legacy:
            status = _cut(columns, self._column - 4, "<u4")
            valid = status == _LEGACY_VALID
        else:
            status = _cut(columns, 10, "<u2").astype(np.uint32)
            valid = (status & _VALID) != 0
        valid &= numbers < self._metadata.columns_per_frame
        blocks = columns[:, self._column_head : self._column_head + self._block * self._metadata.beams]
        blocks = blocks.reshape(count, self._metadata.beams, self._block)
        fields = {name: _channel(blocks, channel) for name, channel in self._channels.items()}
        return Columns(frame, stamps, numbers, status, valid, fields)

    def _check(self, data: bytes) -> None:
        if len(data) != self.packet_bytes:
            raise BadInputError(
                f"an Ouster packet of {len(data)} bytes; {self._metadata.profile} with {self._metadata.beams} beams "
                f"has {self.packet_bytes}; is this the metadata of the same sensor and mode?"
            )


def decode_imu(data: bytes) -> Imu:
    """Return the inertial data of a packet, stamped with the gyroscope's time on the sensor's clock.

    Raises:
        BadInputError: not 48 bytes, or not finite.
    """
    if len(data) != IMU_BYTES:
        raise BadInputError(f"an Ouster IMU packet has {IMU_BYTES} bytes, this one {len(data)}")
    stamp_ns = int.from_bytes(data[16:24], "little")
    ax, ay, az, gx, gy, gz = (float(value) for value in np.frombuffer(data, "<f4", 6, 24))
    if not all(map(math.isfinite, (ax, ay, az, gx, gy, gz))):
        raise BadInputError("an Ouster IMU packet whose values are not finite")
    return Imu(
        stamp_ns=stamp_ns,
        frame_id=IMU_FRAME,
        angular_velocity=(math.radians(gx), math.radians(gy), math.radians(gz)),
        linear_acceleration=(ax * STANDARD_GRAVITY, ay * STANDARD_GRAVITY, az * STANDARD_GRAVITY),
    )


def _cut(columns: npt.NDArray[np.uint8], at: int, code: str) -> npt.NDArray[Any]:
    """Return the number that each column has at byte ``at``."""
    dtype = np.dtype(code)
    return np.ascontiguousarray(columns[:, at : at + dtype.itemsize]).view(dtype)[:, 0]


def _channel(blocks: npt.NDArray[np.uint8], channel: _Channel) -> npt.NDArray[np.unsignedinteger]:
    """Return a quantity of all blocks (C, beams, bytes) as (beams, C)."""
    dtype = np.dtype(channel.code)
    raw = np.ascontiguousarray(blocks[:, :, channel.at : channel.at + dtype.itemsize]).view(dtype)[:, :, 0]
    out = np.dtype(channel.out or channel.code)
    value = (raw & dtype.type(channel.mask)).astype(out)
    if channel.left:
        value = value << out.type(channel.left)
    return np.ascontiguousarray(value.T)
