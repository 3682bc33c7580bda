"""What is left of a damaged log: every chunk whose contents are proved by their checksum, wherever it lies.

What lies between the chunks that are found by walking the file is searched for what can only be a chunk: a head whose
sizes agree with each other, and contents that fit its checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from mcap.opcode import Opcode

from selfcue.record import attachment
from selfcue.record.chunk import Chunk, load_chunk
from selfcue.record.file_bytes import FileBytes
from selfcue.record.scan import COMPRESSIONS, ChunkSpan, Damage, Scan, scan

_CHUNK_BYTE = bytes([Opcode.CHUNK])
_HEAD = struct.Struct("<BQQQQII")
_LENGTH = struct.Struct("<Q")
_LONGEST_HEAD = _HEAD.size + 8 + _LENGTH.size
_WINDOW = 1 << 22
_EVER = (0, (1 << 64) - 1)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Salvage:
    """What can be used of a file.

    Attributes:
        outline: of the file: its metadata, attachments, and all schemas and channels that are left.
        chunks: the whole ones, in the order of the file, with their true times.
        attachments: names of the whole ones.
        damage: what cannot be used.
    """

    outline: Scan
    chunks: list[ChunkSpan]
    attachments: list[str]
    damage: list[Damage]


def salvage(file: FileBytes) -> Salvage:
    """Return what is left in ``file``.

    Raises:
        BadInputError: it is no MCAP file.
    """
    outline = scan(file)
    attachments: list[str] = []
    skipped: list[tuple[int, int]] = []
    for name, (offset, size) in outline.attachments.items():
        try:
            attachment.read(file, offset, size)
        except ValueError:
            continue
        attachments.append(name)
        skipped.append((offset, offset + size))  # it may be a log itself
    whole: dict[int, ChunkSpan] = {}
    for span in outline.chunks:
        if load_whole(file, span) is not None:
            whole[span.offset] = span
    for begin, end in _gaps([*skipped, *((one.offset, one.offset + one.size) for one in whole.values())], file.size):
        whole.update({span.offset: span for span in _search(file, begin, end)})
    ordered = sorted(whole.values(), key=lambda span: span.offset)
    for span in ordered:
        chunk = load_whole(file, span)
        assert chunk is not None
        _add_new(outline.schemas, chunk.schemas)
        _add_new(outline.channels, chunk.channels)
    lying: list[Damage] = []
    kept: list[ChunkSpan] = []
    strange: list[ChunkSpan] = []
    for span in ordered:
        chunk = load_whole(file, span)
        assert chunk is not None
        known = {one.channel for one in chunk.messages} <= set(outline.channels)
        true = _with_true_times(span, chunk)
        (kept if known else strange).append(true)
        if true != span:
            lying.append(Damage(span.offset, 0, "the head of a chunk does not fit its messages; they are whole"))
    damage = [*_damage(outline, kept, strange, attachments), *lying]
    return Salvage(outline, kept, attachments, sorted(damage, key=lambda one: one.offset))


def load_whole(file: FileBytes, span: ChunkSpan) -> Chunk | None:
    """Return a chunk whose contents fit their checksum, whatever its head says of times; None for any other."""
    try:
        return load_chunk(file, replace(span, start_ns=_EVER[0], end_ns=_EVER[1]))
    except ValueError:
        return None


def _with_true_times(span: ChunkSpan, chunk: Chunk) -> ChunkSpan:
    times = [message.log_time_ns for message in chunk.messages]
    if not times:
        return span
    return replace(span, start_ns=min(times), end_ns=max(times))


def _gaps(used: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches between ``used`` ones that are long enough for a chunk."""
    at = 0
    for begin, end in [*sorted(used), (size, size)]:
        if begin - at >= _HEAD.size:
            yield at, begin
        at = max(at, end)


def _search(file: FileBytes, begin: int, end: int) -> Iterator[ChunkSpan]:
    """Yield the whole chunks that begin from ``begin`` to ``end``."""
    at = begin
    while at < end:
        window = file.at(at, min(_WINDOW + _LONGEST_HEAD, file.size - at))
        place = window.find(_CHUNK_BYTE)
        while 0 <= place < min(_WINDOW, end - at):
            span = _chunk_in(window, place, at, file.size)
            if span is not None and load_whole(file, span) is not None:
                yield span
                at, place = span.offset + span.size, -1
                break
            place = window.find(_CHUNK_BYTE, place + 1)
        else:
            at += _WINDOW


def _chunk_in(window: bytes, place: int, begin: int, limit: int) -> ChunkSpan | None:
    """Return the chunk whose head lies at ``place`` of a window that begins at ``begin``; None where there is none."""
    if place + _LONGEST_HEAD > len(window) and begin + len(window) < limit:
        return None
    if place + _HEAD.size + _LENGTH.size > len(window):
        return None
    _, size, start_ns, end_ns, raw_size, crc, length = _HEAD.unpack_from(window, place)
    if length > 4 or begin + place + 9 + size > limit:
        return None
    at = place + _HEAD.size + length
    name = window[place + _HEAD.size : at].decode("ascii", "replace")
    if name not in COMPRESSIONS or at + _LENGTH.size > len(window):
        return None
    (data_size,) = _LENGTH.unpack_from(window, at)
    if data_size != size - (_HEAD.size - 9) - length - _LENGTH.size:
        return None
    offset = begin + place
    return ChunkSpan(
        offset, 9 + size, start_ns, end_ns, name, raw_size, crc, begin + at + _LENGTH.size, data_size
    )  # fmt: skip


def _add_new(known: dict[int, _T], found: Mapping[int, _T]) -> None:
    for number, one in found.items():
        known.setdefault(number, one)


def _damage(outline: Scan, kept: list[ChunkSpan], strange: list[ChunkSpan], attachments: list[str]) -> list[Damage]:
    """Return what cannot be used: what the scan met, chunks that are not whole, attachments that are not."""
    whole = {span.offset for span in kept}
    found = {one.offset: one for one in outline.damage if one.offset not in whole}
    for span in outline.chunks:
        if span.offset not in whole:
            found[span.offset] = Damage(span.offset, span.size, "a chunk whose contents do not fit its checksum")
    for span in strange:
        found[span.offset] = Damage(span.offset, span.size, "a chunk of channels that nothing in the file describes")
    for name, (offset, size) in outline.attachments.items():
        if name not in attachments:
            found[offset] = Damage(offset, size, f"the attachment {name!r} does not fit its checksum")
    return list(found.values())
