"""Attachment records of an MCAP file: log time, creation time, name, media type, data, checksum."""

from __future__ import annotations

import struct
import zlib

from selfcue.record.file_bytes import FileBytes

_TIMES = 16
_CRC = 4
_LENGTH = struct.Struct("<I")
_DATA_LENGTH = struct.Struct("<Q")
MAX_NAME_BYTES = 1 << 16


def name_of(file: FileBytes, offset: int, size: int) -> str:
    """Return the name of the attachment whose record body lies at ``offset``.

    Raises:
        ValueError: its sizes contradict each other.
    """
    return _head(file, offset, size)[0]


def media_type_of(file: FileBytes, offset: int, size: int) -> str:
    """Return the media type of the attachment whose record body lies at ``offset``. Raises: see ``name_of``."""
    return _head(file, offset, size)[1]


def read(file: FileBytes, offset: int, size: int) -> bytes:
    """Return the data of the attachment whose record body lies at ``offset``.

    Raises:
        ValueError: its checksum is wrong.
    """
    _, _, data_offset, data_size = _head(file, offset, size)
    record = file.at(offset, size)
    crc = _LENGTH.unpack(record[-_CRC:])[0]
    if crc and zlib.crc32(record[:-_CRC]) != crc:
        raise ValueError("wrong checksum")
    begin = data_offset - offset
    return record[begin : begin + data_size]


def _head(file: FileBytes, offset: int, size: int) -> tuple[str, str, int, int]:
    """Return name, media type, offset and size of the data."""
    at, end = offset + _TIMES, offset + size
    texts = []
    for _ in range(2):
        (length,) = _LENGTH.unpack(file.at(at, _LENGTH.size))
        if length > MAX_NAME_BYTES or at + _LENGTH.size + length > end:
            raise ValueError("an attachment's head is damaged")
        texts.append(file.at(at + _LENGTH.size, length).decode())
        at += _LENGTH.size + length
    (length,) = _DATA_LENGTH.unpack(file.at(at, _DATA_LENGTH.size))
    at += _DATA_LENGTH.size
    if at + length + _CRC != end:
        raise ValueError("an attachment's sizes contradict each other")
    return texts[0], texts[1], at, length
