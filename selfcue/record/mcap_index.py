"""The index of an MCAP file: message indexes behind each chunk, and summary and footer at the end of the file."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    ChunkIndex,
    DataEnd,
    Footer,
    McapRecord,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)

from selfcue.record.scan import MAGIC, ChunkSpan

_INDEX = struct.Struct("<BQHI")
_FOOTER_CRC = struct.Struct("<BQQQ")
_FOOTER_BYTES = 20


class Index:
    """Gathers what the end of a file says.

    Attributes:
        schemas, channels: by number.
    """

    def __init__(self) -> None:
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, Channel] = {}
        self._counts: Counter[int] = Counter()
        self._chunks: list[bytes] = []
        self._attachments: list[AttachmentIndex] = []
        self._metadata: list[MetadataIndex] = []
        self._start_ns, self._end_ns = 0, 0

    def chunk(self, span: ChunkSpan, places: Mapping[int, array[int]]) -> bytes:
        """Note a chunk that will lie where ``span`` says; return the message indexes that follow it.

        ``places``: by channel, log time and offset in the chunk of each message, in turn.
        """
        at = span.offset + span.size
        offsets: dict[int, int] = {}
        out = bytearray()
        for number, pairs in places.items():
            entries = _little_endian(pairs)
            offsets[number] = at + len(out)
            out += _INDEX.pack(Opcode.MESSAGE_INDEX, 6 + len(entries), number, len(entries))
            out += entries
            self._counts[number] += len(pairs) // 2
        index = ChunkIndex(
            chunk_length=span.size,
            chunk_start_offset=span.offset,
            compression=span.compression,
            compressed_size=span.data_size,
            message_end_time=span.end_ns,
            message_index_length=len(out),
            message_index_offsets=offsets,
            message_start_time=span.start_ns,
            uncompressed_size=span.raw_size,
        )
        self._start_ns = min(self._start_ns, span.start_ns) if self._chunks else span.start_ns
        self._end_ns = max(self._end_ns, span.end_ns)
        self._chunks.append(bytes_of(index))
        return bytes(out)

    def metadata(self, offset: int, name: str, entries: Mapping[str, str]) -> bytes:
        """Note a metadata record at ``offset``; return it."""
        record = bytes_of(Metadata(name=name, metadata=dict(entries)))
        self._metadata.append(MetadataIndex(offset=offset, length=len(record), name=name))
        return record

    def attachment(self, offset: int, name: str, media_type: str, data: bytes) -> bytes:
        """Note an attachment at ``offset``; return it. It has no times: they would make equal logs differ."""
        one = Attachment(create_time=0, log_time=0, name=name, media_type=media_type, data=data)
        record = bytes_of(one)
        self._attachments.append(
            AttachmentIndex(
                offset=offset,
                length=len(record),
                log_time=one.log_time,
                create_time=one.create_time,
                data_size=len(data),
                name=name,
                media_type=media_type,
            )
        )
        return record

    def end(self, offset: int) -> list[bytes]:
        """Return all that follows the data of a file, which ends at ``offset``."""
        end = bytes_of(DataEnd(0))
        start = at = offset + len(end)
        groups = (
            (Opcode.SCHEMA, _joined(self.schemas.values())),
            (Opcode.CHANNEL, _joined(self.channels.values())),
            (Opcode.STATISTICS, bytes_of(self._statistics())),
            (Opcode.CHUNK_INDEX, b"".join(self._chunks)),
            (Opcode.ATTACHMENT_INDEX, _joined(self._attachments)),
            (Opcode.METADATA_INDEX, _joined(self._metadata)),
        )
        offsets = b""
        for opcode, records in groups:
            if records:
                offsets += bytes_of(SummaryOffset(group_opcode=opcode, group_start=at, group_length=len(records)))
            at += len(records)
        summary = b"".join(records for _, records in groups) + offsets
        crc = zlib.crc32(_FOOTER_CRC.pack(Opcode.FOOTER, _FOOTER_BYTES, start, at), zlib.crc32(summary))
        footer = Footer(summary_start=start, summary_offset_start=at, summary_crc=crc)
        return [end, summary, bytes_of(footer), MAGIC]

    def _statistics(self) -> Statistics:
        return Statistics(
            attachment_count=len(self._attachments),
            channel_count=len(self.channels),
            channel_message_counts=dict(self._counts),
            chunk_count=len(self._chunks),
            message_count=self._counts.total(),
            metadata_count=len(self._metadata),
            message_start_time=self._start_ns,
            message_end_time=self._end_ns,
            schema_count=len(self.schemas),
        )


def bytes_of(record: McapRecord) -> bytes:
    """Return a record as it stands in a file."""
    builder = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())  # type: ignore[no-untyped-call]


def _joined(records: Iterable[McapRecord]) -> bytes:
    return b"".join(map(bytes_of, records))


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = array("Q", numbers)
        numbers.byteswap()
    return numbers.tobytes()
