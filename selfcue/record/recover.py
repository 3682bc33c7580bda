"""Repair of logs: a new file with all that is whole, proved by reading it again; the old one is never touched."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mcap.records import Header

from selfcue import __version__
from selfcue.errors import BadInputError, LossError, SelfcueError
from selfcue.record import attachment
from selfcue.record.chunk import Chunk
from selfcue.record.file_bytes import FileBytes
from selfcue.record.layout import END, counts, on_bus
from selfcue.record.mcap_file import chunk_head
from selfcue.record.mcap_index import Index, bytes_of
from selfcue.record.reader import LogReader
from selfcue.record.salvage import Salvage, load_whole, salvage
from selfcue.record.scan import MAGIC, ChunkSpan
from selfcue.record.sink import Sink

RECOVERED = "selfcue.recovered"
"""Metadata record of a repaired file: from what it was made, and what could not be used."""
_MOST_DAMAGE_TOLD = 20


@dataclass(frozen=True)
class Recovery:
    """What came of a repair.

    Attributes:
        path: the file that was made; None where nothing had to be mended.
        messages: that are in it.
        lost_bytes: of the old file, that could not be used.
        damage: where, and why.
        complete: nothing is missing, neither lost now nor at recording.
        again: the file was there already, byte for byte the same.
    """

    path: Path | None
    messages: int
    lost_bytes: int
    damage: tuple[str, ...]
    complete: bool
    again: bool = False


def beside(path: Path) -> Path:
    """Return where a repaired ``path`` goes where nothing else is said: ``flight.recovered.mcap``."""
    return path.with_name(f"{path.name.removesuffix('.mcap')}.recovered.mcap")


def recover(path: Path, out: Path | None = None) -> Recovery:
    """Write what is whole in ``path`` to ``out`` and read it again; a log without any fault is left as it is.

    Equal logs give equal files, so doing it twice changes nothing.

    Raises:
        BadInputError: ``path`` is no MCAP file or holds nothing that is whole; ``out`` is there and is another file.
        LossError: the disk is full; nothing is left of ``out``.
        SelfcueError: what was written does not read back as it should (a fault of the disk, or of this program).
    """
    file = FileBytes(path)
    try:
        left = salvage(file)
        total = sum(len(_chunk(file, span).messages) for span in left.chunks)
        if left.outline.finished and not left.damage:
            complete = left.outline.metadata.get(END, {}).get("complete", "true") == "true"
            return Recovery(None, total, 0, (), complete)
        if not left.chunks:
            raise BadInputError(f"{path}: no chunk of it is whole; there is nothing to recover")
        return _written(file, left, out or beside(path), total)
    finally:
        file.close()


def _written(file: FileBytes, left: Salvage, out: Path, total: int) -> Recovery:
    if out.exists() and out.samefile(file.path):
        raise BadInputError(f"{out} is the damaged log itself, which is never changed; choose another --out")
    aside = out.with_name(out.name + ".part")
    aside.unlink(missing_ok=True)
    sink = Sink(aside)
    try:
        complete = _write(file, left, sink)
        sink.sync()
        sink.close()
        _prove(file, left, aside)
        again = out.exists()
        if again and _digest(out) != _digest(aside):
            raise BadInputError(f"{out} exists already and is another log; choose another name with --out")
        aside.replace(out)
    except BaseException:
        sink.discard()
        raise
    used = sum(span.size for span in left.chunks)
    damage = tuple(str(one) for one in left.damage)
    lost = sum(one.size for one in left.damage) + left.outline.tail
    return Recovery(out, total, min(lost, file.size - used), damage, complete, again)


def _write(file: FileBytes, left: Salvage, sink: Sink) -> bool:
    """Write the repaired file; return whether nothing is missing."""
    outline, index = left.outline, Index()
    index.schemas.update(sorted(outline.schemas.items()))
    index.channels.update(sorted(outline.channels.items()))
    sink.write([MAGIC, bytes_of(Header("ros2", f"selfcue {__version__} recover"))])
    for name, entries in outline.metadata.items():
        if name not in (END, RECOVERED):
            sink.write([index.metadata(sink.tell(), name, entries)])
    for name in left.attachments:
        data = attachment.read(file, *outline.attachments[name])
        media = attachment.media_type_of(file, *outline.attachments[name])
        sink.write([index.attachment(sink.tell(), name, media, data)])
    found: Counter[str] = Counter()
    for span in left.chunks:
        chunk = _chunk(file, span)
        _copy(file, span, chunk, sink, index)
        for message in chunk.messages:
            channel = outline.channels[message.channel]
            found[on_bus(channel.topic, channel.metadata)] += 1
    end = _end(left, found)
    told = [str(one) for one in left.damage[:_MOST_DAMAGE_TOLD]]
    about = {
        "from": file.path.name,
        "bytes": str(file.size),
        "damaged_parts": str(len(left.damage)),
        "damage": json.dumps(told),
    }
    sink.write([index.metadata(sink.tell(), RECOVERED, about)])
    sink.write([index.metadata(sink.tell(), END, end)])
    sink.write(index.end(sink.tell()))
    return end["complete"] == "true"


def _copy(file: FileBytes, span: ChunkSpan, chunk: Chunk, sink: Sink, index: Index) -> None:
    """Copy a chunk as it is, with a head that tells the truth, and the index that belongs to it."""
    data = file.at(span.data_offset, span.data_size)
    head, place = chunk_head(
        sink.tell(),
        (span.start_ns, span.end_ns),
        raw_size=span.raw_size,
        crc=span.raw_crc,
        name=span.compression,
        data_size=span.data_size,
    )
    places: dict[int, array[int]] = {}
    for message in chunk.messages:
        pairs = places.setdefault(message.channel, array("Q"))
        pairs.append(message.log_time_ns)
        pairs.append(message.offset)
    sink.write([head, data, index.chunk(place, places)])


def _end(left: Salvage, found: Counter[str]) -> dict[str, str]:
    """Return the last metadata: what the recorder said where it still could, and what is missing now."""
    said = left.outline.metadata.get(END, {})
    lost = Counter(counts(said.get("lost", "{}")))
    written = Counter(counts(said.get("counts", "{}")))
    missing = written - found
    why = said.get("why_lost", "")
    if not said:
        why = "the recorder was cut off: this is what it had written"
    elif written != found:  # or what it said of itself is damaged: nothing else tells
        why = why or "chunks of the log were damaged"
    complete = not lost and not missing and not why
    return {
        "counts": _json(found),
        "throttled": said.get("throttled", "{}"),
        "lost": _json(lost + missing),
        "lost_at": said.get("lost_at", "{}"),
        "status": "COMPLETE" if complete else "INCOMPLETE",
        "complete": "true" if complete else "false",
        "why_lost": why,
    }


def _json(counter: Counter[str]) -> str:
    return json.dumps(dict(sorted(counter.items())))


def _prove(file: FileBytes, left: Salvage, made: Path) -> None:
    """Read the new file through its index, and compare every message with where it came from."""
    with LogReader(made) as log:
        again = FileBytes(made)
        try:
            spans = sorted(log.chunks, key=lambda span: span.offset)
            same = len(spans) == len(left.chunks) and all(
                _messages_digest(_chunk(file, one)) == _messages_digest(_chunk(again, other))
                for one, other in zip(left.chunks, spans, strict=True)
            )
            if not log.finished or log.damage or not same:
                raise SelfcueError(f"{made}: what was written does not read back as it should; check the disk")
        finally:
            again.close()


def _chunk(file: FileBytes, span: ChunkSpan) -> Chunk:
    chunk = load_whole(file, span)
    if chunk is None:
        raise LossError(f"{file.path}: a chunk that was whole is not any more; does somebody write to it?")
    return chunk


def _messages_digest(chunk: Chunk) -> bytes:
    digest = hashlib.sha256()
    for message in chunk.messages:
        digest.update(repr((message.channel, message.seq, message.log_time_ns)).encode())
        digest.update(message.data)
    return digest.digest()


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.digest()


def told(found: Recovery) -> Iterable[str]:
    """Yield what a person wants to know of it, line by line."""
    if found.path is None:
        yield f"nothing to mend: all {found.messages} messages are there"
        return
    yield from (f"damaged: {one}" for one in found.damage)
    yield f"{found.path}: {found.messages} messages, read again and equal" + (", as before" if found.again else "")
