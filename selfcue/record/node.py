"""The recorder: a node that writes what it hears into the run's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from selfcue.errors import BadInputError, LossError, UsageError
from selfcue.messages import MESSAGE_TYPES, Image, Message
from selfcue.node import Link, Node
from selfcue.optional import require
from selfcue.record.layout import SUPERSEDES
from selfcue.record.rules import TopicRule
from selfcue.record.run_log import FOLDER, next_segment
from selfcue.record.standard_topics import STANDARD_TOPICS, Recorded
from selfcue.record.writer import Compression, LogWriter
from selfcue.state import State

ATTACHED = "system.json"
"""The resolved launch file, which a run keeps in its folder; it goes into every segment."""
_COUNTERS = ("counts", "throttled", "lost")


@dataclass(frozen=True)
class RecorderParams:
    """Settings of the recorder.

    Attributes:
        topics: what to record, by topic (see ``Recorded``).
        folder: where segments go, relative to the run's folder.
        compression: of chunks: lz4, zstd or none.
        chunk_bytes: size of a chunk before compression.
    """

    topics: dict[str, Recorded] = field(default_factory=lambda: dict(STANDARD_TOPICS))
    folder: str = FOLDER
    compression: Compression = "lz4"
    chunk_bytes: int = 1 << 20


class RecorderNode(Node):
    """Writes one segment per start or resume (see ``run_log``); log time is the system's time at handling.

    A message that cannot be recorded, and every message after the disk is full, is counted by topic; the first is
    journalled, the log says that it is incomplete, and ``deactivate`` raises LossError (exit code 5).
    """

    Params = RecorderParams

    def __init__(self, name: str, params: RecorderParams) -> None:
        super().__init__(name, params)
        self._settings = params
        self._rules: dict[str, TopicRule] = {}
        self._link: Link | None = None
        self._writer: LogWriter | None = None
        self._stepped_ns: int | None = None
        self._before: dict[str, Counter[str]] = {counter: Counter() for counter in _COUNTERS}
        self._journalled: set[str] = set()

    def configure(self, link: Link) -> None:
        if not self._settings.topics:
            raise BadInputError("'topics' is empty; name what to record, for example: {imu: {type: Imu}}")
        self._link = link
        for topic, recorded in self._settings.topics.items():
            kind = MESSAGE_TYPES.get(recorded.type)
            if kind is None:
                known = ", ".join(sorted(MESSAGE_TYPES))
                raise BadInputError(f"topic {topic!r} has type {recorded.type!r}, which is not known; known: {known}")
            if recorded.jpeg is not None:
                if kind is not Image:
                    raise BadInputError(f"topic {topic!r} carries {recorded.type}; only Image can be stored as jpeg")
                require("cv2", extra="vision")
            self._rules[topic] = TopicRule(recorded.jpeg, recorded.max_hz)
            link.subscribe(topic, kind, self._handler(topic))

    def activate(self) -> None:
        if self._writer is None:
            self._begin(supersedes_from_ns=0, throttles=[])

    def load_state(self, state: State) -> None:
        self._stepped_ns = state.meta["stepped_ns"]
        self._before = {counter: Counter(state.meta[counter]) for counter in _COUNTERS}
        begin_ns = 0 if self._stepped_ns is None else self._stepped_ns + 1
        self._begin(supersedes_from_ns=begin_ns, throttles=state.meta["throttles"])

    def state(self) -> State:
        """Counts by topic over all segments, and where the throttles stand; all that was heard is in the file then."""
        writer = self._log
        self._guard(writer.flush)
        counters = {counter: dict(sorted(self._total(counter).items())) for counter in _COUNTERS}
        throttles = [list(one) for one in writer.throttles]
        return State({**counters, "stepped_ns": self._stepped_ns, "throttles": throttles})

    def step(self, now_ns: int) -> None:
        self._stepped_ns = now_ns
        self._guard(lambda: self._log.tick(now_ns))

    def deactivate(self) -> None:
        if self._writer is None:
            return
        self._guard(self._writer.close)
        if self._writer.why_lost or self._total("lost"):
            lost = self._total("lost")
            listed = ", ".join(f"{topic} {count}" for topic, count in sorted(lost.items()))
            raise LossError(
                f"{self._writer.path} is incomplete: {lost.total()} messages were lost ({listed or 'none counted'}); "
                f"{self._writer.why_lost}"
            )

    def close(self) -> None:
        if self._writer is not None:
            self._guard(self._writer.close)

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _log(self) -> LogWriter:
        if self._writer is None:
            raise UsageError("the recorder was used before it was activated")
        return self._writer

    def _begin(self, *, supersedes_from_ns: int, throttles: list[tuple[str, str, int]]) -> None:
        if self._link is None:
            raise UsageError("the recorder was activated before it was configured")
        run_dir = self._link.run_dir
        path = next_segment(run_dir / self._settings.folder)
        attached = run_dir / ATTACHED
        self._writer = LogWriter(
            path,
            chunk_bytes=self._settings.chunk_bytes,
            compression=self._settings.compression,
            rules=self._rules,
            metadata={"segment": path.stem, SUPERSEDES: str(supersedes_from_ns)},
            attachments={ATTACHED: attached.read_text()} if attached.is_file() else {},
            throttles=throttles,
        )

    def _handler(self, topic: str) -> Callable[[Message], None]:
        def handle(message: Message) -> None:
            if self._link is None or not self._log.open:
                self._log.note_lost(topic, "")
                return
            try:
                self._log.write(topic, message, self._link.now_ns())
            except BadInputError as error:
                self._log.note_lost(topic, str(error))
                self._journal("recording_refused", topic, error)
            except LossError as error:
                self._journal("recording_stopped", "", error)

        return handle

    def _guard(self, act: Callable[[], None]) -> None:
        """Do something to the file; a full disk ends the log, not the run."""
        try:
            act()
        except LossError as error:
            self._journal("recording_stopped", "", error)

    def _journal(self, kind: str, topic: str, error: Exception) -> None:
        if self._link is not None and (kind + topic) not in self._journalled:
            self._journalled.add(kind + topic)
            self._link.journal(kind, topic=topic, why=str(error))

    def _total(self, counter: str) -> Counter[str]:
        """Return a counter over this segment and those before it."""
        now = Counter[str]() if self._writer is None else getattr(self._writer, counter)
        return self._before[counter] + now
