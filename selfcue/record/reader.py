"""Reading of logs: our MCAP files, and those of others as far as they hold types that we know.

A log whose writer was killed opens up to its last whole chunk, and ``loss`` says what is missing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from selfcue.errors import BadInputError
from selfcue.record import attachment
from selfcue.record.chunk import Chunk, RawMessage, load_chunk
from selfcue.record.convert import from_ros
from selfcue.record.decoder import Decoder, schema_and_type
from selfcue.record.entry import LogEntry, OnDamage, TopicInfo
from selfcue.record.file_bytes import FileBytes
from selfcue.record.layout import END, REPEATED, SOURCE, losses, on_bus
from selfcue.record.scan import ChunkSpan, Damage, scan

if TYPE_CHECKING:
    from typing_extensions import Self


class LogReader:
    """Reads one MCAP file.

    Attributes:
        damage: parts that cannot be used, so far as they are known: all of them for an unfinished file, for a finished
            one those outside of chunks until its messages were read.
        finished: the writer closed the file.
        start_ns, end_ns: log time of the first and last message (0 and 0: no message).
        metadata: the file's metadata records.

    Raises:
        BadInputError: the file is missing or no MCAP.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file = FileBytes(self.path)
        try:
            self._scan = scan(self._file)
            self.finished = self._scan.finished
            self.damage = list(self._scan.damage)
            self.metadata = dict(self._scan.metadata)
            self._chunks = sorted(self._scan.chunks, key=lambda span: span.start_ns)
            self._decoders: dict[int, Decoder] = {}
            self._counts: Counter[int] = Counter()
            if self._scan.indexed and self._scan.statistics is not None:
                self._counts.update(self._scan.statistics.channel_message_counts)
            else:
                self._survey()
        except BaseException:
            self._file.close()
            raise
        filled = [span for span in self._chunks if span.end_ns or span.start_ns]
        self.start_ns = min((span.start_ns for span in filled), default=0)
        self.end_ns = max((span.end_ns for span in filled), default=0)

    def _survey(self) -> None:
        """Open every chunk once: without a summary nothing else tells which channels there are."""
        good = []
        for span in self._chunks:
            try:
                chunk = self._open_chunk(span)
            except ValueError as error:
                self.damage.append(Damage(span.offset, span.size, str(error)))
                continue
            good.append(span)
            self._counts.update(raw.channel for raw in chunk.messages)
        self._chunks = good

    # -- what there is ---------------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: finished, undamaged, and its writer lost nothing."""
        return not self.loss

    @property
    def chunks(self) -> list[ChunkSpan]:
        """Where the chunks lie, in the order of their times."""
        return list(self._chunks)

    def intact(self) -> bool:
        """Open every chunk and tell whether each fits its checksum; nothing is decoded."""
        return all(self._load(span, "skip") is not None for span in self._chunks) and not self.damage

    @property
    def cut_short(self) -> bool:
        """Whether the writer was killed: it neither finished the file nor said why."""
        return not self.finished and END not in self.metadata

    @property
    def loss(self) -> str:
        """What is missing, in one line; empty where nothing is."""
        parts = [] if END not in self.metadata else list(losses(self.metadata[END]))
        if not self.finished and not parts:
            torn = f"; {self._scan.tail} torn bytes at its end" if self._scan.tail else ""
            parts.append(f"the file was not finished: it is whole up to {self.end_ns / 1e9:.3f} s{torn}")
        parts.extend(f"damaged: {damage}" for damage in self.damage)
        return "; ".join(parts)

    def topics(self, before_ns: int | None = None, *, repeated: bool = True) -> dict[str, TopicInfo]:
        """Return all topics, sorted by name.

        Args:
            before_ns: count messages before this log time alone.
            repeated: count those too that an earlier file of the same recording has (see ``Segments``).
        """
        counts = self._counts if before_ns is None else self._counts_before(before_ns)
        found: dict[str, TopicInfo] = {}
        for number, channel in self._scan.channels.items():
            topic, source = on_bus(channel.topic, channel.metadata), channel.metadata.get(SOURCE, "")
            schema, kind = schema_and_type(channel, self._scan)
            before = found.get(topic)
            sources = {source} | set(before.sources if before else ())
            count = counts[number] if repeated or REPEATED not in channel.metadata else 0
            count += before.count if before else 0
            found[topic] = TopicInfo(topic, kind, schema, count, tuple(sorted(sources)))
        return dict(sorted(found.items()))

    def _counts_before(self, before_ns: int) -> Counter[int]:
        counts: Counter[int] = Counter()
        for span in self._chunks:
            if span.start_ns < before_ns and (chunk := self._load(span, "skip")) is not None:
                counts.update(raw.channel for raw in chunk.messages if raw.log_time_ns < before_ns)
        return counts

    def attachment(self, name: str) -> bytes:
        """Return the attachment called ``name``. Raises BadInputError where it is missing or damaged."""
        names = self._scan.attachments
        if name not in names:
            raise BadInputError(f"{self.path} has no attachment {name!r}; it has: {', '.join(names) or 'none'}")
        try:
            return attachment.read(self._file, *names[name])
        except ValueError as error:
            raise BadInputError(f"{self.path}: attachment {name!r} is damaged ({error})") from error

    # -- messages --------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[LogEntry]:
        return self.messages()

    def messages(
        self,
        topics: Collection[str] | None = None,
        *,
        start_ns: int = 0,
        end_ns: int | None = None,
        on_damage: OnDamage = "raise",
        repeated: bool = True,
    ) -> Iterator[LogEntry]:
        """Yield messages in the order of log time, equal times as they were recorded.

        Args:
            topics: these alone (None: all whose type we know).
            start_ns: from this log time on.
            end_ns: before this log time.
            on_damage: what to do about damaged parts; ``skip`` reads the rest and adds to ``damage``.
            repeated: also what an earlier file of the same recording has and this one repeats (see ``Segments``).

        Raises:
            BadInputError: a topic is not in the log or not of a type that we know; a part is damaged; a message does
                not decode.
        """
        if topics is not None:
            known = self.topics()
            for topic in topics:
                if topic not in known or not known[topic].type:
                    readable = ", ".join(name for name, info in known.items() if info.type)
                    raise BadInputError(f"{self.path} has no readable topic {topic!r}; readable: {readable or 'none'}")
        if self.damage and on_damage == "raise":
            raise self._damaged(self.damage[0])
        return self._messages(topics, start_ns, end_ns, on_damage, repeated)

    def _messages(
        self, topics: Collection[str] | None, start_ns: int, end_ns: int | None, on_damage: OnDamage, repeated: bool
    ) -> Iterator[LogEntry]:
        waiting: list[tuple[int, int, int, RawMessage]] = []
        for order, span in enumerate(self._chunks):
            if span.end_ns < start_ns or (end_ns is not None and span.start_ns >= end_ns):
                continue
            while waiting and waiting[0][0] < span.start_ns:
                yield from self._decode(heapq.heappop(waiting)[-1])
            chunk = self._load(span, on_damage)
            for place, raw in enumerate(chunk.messages if chunk else ()):
                inside = raw.log_time_ns >= start_ns and (end_ns is None or raw.log_time_ns < end_ns)
                if inside and self._wanted(raw.channel, topics, repeated=repeated):
                    heapq.heappush(waiting, (raw.log_time_ns, order, place, raw))
        while waiting:
            yield from self._decode(heapq.heappop(waiting)[-1])

    def _load(self, span: ChunkSpan, on_damage: OnDamage) -> Chunk | None:
        try:
            return self._open_chunk(span)
        except ValueError as error:
            damage = Damage(span.offset, span.size, str(error))
            if on_damage == "raise":
                raise self._damaged(damage) from error
            if damage not in self.damage:
                self.damage.append(damage)
            return None

    def _open_chunk(self, span: ChunkSpan) -> Chunk:
        """Return a chunk, its channels noted. Raises ValueError where it is damaged."""
        chunk = load_chunk(self._file, span)
        if not self._scan.indexed:
            self._scan.schemas.update(chunk.schemas)
            self._scan.channels.update(chunk.channels)
        unknown = {raw.channel for raw in chunk.messages}.difference(self._scan.channels)
        if unknown:
            raise ValueError(f"the chunk's messages belong to channels {sorted(unknown)}, which the log does not name")
        return chunk

    def _damaged(self, damage: Damage) -> BadInputError:
        return BadInputError(
            f"{self.path} is damaged: {damage}; mend it with: selfcue log recover {self.path}; or read the rest with "
            "on_damage='skip'"
        )

    def _wanted(self, number: int, topics: Collection[str] | None, *, repeated: bool) -> bool:
        if topics is None and repeated:
            return True
        channel = self._scan.channels.get(number)
        if channel is None:
            return topics is None
        kept = repeated or REPEATED not in channel.metadata
        return kept and (topics is None or on_bus(channel.topic, channel.metadata) in topics)

    def _decode(self, raw: RawMessage) -> Iterator[LogEntry]:
        """Yield the message, or nothing where its type is not one of ours."""
        decoder = self._decoders.get(raw.channel)
        if decoder is None:
            try:
                decoder = Decoder.of(raw.channel, self._scan)
            except BadInputError as error:
                raise BadInputError(f"{self.path}: {error}") from error
            self._decoders[raw.channel] = decoder
        if decoder.codec is None:
            return
        try:
            values = decoder.codec.decode(raw.data)
            message = from_ros(decoder.schema, values, seq=raw.seq, source=decoder.source, kind=decoder.kind)
        except BadInputError as error:
            raise BadInputError(f"{self.path}: {decoder.topic} at {raw.log_time_ns} ns: {error}") from error
        yield LogEntry(decoder.topic, message, raw.log_time_ns)

    # -- end -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
