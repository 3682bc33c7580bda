"""Opening of one chunk: decompressed, checked, taken apart."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import NamedTuple

import lz4.frame  # type: ignore[import-untyped]
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Schema

from selfcue.record.file_bytes import FileBytes
from selfcue.record.scan import ChunkSpan

MAX_RAW_BYTES = 1 << 32
_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")


class RawMessage(NamedTuple):
    """A message as it lies in a chunk."""

    log_time_ns: int
    channel: int
    seq: int
    data: memoryview
    offset: int
    """Of its record in the chunk."""


class Chunk(NamedTuple):
    """What a chunk holds."""

    messages: list[RawMessage]
    schemas: dict[int, Schema]
    channels: dict[int, Channel]


def load_chunk(file: FileBytes, span: ChunkSpan) -> Chunk:
    """Return the contents of a chunk.

    Raises:
        ValueError: it is damaged; the message says how.
    """
    try:
        data = _raw(file, span)
        return _records(memoryview(data), span)
    except (McapError, struct.error, RuntimeError, zstandard.ZstdError, MemoryError, OverflowError) as error:
        raise ValueError(f"the chunk does not open ({str(error) or type(error).__name__})") from error


def _raw(file: FileBytes, span: ChunkSpan) -> bytes:
    if span.raw_size > MAX_RAW_BYTES:
        raise ValueError(f"the chunk claims {span.raw_size} bytes; the limit is {MAX_RAW_BYTES}")
    data = file.at(span.data_offset, span.data_size)
    # The frame's own size decides how much memory is taken, so it is compared before.
    if span.compression == "lz4":
        claimed = lz4.frame.get_frame_info(data)["content_size"] or span.raw_size
    elif span.compression == "zstd":
        claimed = zstandard.get_frame_parameters(data).content_size
        claimed = span.raw_size if claimed == zstandard.CONTENTSIZE_UNKNOWN else claimed
    else:
        claimed = len(data)
    if claimed != span.raw_size:
        raise ValueError(f"the chunk claims {span.raw_size} bytes and holds {claimed}")
    if span.compression == "lz4":
        data = lz4.frame.decompress(data)
    elif span.compression == "zstd":
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=span.raw_size)
    if len(data) != span.raw_size:
        raise ValueError(f"the chunk claims {span.raw_size} bytes and holds {len(data)}")
    if span.raw_crc and zlib.crc32(data) != span.raw_crc:
        raise ValueError("the chunk's checksum is wrong")
    return data


def _records(view: memoryview, span: ChunkSpan) -> Chunk:
    found = Chunk([], {}, {})
    at, end = 0, len(view)
    while at < end:
        opcode, size = _HEAD.unpack_from(view, at)
        at += _HEAD.size
        if size > end - at:
            raise ValueError("a record in the chunk is longer than the chunk")
        if opcode == Opcode.MESSAGE:
            channel, seq, log_time_ns, _ = _MESSAGE.unpack_from(view, at)
            if size < _MESSAGE.size or not span.start_ns <= log_time_ns <= span.end_ns:
                raise ValueError("the chunk's head does not fit its messages")
            found.messages.append(
                RawMessage(log_time_ns, channel, seq, view[at + _MESSAGE.size : at + size], at - _HEAD.size)
            )
        elif opcode == Opcode.SCHEMA:
            schema = Schema.read(ReadDataStream(BytesIO(view[at : at + size])))
            found.schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel_record = Channel.read(ReadDataStream(BytesIO(view[at : at + size])))
            found.channels[channel_record.id] = channel_record
        at += size
    return found
