"""The records of a MAVLink telemetry log: where each packet lies, found and proved without decoding it.

A record is the ground station's time (8 bytes, big endian, microseconds since 1970), then one packet of MAVLink 1
(first byte 0xFE) or 2 (0xFD): https://mavlink.io/en/guide/serialization.html
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

TIME_BYTES = 8
_V1, _V2, _SIGNED, _SIGNATURE_BYTES = 0xFE, 0xFD, 1, 13
_SILENCE_US = 86_400_000_000
_V1_HEAD, _V2_HEAD, _CRC = 6, 10, 2
MAX_US = (1 << 31) * 1_000_000 - 1

Buffer: TypeAlias = bytes | memoryview
CrcExtra: TypeAlias = Callable[[int], int | None]
"""Of a message number: the byte that its definition adds to the checksum; None for a message that is not known."""


class Packet(NamedTuple):
    """Head of a packet: number of its message, who sent it, and its length with head and checksum."""

    message: int
    system: int
    component: int
    size: int


@dataclass
class Records:
    """Where the packets of a log lie, by (message number, system, component).

    Attributes:
        offsets, times_us: of each packet and its record's time.
        strange: how many packets lie between whole records and do not fit their checksum: they are damaged, or their
            sender has another definition of the message.
        skipped: bytes between records that are no record.
        torn: bytes of a half record at the end.
    """

    offsets: dict[tuple[int, int, int], array[int]] = field(default_factory=dict)
    times_us: dict[tuple[int, int, int], array[int]] = field(default_factory=dict)
    strange: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    skipped: int = 0
    torn: int = 0


def head(data: Buffer, at: int) -> Packet | None:
    """Return the head of the packet at ``at``; None where none begins, or where it does not lie in ``data`` whole."""
    if at + _V2_HEAD > len(data) and (at + _V1_HEAD > len(data) or data[at] != _V1):
        return None
    if data[at] == _V1:
        size = _V1_HEAD + data[at + 1] + _CRC
        packet = Packet(data[at + 5], data[at + 3], data[at + 4], size)
    elif data[at] == _V2:
        signed = _SIGNATURE_BYTES if data[at + 2] & _SIGNED else 0
        number = data[at + 7] | data[at + 8] << 8 | data[at + 9] << 16
        packet = Packet(number, data[at + 5], data[at + 6], _V2_HEAD + data[at + 1] + _CRC + signed)
    else:
        return None
    return packet if at + packet.size <= len(data) else None


def whole(data: Buffer, at: int, packet: Packet, crc_extra: CrcExtra, crc: Callable[[Buffer, int], int]) -> bool:
    """Tell whether the packet at ``at`` fits its checksum; one of an unknown message is taken at its word."""
    extra = crc_extra(packet.message)
    if extra is None:
        return True
    v2 = data[at] == _V2
    body = at + (_V2_HEAD if v2 else _V1_HEAD) + data[at + 1]
    return crc(data[at + 1 : body], extra) == data[body] | data[body + 1] << 8


def scan(data: Buffer, crc_extra: CrcExtra, crc: Callable[[Buffer, int], int]) -> Records:
    """Return where all whole packets lie; what is no record is passed over, byte by byte, and counted.

    Args:
        crc: MAVLink's checksum of some bytes and the definition's byte.
    """
    found = Records()
    at = 0
    pending = 0  # bytes passed over since the last record
    while at < len(data):
        packet = head(data, at + TIME_BYTES)
        time_us = int.from_bytes(data[at : at + TIME_BYTES], "big")
        fits = packet is not None and time_us <= MAX_US and whole(data, at + TIME_BYTES, packet, crc_extra, crc)
        following = -1 if packet is None else at + TIME_BYTES + packet.size
        if packet is None or not (fits or _record_at(data, following, time_us)):
            pending += 1
            at += 1
            continue
        found.skipped += pending
        pending = 0
        key = packet[:3]
        if not fits:
            found.strange[key] += 1
            at = following
            continue
        if key not in found.offsets:
            found.offsets[key], found.times_us[key] = array("Q"), array("Q")
        found.offsets[key].append(at + TIME_BYTES)
        found.times_us[key].append(time_us)
        at = following
    found.torn = pending
    return found


def _record_at(data: Buffer, at: int, after_us: int) -> bool:
    """Tell whether what lies at ``at`` looks like the record that follows one of ``after_us``."""
    time_us = int.from_bytes(data[at : at + TIME_BYTES], "big")
    return head(data, at + TIME_BYTES) is not None and abs(time_us - after_us) < _SILENCE_US
