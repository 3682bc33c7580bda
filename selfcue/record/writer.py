"""Writing of logs: MCAP, profile ``ros2``, our messages as ROS 2 definitions in CDR.

Topics get ROS's leading ``/`` on disk. One channel is one topic, publisher and type; its metadata name the publisher
(``selfcue.source``), the topic as it was (``selfcue.topic``) and our type (``selfcue.type``). Message sequence is
``seq``, log time is the system's time at recording (the tick's in lock-step), publish time is the stamp.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from selfcue import __version__
from selfcue.errors import BadInputError, LossError
from selfcue.messages import Message
from selfcue.record.definitions import schema_text
from selfcue.record.encoder import Encoded, Encoder, Line
from selfcue.record.layout import END, REPEATED, SOURCE, START, TOPIC, TYPE, on_disk, versions
from selfcue.record.mcap_file import Compression, McapFile, Track
from selfcue.record.rules import TopicRule
from selfcue.record.sink import Sink

FLUSH_NS = 1_000_000_000
"""At most so much system time lies in a chunk that is not in the file yet."""
_TEXT_SUFFIXES = (".yaml", ".yml", ".json", ".txt", ".md")

__all__ = ["FLUSH_NS", "Compression", "LogWriter"]


class LogWriter:
    """Writes one MCAP file, from one thread.

    A chunk is written when it has ``chunk_bytes``, when a big message ends it, or when a second of system time has
    passed; what is written outlives this process. ``close`` adds index and summary; a log without them is readable all
    the same.

    Attributes:
        lost: messages by topic that were lost.
        lost_at: the lost ones by ``"TOPIC HOP"``, as far as the hop is known.
        why_lost: what lost the first of them; empty where nothing was lost.

    Args:
        path: file to make; it must not exist.
        chunk_bytes: size of a chunk before compression.
        compression: of chunks; lz4 costs the least, zstd gives the smallest files.
        rules: what to do with topics, by topic or pattern (see ``TopicRule``); the first match counts.
        metadata: further entries of the log's first metadata record.
        attachments: files to put in, text or bytes by name (the launch file, say).
        throttles: where the throttles of an earlier log stood (see the property), for a log that goes on with it.
        encoder: encodes in place of one of its own with ``rules`` and ``throttles``: files of one recording share it.
        crc: whether chunks carry checksums. Without them damage is not found: for comparisons of speed alone.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        chunk_bytes: int = 1 << 20,
        compression: Compression = "lz4",
        rules: Mapping[str, TopicRule] | None = None,
        metadata: Mapping[str, str] | None = None,
        attachments: Mapping[str, str | bytes] | None = None,
        throttles: Iterable[tuple[str, str, int]] = (),
        encoder: Encoder | None = None,
        crc: bool = True,
    ) -> None:
        if not 1 << 10 <= chunk_bytes <= 1 << 28:
            raise BadInputError(f"chunk_bytes {chunk_bytes} is outside 1024 to {1 << 28}")
        self.path = Path(path)
        self.lost: Counter[str] = Counter()
        self.lost_at: Counter[str] = Counter()
        self.why_lost = ""
        self._encoder = encoder or Encoder(rules or {}, throttles)
        self._throttled_before = Counter(self._encoder.throttled)
        self._schemas: dict[str, int] = {}
        self._tracks: dict[Line, Track] = {}
        self._repeated: dict[Line, Track] = {}
        self._flushed_ns: int | None = None
        self._open = False
        self._sink = Sink(self.path)
        try:
            self._file = McapFile(self._sink, chunk_bytes=chunk_bytes, compression=compression, crc=crc)
            self._begin(dict(metadata or {}), dict(attachments or {}))
            self._open = True
        except BaseException:
            self._sink.discard()
            raise

    def _begin(self, metadata: dict[str, str], attachments: dict[str, str | bytes]) -> None:
        self._file.begin("ros2", f"selfcue {__version__}")
        told = json.dumps({pattern: asdict(rule) for pattern, rule in self._encoder.rules.items()})
        self._file.metadata(START, {"versions": versions(), **metadata, "format": "1", "rules": told})
        for name, data in attachments.items():
            text = isinstance(data, str) or name.endswith(_TEXT_SUFFIXES)
            kind = "text/plain" if text else "application/octet-stream"
            self._file.attachment(name, kind, data.encode() if isinstance(data, str) else data)

    # -- messages --------------------------------------------------------------------------------------------------

    def write(self, topic: str, message: Message, log_time_ns: int) -> bool:
        """Add ``message``; return False where the topic's throttle left it out.

        Raises:
            BadInputError: the message cannot be recorded (see ``to_ros``), or its ``seq`` or time is out of range.
            LossError: the disk is full; the log ends with its last whole chunk and takes no more.
        """
        if not self._open:
            raise LossError(f"{self.path} is closed; it takes no more messages")
        if not 0 <= log_time_ns < 1 << 63:
            raise BadInputError(f"{topic}: log time {log_time_ns} ns is out of range")
        encoded = self._encoder.encode(topic, message)
        if encoded is None:
            return False
        self.put(encoded, log_time_ns)
        return True

    def put(self, encoded: Encoded, log_time_ns: int, *, repeated: bool = False) -> None:
        """Add a message that is encoded already. ``repeated``: an earlier file of the same recording has it too.

        Raises:
            LossError: see ``write``.
        """
        if not self._open:
            raise LossError(f"{self.path} is closed; it takes no more messages")
        tracks = self._repeated if repeated else self._tracks
        track = tracks.get(encoded.line) or self._track(encoded.line, tracks)
        pieces, stamp_ns = encoded.pieces, encoded.stamp_ns
        try:
            if len(pieces) == 1:
                self._file.add(track, log_time_ns, stamp_ns, encoded.seq, pieces[0])
            else:
                self._file.add_pieces(track, log_time_ns, stamp_ns, encoded.seq, pieces)
        except LossError as error:
            self._abandon(error)
            raise
        if self._flushed_ns is None or not 0 <= log_time_ns - self._flushed_ns < FLUSH_NS:
            self.tick(log_time_ns)

    @property
    def open(self) -> bool:
        """Whether the log takes messages."""
        return self._open

    @property
    def counts(self) -> Counter[str]:
        """Messages by topic that are in the file."""
        found: Counter[str] = Counter()
        for tracks in (self._tracks, self._repeated):
            for line, track in tracks.items():
                found[line.topic] += track.count
        return +found

    @property
    def repeated(self) -> Counter[str]:
        """Those of them that an earlier file has too."""
        found: Counter[str] = Counter()
        for line, track in self._repeated.items():
            found[line.topic] += track.count
        return +found

    @property
    def nbytes(self) -> int:
        """How many bytes are in the file."""
        return self._sink.tell()

    @property
    def throttled(self) -> Counter[str]:
        """Messages by topic that were left out as the rules say."""
        return self._encoder.throttled - self._throttled_before

    @property
    def throttles(self) -> list[tuple[str, str, int]]:
        """Where each throttle stands: topic, source, period."""
        return self._encoder.throttles

    def note_lost(self, topic: str, why: str, *, hop: str = "", number: int = 1) -> None:
        """Count messages that did not reach the log; the log will say that it is incomplete."""
        self.lost[topic] += number
        if hop:
            self.lost_at[f"{topic} {hop}"] += number
        self.why_lost = self.why_lost or why

    def tick(self, now_ns: int) -> None:
        """Write out what waits, where a second has passed since the last time."""
        if self._flushed_ns is None:
            self._flushed_ns = now_ns
        elif not 0 <= now_ns - self._flushed_ns < FLUSH_NS:
            self._flushed_ns = now_ns
            self.flush()

    def flush(self) -> None:
        """Write out what waits: from now on it outlives this process."""
        if self._open:
            with self._guard():
                self._file.flush()

    def sync(self) -> None:
        """Bring what is written onto the disk itself, so that it outlives a power cut. From any thread."""
        self._sink.sync()

    def close(self, metadata: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Finish the file: counts, ``metadata`` (further records by name), index. Harmless when closed already."""
        if not self._open:
            return
        self.flush()
        with self._guard():
            for name, entries in (metadata or {}).items():
                self._file.metadata(name, entries)
            self._file.metadata(END, self._end())
            self._file.finish()
            self._sink.sync()
        self._open = False
        self._sink.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _track(self, line: Line, tracks: dict[Line, Track]) -> Track:
        """Return the channel of ``line``, registered at its first message."""
        if line.schema not in self._schemas:
            self._schemas[line.schema] = self._file.schema(line.schema, schema_text(line.schema))
        about = {"offered_qos_profiles": "", TOPIC: line.topic, TYPE: line.kind, SOURCE: line.source}
        if tracks is self._repeated:
            about[REPEATED] = "true"
        name = on_disk(line.topic, compressed=line.compressed)
        tracks[line] = self._file.track(name, self._schemas[line.schema], about)
        return tracks[line]

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except LossError as error:
            self._abandon(error)
            raise

    def _abandon(self, error: LossError) -> None:
        """Close the file unfinished, with its last whole chunk; say why in it, where that little still fits."""
        for tracks in (self._tracks, self._repeated):
            for line, track in tracks.items():
                if track.lost:
                    self.note_lost(line.topic, str(error), hop="disk", number=track.lost)
        self._open = False
        self.why_lost = str(error)
        with suppress(LossError):
            self._file.metadata(END, self._end())
        self._sink.close()

    def _end(self) -> dict[str, str]:
        counters = {"counts": self.counts, "throttled": self.throttled, "lost": self.lost, "lost_at": self.lost_at}
        end = {name: json.dumps(dict(sorted(counter.items()))) for name, counter in counters.items()}
        lost = bool(self.why_lost or self.lost)
        status = "INCOMPLETE" if lost else "COMPLETE"
        return end | {"status": status, "complete": "false" if lost else "true", "why_lost": self.why_lost}
