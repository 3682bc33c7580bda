"""Checksums of serial frames by name; those of two bytes are numbers, and the frame's description orders them."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Literal

Checksum = Literal[
    "none", "xor", "sum8", "fletcher8", "fletcher16", "crc16_ccitt", "crc16_xmodem", "crc16_modbus", "crc16_x25"
]


def xor8(data: bytes) -> int:
    """Return all bytes combined by exclusive or."""
    return reduce(xor, data, 0)


def sum8(data: bytes) -> int:
    """Return the sum of all bytes modulo 256."""
    return sum(data) & 0xFF


def fletcher8(data: bytes) -> int:
    """Return Fletcher's two sums modulo 256, the first in the low byte (RFC 1145; u-blox' UBX)."""
    first = second = 0
    for byte in data:
        first = (first + byte) & 0xFF
        second = (second + first) & 0xFF
    return second << 8 | first


def fletcher16(data: bytes) -> int:
    """Return Fletcher's two sums modulo 255, the first in the low byte."""
    first = second = 0
    for byte in data:
        first = (first + byte) % 255
        second = (second + first) % 255
    return second << 8 | first


def _reflected_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


_MODBUS, _X25 = _reflected_table(0xA001), _reflected_table(0x8408)


def _reflected(data: bytes, table: tuple[int, ...]) -> int:
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


CHECKSUMS: dict[str, tuple[int, Callable[[bytes], int]]] = {
    "none": (0, lambda _: 0),
    "xor": (1, xor8),
    "sum8": (1, sum8),
    "fletcher8": (2, fletcher8),
    "fletcher16": (2, fletcher16),
    "crc16_ccitt": (2, lambda data: binascii.crc_hqx(data, 0xFFFF)),
    "crc16_xmodem": (2, lambda data: binascii.crc_hqx(data, 0)),
    "crc16_modbus": (2, lambda data: _reflected(data, _MODBUS)),
    "crc16_x25": (2, lambda data: _reflected(data, _X25) ^ 0xFFFF),
}
"""Bytes that each takes, and the function. Names as in Greg Cook's catalogue of parametrised CRC algorithms:
``crc16_ccitt`` is CRC-16/IBM-3740 (initial 0xFFFF, often called CCITT-FALSE), ``crc16_x25`` is CRC-16/IBM-SDLC."""
