"""The MCAP file under a log: records go out in chunks, each written whole or not at all.

Source of the format: https://mcap.dev/spec. Messages and chunks are packed here, for they are what a recorder spends
its time on; all other records are the mcap library's. Each chunk repeats the schemas and channels of its messages (the
format allows it), so that every chunk that survives can be read, whatever happened to the others.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import lz4.frame  # type: ignore[import-untyped]
import zstandard
from mcap.opcode import Opcode
from mcap.records import Channel, Header, Schema

from selfcue.errors import BadInputError, LossError
from selfcue.record.mcap_index import Index, bytes_of
from selfcue.record.scan import MAGIC, ChunkSpan
from selfcue.record.sink import Buffer, Sink

Compression: TypeAlias = Literal["lz4", "zstd", "none"]
COMPRESSIONS: tuple[str, ...] = get_args(Compression)
_MESSAGE = struct.Struct("<BQHIQQ")
_MESSAGE_FIELDS = 22
_CHUNK = struct.Struct("<BQQQQII")
_LENGTH = struct.Struct("<Q")
_RECORD_HEAD = 9


class Track:
    """One channel of a file.

    Attributes:
        number: in the file.
        head: its schema and channel records.
        index: log time and place of each message in the chunk under way, in turn.
        count, lost: messages that are in the file, and that a chunk took with it which could not be written.
    """

    __slots__ = ("count", "head", "index", "lost", "number")

    def __init__(self, number: int, head: bytes) -> None:
        self.number, self.head, self.index = number, head, array("Q")
        self.count = self.lost = 0


class McapFile:
    """Writes one file; a message goes to the file with its chunk.

    Args:
        sink: an empty file.
        chunk_bytes: size of a chunk before compression. A message of a quarter of it or more ends its chunk, and what
            it is made of is not copied on the way.
        compression: of chunks.
        crc: whether each chunk carries a checksum of its contents.
    """

    def __init__(self, sink: Sink, *, chunk_bytes: int, compression: Compression, crc: bool = True) -> None:
        self._sink = sink
        self._chunk_bytes, self._big = chunk_bytes, chunk_bytes // 4
        self._limit = chunk_bytes  # of the chunk under way: its schemas and channels do not count
        self._crc = crc
        self._name = "" if compression == "none" else compression
        self._squeeze = _compressor(compression)
        self._tail = bytearray()
        self._parts: list[Buffer] = []
        self._before = 0  # bytes of the chunk that lie in _parts
        self._active: list[Track] = []
        self._index = Index()

    # -- beginning -------------------------------------------------------------------------------------------------

    def begin(self, profile: str, library: str) -> None:
        """Write what a file begins with."""
        self._sink.write([MAGIC, bytes_of(Header(profile, library))])

    def schema(self, name: str, text: str) -> int:
        """Register a ``ros2msg`` schema; return its number."""
        number = len(self._index.schemas) + 1
        self._index.schemas[number] = Schema(id=number, data=text.encode(), encoding="ros2msg", name=name)
        return number

    def track(self, topic: str, schema: int, about: Mapping[str, str]) -> Track:
        """Register a channel of CDR messages."""
        number = len(self._index.channels) + 1
        if number >= 1 << 16:
            raise BadInputError(f"{self._sink.path}: more than {number - 1} channels; the format has no room for them")
        channel = Channel(id=number, topic=topic, message_encoding="cdr", schema_id=schema, metadata=dict(about))
        self._index.channels[number] = channel
        return Track(number, bytes_of(self._index.schemas[schema]) + bytes_of(channel))

    # -- messages --------------------------------------------------------------------------------------------------

    def add(self, track: Track, log_ns: int, stamp_ns: int, seq: int, data: Buffer) -> None:
        """Add a message. Raises LossError where this ends a chunk that does not fit on the disk."""
        tail, index = self._tail, track.index
        if not index:
            self._admit(track)
        index.append(log_ns)
        index.append(self._before + len(tail))
        tail += _MESSAGE.pack(5, _MESSAGE_FIELDS + len(data), track.number, seq, log_ns, stamp_ns)
        tail += data
        if len(tail) >= self._limit:
            self.flush()

    def add_pieces(self, track: Track, log_ns: int, stamp_ns: int, seq: int, pieces: Sequence[Buffer]) -> None:
        """Add a message that is given in pieces, the big ones without a copy. Raises LossError as ``add`` does."""
        size = sum(memoryview(piece).nbytes for piece in pieces)
        if size < self._big:
            self.add(track, log_ns, stamp_ns, seq, b"".join(pieces))
            return
        if not track.index:
            self._admit(track)
        track.index.append(log_ns)
        track.index.append(self._before + len(self._tail))
        self._tail += _MESSAGE.pack(Opcode.MESSAGE, _MESSAGE_FIELDS + size, track.number, seq, log_ns, stamp_ns)
        for piece in pieces:
            if memoryview(piece).nbytes < self._big:
                self._tail += piece
            else:
                self._before += len(self._tail) + memoryview(piece).nbytes
                self._parts += [self._tail, piece]
                self._tail = bytearray()
        self.flush()

    def _admit(self, track: Track) -> None:
        """Begin the part of a channel in this chunk."""
        self._active.append(track)
        self._tail += track.head
        self._limit += len(track.head)

    def flush(self) -> None:
        """Write the chunk under way, if there is one. Raises LossError; then its messages are gone."""
        if not self._active:
            return
        parts: list[Buffer] = [*self._parts, self._tail]
        active, raw_size = self._active, self._before + len(self._tail)
        self._parts, self._tail, self._before, self._active = [], bytearray(), 0, []
        self._limit = self._chunk_bytes
        try:
            self._write_chunk(parts, raw_size, active)
        except LossError:
            for track in active:
                track.lost += len(track.index) // 2
            raise
        finally:
            for track in active:
                track.index = array("Q")

    def _write_chunk(self, parts: list[Buffer], raw_size: int, active: list[Track]) -> None:
        crc = 0
        if self._crc:
            for part in parts:
                crc = zlib.crc32(part, crc)
        data_size = raw_size
        if self._squeeze is not None:
            squeezed = self._squeeze(b"".join(parts))
            parts, data_size = [squeezed], len(squeezed)
        start_ns = min(min(track.index[::2]) for track in active)
        end_ns = max(max(track.index[::2]) for track in active)
        head, span = chunk_head(
            self._sink.tell(), (start_ns, end_ns), raw_size=raw_size, crc=crc, name=self._name, data_size=data_size
        )
        index = self._index.chunk(span, {track.number: track.index for track in active})
        self._sink.write([head, *parts, index])
        for track in active:
            track.count += len(track.index) // 2

    # -- other records ---------------------------------------------------------------------------------------------

    def metadata(self, name: str, entries: Mapping[str, str]) -> None:
        """Write a metadata record."""
        self._sink.write([self._index.metadata(self._sink.tell(), name, entries)])

    def attachment(self, name: str, media_type: str, data: bytes) -> None:
        """Write a file into the file."""
        self._sink.write([self._index.attachment(self._sink.tell(), name, media_type, data)])

    def finish(self) -> None:
        """Write summary and end."""
        self._sink.write(self._index.end(self._sink.tell()))


def chunk_head(
    offset: int, times: tuple[int, int], *, raw_size: int, crc: int, name: str, data_size: int
) -> tuple[bytes, ChunkSpan]:
    """Return what a chunk at ``offset`` begins with, up to its data, and where all of it lies."""
    text = name.encode()
    size = _CHUNK.size - _RECORD_HEAD + len(text) + _LENGTH.size + data_size
    head = _CHUNK.pack(Opcode.CHUNK, size, *times, raw_size, crc, len(text)) + text + _LENGTH.pack(data_size)
    return head, ChunkSpan(
        offset, _RECORD_HEAD + size, *times, name, raw_size, crc, offset + len(head), data_size
    )  # fmt: skip


def _compressor(compression: Compression) -> Callable[[bytes], bytes] | None:
    if compression not in COMPRESSIONS:
        raise BadInputError(f"compression {compression!r} is not known; use one of {', '.join(COMPRESSIONS)}")
    if compression == "lz4":
        return lambda data: bytes(lz4.frame.compress(data, store_size=True))
    if compression == "zstd":
        return zstandard.ZstdCompressor().compress
    return None
