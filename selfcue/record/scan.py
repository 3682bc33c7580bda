"""The outline of an MCAP file: which records lie where, found without reading the messages.

Walks the records from the front, so that a file without an end (its writer was killed) gives all whole chunks. What
cannot be a record is damage; behind it the walk goes on where the next record, or the index of a finished file, says.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, Metadata, Schema, Statistics

from selfcue.errors import BadInputError
from selfcue.record import attachment
from selfcue.record.file_bytes import FileBytes

MAGIC = b"\x89MCAP0\r\n"
MAX_SMALL_RECORD = 1 << 26
"""Largest record besides chunks and attachments that is read into memory."""
COMPRESSIONS = ("", "lz4", "zstd")
_HEAD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQII")
_FOOTER = struct.Struct("<BQQQI")
_LENGTH = struct.Struct("<Q")
_PARSE_ERRORS = (McapError, struct.error, ValueError, OverflowError)


@dataclass(frozen=True)
class Damage:
    """A part of the file that cannot be used: ``size`` bytes from ``offset``."""

    offset: int
    size: int
    reason: str

    def __str__(self) -> str:
        return f"{self.size} bytes from byte {self.offset}: {self.reason}"


@dataclass(frozen=True)
class ChunkSpan:
    """One chunk: where it and its data lie, and what its head says of them."""

    offset: int
    size: int
    start_ns: int
    end_ns: int
    compression: str
    raw_size: int
    raw_crc: int
    data_offset: int
    data_size: int


@dataclass
class Scan:
    """What is in a file. ``finished``: it has an end; ``statistics`` and all channels are known from its summary."""

    finished: bool = False
    indexed: bool = False
    statistics: Statistics | None = None
    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[ChunkSpan] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    attachments: dict[str, tuple[int, int]] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)
    tail: int = 0
    """Bytes of an unfinished last record."""


def scan(file: FileBytes) -> Scan:
    """Return the outline of ``file``.

    Raises:
        BadInputError: it is no MCAP file.
    """
    if file.size == 0:
        raise BadInputError(f"{file.path} is empty: nothing was recorded into it")
    if file.size < len(MAGIC) or file.at(0, len(MAGIC)) != MAGIC:
        raise BadInputError(f"{file.path} is no MCAP file: it begins with {file.at(0, min(8, file.size))!r}")
    outline = Scan()
    limit, index = _read_end(file, outline)
    offset = len(MAGIC)
    while offset < limit:
        try:
            opcode, size = _HEAD.unpack(file.at(offset, _HEAD.size))
            if offset + _HEAD.size + size > limit:
                raise ValueError("a record claims more bytes than the file has")
            if opcode == Opcode.DATA_END:
                break
            _note(file, outline, opcode, offset, size)
            offset += _HEAD.size + size
        except _PARSE_ERRORS as error:
            following = _resume(file, offset, limit, index)
            if following is None and not outline.finished:
                outline.tail = limit - offset
                break
            outline.damage.append(Damage(offset, (following or limit) - offset, str(error) or type(error).__name__))
            offset = following or limit
    known = {span.offset for span in outline.chunks}
    for missing in index:
        if missing not in known and not any(d.offset <= missing < d.offset + d.size for d in outline.damage):
            outline.damage.append(Damage(missing, 0, "the index names a chunk here, and there is none"))
    return outline


def _note(file: FileBytes, outline: Scan, opcode: int, offset: int, size: int) -> None:
    """Take one whole record of the data section into ``outline``. Raises one of ``_PARSE_ERRORS``."""
    body = offset + _HEAD.size
    if opcode == Opcode.CHUNK:
        outline.chunks.append(_chunk(file, offset, size))
    elif opcode == Opcode.ATTACHMENT:
        outline.attachments[attachment.name_of(file, body, size)] = (body, size)
    elif opcode in (Opcode.METADATA, Opcode.SCHEMA, Opcode.CHANNEL):
        _small(outline, opcode, _body(file, body, size))
    elif opcode == Opcode.MESSAGE_INDEX:
        (length,) = struct.unpack("<I", file.at(body + 2, 4))
        if length % 16 or length + 6 != size:
            raise ValueError("a message index has the wrong size")
    elif opcode == Opcode.MESSAGE:
        raise ValueError("a message lies outside any chunk; such files are not read")
    elif opcode != Opcode.HEADER and opcode < 0x80:
        raise ValueError(f"no record begins with {opcode:#x} here")


def _body(file: FileBytes, offset: int, size: int) -> bytes:
    if size > MAX_SMALL_RECORD:
        raise ValueError(f"a record of {size} bytes; the limit is {MAX_SMALL_RECORD}")
    return file.at(offset, size)


def _small(outline: Scan, opcode: int, body: bytes) -> None:
    """Take in a metadata, schema or channel record."""
    stream = ReadDataStream(BytesIO(body))
    if opcode == Opcode.METADATA:
        entry = Metadata.read(stream)
        outline.metadata[entry.name] = entry.metadata
    elif opcode == Opcode.SCHEMA:
        schema = Schema.read(stream)
        outline.schemas[schema.id] = schema
    else:
        channel = Channel.read(stream)
        outline.channels[channel.id] = channel
    if stream.count != len(body):
        raise ValueError("a record is longer than its fields")


def _chunk(file: FileBytes, offset: int, size: int) -> ChunkSpan:
    body = offset + _HEAD.size
    start_ns, end_ns, raw_size, raw_crc, length = _CHUNK.unpack(file.at(body, _CHUNK.size))
    if length > 32:
        raise ValueError("a chunk's head is damaged")
    name = file.at(body + _CHUNK.size, length).decode()
    if name not in COMPRESSIONS:
        raise ValueError(f"a chunk's compression {name!r} is not known; known: lz4, zstd, none")
    at = body + _CHUNK.size + length
    (data_size,) = _LENGTH.unpack(file.at(at, _LENGTH.size))
    data_offset = at + _LENGTH.size
    if data_offset + data_size != body + size:
        raise ValueError("a chunk's sizes contradict each other")
    return ChunkSpan(offset, _HEAD.size + size, start_ns, end_ns, name, raw_size, raw_crc, data_offset, data_size)


def _resume(file: FileBytes, offset: int, limit: int, index: list[int]) -> int | None:
    """Return where reading can go on behind a damaged record at ``offset``; None: nowhere."""
    try:
        _, size = _HEAD.unpack(file.at(offset, _HEAD.size))
        following: int = offset + _HEAD.size + size
        if following < limit:
            opcode, size = _HEAD.unpack(file.at(following, _HEAD.size))
            if opcode in tuple(Opcode) and following + _HEAD.size + size <= limit:
                return following
    except _PARSE_ERRORS:
        pass
    return next((chunk for chunk in index if chunk > offset), None)


def _read_end(file: FileBytes, outline: Scan) -> tuple[int, list[int]]:
    """Read the summary, where there is one; return where the data section ends and the offsets of all chunks."""
    footer_at = file.size - len(MAGIC) - _FOOTER.size
    if footer_at < len(MAGIC) or file.at(file.size - len(MAGIC), len(MAGIC)) != MAGIC:
        return file.size, []
    footer = file.at(footer_at, _FOOTER.size)
    opcode, size, start, _, crc = _FOOTER.unpack(footer)
    if opcode != Opcode.FOOTER or size != _FOOTER.size - _HEAD.size:
        return file.size, []
    outline.finished = True
    if start == 0:
        return footer_at, []
    chunks: list[int] = []
    try:
        if not len(MAGIC) <= start <= footer_at:
            raise ValueError("the summary lies outside the file")
        summary = _body(file, start, footer_at - start)
        if crc and zlib.crc32(footer[:-4], zlib.crc32(summary)) != crc:
            raise ValueError("the summary's checksum is wrong")
        _summary(summary, outline, chunks)
    except _PARSE_ERRORS as error:
        outline.damage.append(Damage(start, footer_at - start, f"{error}; the messages are read without it"))
        return footer_at, []
    outline.indexed = outline.statistics is not None and len(chunks) == outline.statistics.chunk_count
    return start, sorted(chunks)


def _summary(summary: bytes, outline: Scan, chunks: list[int]) -> None:
    at = 0
    while at < len(summary):
        opcode, size = _HEAD.unpack_from(summary, at)
        body = summary[at + _HEAD.size : at + _HEAD.size + size]
        if opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            _small(outline, opcode, body)
        elif opcode == Opcode.STATISTICS:
            outline.statistics = Statistics.read(ReadDataStream(BytesIO(body)))
        elif opcode == Opcode.CHUNK_INDEX:
            chunks.append(ChunkIndex.read(ReadDataStream(BytesIO(body))).chunk_start_offset)
        at += _HEAD.size + size
