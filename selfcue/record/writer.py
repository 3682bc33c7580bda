"""Writing of logs: MCAP, profile ``ros2``, our messages as ROS 2 definitions in CDR.

Source of the format: https://mcap.dev/spec. Topics get ROS's leading ``/`` on disk. One channel is one topic, publisher
and type; its metadata name the publisher (``selfcue.source``), the topic as it was (``selfcue.topic``) and our type
(``selfcue.type``). Message sequence is ``seq``, log time is the system's time at recording (the tick's in lock-step),
publish time is the stamp.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from mcap.data_stream import RecordBuilder
from mcap.records import Metadata
from mcap.writer import CompressionType, Writer

from selfcue import __version__
from selfcue.errors import BadInputError, LossError
from selfcue.messages import Image, Message, type_name
from selfcue.record import jpeg
from selfcue.record.cdr import CdrCodec
from selfcue.record.convert import BY_KIND, to_ros
from selfcue.record.definitions import codec, schema_text
from selfcue.record.fields import header
from selfcue.record.layout import END, SOURCE, START, TOPIC, TYPE, on_disk, versions
from selfcue.record.rules import Throttle, TopicRule, rule_for
from selfcue.record.sink import Sink

MAX_SEQ = (1 << 32) - 1
FLUSH_NS = 1_000_000_000
"""At most so much system time lies in a chunk that is not in the file yet."""
_COMPRESSION = {"lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD, "none": CompressionType.NONE}
Compression = Literal["lz4", "zstd", "none"]


@dataclass(frozen=True)
class _Channel:
    number: int
    codec: CdrCodec
    throttle: Throttle | None
    jpeg: int | None


class LogWriter:
    """Writes one MCAP file, from one thread.

    A chunk is written when it has ``chunk_bytes`` or a second of system time has passed; what is written outlives this
    process. ``close`` adds index and summary; a log without them is readable all the same.

    Attributes:
        counts, throttled, lost: messages by topic: in the file, left out as the rules say, and lost.
        why_lost: what lost the first of them; empty where nothing was lost.

    Args:
        path: file to make; it must not exist.
        chunk_bytes: size of a chunk before compression.
        compression: of chunks; lz4 costs the least, zstd gives the smallest files.
        rules: what to do with topics, by topic or pattern (see ``TopicRule``); the first match counts.
        metadata: further entries of the log's first metadata record.
        attachments: files to put in, text by name (the launch file, say).
        throttles: where the throttles of an earlier log stood (see the property), for a log that goes on with it.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        chunk_bytes: int = 1 << 20,
        compression: Compression = "lz4",
        rules: Mapping[str, TopicRule] | None = None,
        metadata: Mapping[str, str] | None = None,
        attachments: Mapping[str, str] | None = None,
        throttles: Iterable[tuple[str, str, int]] = (),
    ) -> None:
        if compression not in _COMPRESSION:
            raise BadInputError(f"compression {compression!r} is not known; use one of {', '.join(_COMPRESSION)}")
        if not 1 << 10 <= chunk_bytes <= 1 << 28:
            raise BadInputError(f"chunk_bytes {chunk_bytes} is outside 1024 to {1 << 28}")
        self.path = Path(path)
        self.counts: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self._rules = dict(rules or {})
        self._matched: dict[str, TopicRule] = {}
        self._schemas: dict[str, int] = {}
        self._channels: dict[tuple[str, str, str], _Channel] = {}
        self._flushed_ns: int | None = None
        self._waiting: Counter[str] = Counter()
        self._throttles: dict[tuple[str, str], Throttle] = {}
        for topic, source, slot in throttles:
            rule = rule_for(topic, self._rules)
            if rule.max_hz is not None:
                self._throttles[topic, source] = Throttle(rule.max_hz, slot)
        self.why_lost = ""
        self._sink = Sink(self.path)
        self._open = True
        self._mcap: Any = Writer(cast(Any, self._sink), chunk_bytes, compression=_COMPRESSION[compression])
        try:
            self._begin(dict(metadata or {}), dict(attachments or {}))
        except BaseException:
            self._sink.close()
            raise

    def _begin(self, metadata: dict[str, str], attachments: dict[str, str]) -> None:
        rules = {pattern: asdict(rule) for pattern, rule in self._rules.items()}
        self._mcap.start(profile="ros2", library=f"selfcue {__version__}")
        first = {"format": "1", "versions": versions(), "rules": json.dumps(rules)}
        self._mcap.add_metadata(START, metadata | first)
        for name, text in attachments.items():
            self._mcap.add_attachment(0, 0, name, "text/plain", text.encode())

    # -- messages --------------------------------------------------------------------------------------------------

    def write(self, topic: str, message: Message, log_time_ns: int) -> bool:
        """Add ``message``; return False where the topic's throttle left it out.

        Raises:
            BadInputError: the message cannot be recorded (see ``to_ros``), or its ``seq`` or time is out of range.
            LossError: the disk is full; the log ends with its last whole chunk and takes no more.
        """
        if not self._open:
            raise LossError(f"{self.path} is closed; it takes no more messages")
        if not 0 <= message.seq <= MAX_SEQ or not 0 <= log_time_ns < 1 << 63:
            raise BadInputError(f"{topic}: seq {message.seq} or log time {log_time_ns} ns is out of range")
        channel = self._channel(topic, message)
        if channel.throttle is not None and not channel.throttle.admits(message.stamp_ns):
            self.throttled[topic] += 1
            return False
        if channel.jpeg is not None:
            values = jpeg.encode(cast(Image, message), channel.jpeg) | {"header": header(message)}
        else:
            _, values = to_ros(message)
        data = channel.codec.encode(values)
        before = self._sink.tell()
        self._waiting[topic] += 1
        try:
            self._mcap.add_message(channel.number, log_time_ns, data, message.stamp_ns, message.seq)
        except LossError as error:
            self._abandon(before, error)
            raise
        if self._sink.tell() != before:
            self._settle()
        if self._flushed_ns is None or not 0 <= log_time_ns - self._flushed_ns < FLUSH_NS:
            self.tick(log_time_ns)
        return True

    @property
    def open(self) -> bool:
        """Whether the log takes messages."""
        return self._open

    @property
    def throttles(self) -> list[tuple[str, str, int]]:
        """Where each throttle stands: topic, source, period."""
        return [(topic, source, one.slot) for (topic, source), one in sorted(self._throttles.items())]

    def note_lost(self, topic: str, why: str) -> None:
        """Count a message that did not reach the log; the log will say that it is incomplete."""
        self.lost[topic] += 1
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
                self._mcap.flush()
            self._settle()

    def close(self) -> None:
        """Finish the file: index, counts, checksums. Harmless when closed already."""
        if not self._open:
            return
        self.flush()
        with self._guard():
            self._mcap.add_metadata(END, self._end())
            self._mcap.finish()
            self._sink.sync()
        self._open = False
        self._sink.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _channel(self, topic: str, message: Message) -> _Channel:
        """Return the channel of ``message``, registered at its first."""
        kind = type_name(message)
        rule = self._matched.get(topic)
        if rule is None:
            rule = self._matched[topic] = rule_for(topic, self._rules)
        as_jpeg = rule.jpeg is not None and isinstance(message, Image) and jpeg.fits(message)
        key = (topic, message.source, "jpeg" if as_jpeg else kind)
        if key in self._channels:
            return self._channels[key]
        if type(message) not in BY_KIND:
            raise BadInputError(f"{topic}: messages of type {kind} cannot be recorded")
        schema = "sensor_msgs/msg/CompressedImage" if as_jpeg else BY_KIND[type(message)].schema
        if schema not in self._schemas:
            self._schemas[schema] = self._mcap.register_schema(schema, "ros2msg", schema_text(schema).encode())
        about = {"offered_qos_profiles": "", TOPIC: topic, TYPE: kind, SOURCE: message.source}
        number = self._mcap.register_channel(on_disk(topic, jpeg=as_jpeg), "cdr", self._schemas[schema], about)
        throttle = None
        if rule.max_hz is not None:
            throttle = self._throttles.setdefault((topic, message.source), Throttle(rule.max_hz))
        self._channels[key] = _Channel(number, codec(schema), throttle, rule.jpeg if as_jpeg else None)
        return self._channels[key]

    @contextmanager
    def _guard(self) -> Iterator[None]:
        before = self._sink.tell()
        try:
            yield
        except LossError as error:
            self._abandon(before, error)
            raise

    def _settle(self) -> None:
        """What waited is in the file now."""
        self.counts.update(self._waiting)
        self._waiting.clear()

    def _abandon(self, before: int, error: LossError) -> None:
        """Close an unfinished file of which ``before`` bytes were good; say why in it, where that little still fits."""
        if self._sink.tell() == before:
            self.lost.update(self._waiting)
        else:
            self._settle()  # the chunk got out, its index did not
        self._open = False
        self.why_lost = str(error)
        record = RecordBuilder()
        Metadata(END, self._end()).write(record)
        with suppress(LossError):
            self._sink.write(cast(Any, record).end())
        self._sink.close()

    def _end(self) -> dict[str, str]:
        counters = {"counts": self.counts, "throttled": self.throttled, "lost": self.lost}
        end = {name: json.dumps(dict(sorted(counter.items()))) for name, counter in counters.items()}
        return end | {"complete": "false" if self.why_lost else "true", "why_lost": self.why_lost}
