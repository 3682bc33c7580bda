"""The recorder's hand: encodes messages and puts them into files, or into a ring that is written out when asked for.

It belongs to one thread; ``selfcue.record.recorder`` gives it one.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from selfcue.errors import BadInputError, LossError, UsageError
from selfcue.messages import Message
from selfcue.record.encoder import Encoder
from selfcue.record.fields import NS
from selfcue.record.keeping import Keeping, Place
from selfcue.record.provenance import CHECKPOINTS, checkpoints, origin_of
from selfcue.record.ring import Ring
from selfcue.record.rules import TopicRule
from selfcue.record.segments import Segments
from selfcue.record.writer import LogWriter

MB = 1_000_000
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class Snapshot(msgspec.Struct, frozen=True):
    """Request: write out the last ``seconds`` (0: all that is held); ``reason`` goes into name and metadata."""

    reason: str = ""
    seconds: float = 0.0


class Snapped(msgspec.Struct, frozen=True):
    """Reply: what is being written, and where."""

    path: str
    messages: int
    from_ns: int
    to_ns: int


class Scribe:
    """Writes what it is given.

    Attributes:
        events: what went wrong, oldest first, for a journal: kind, topic, why. Whoever reads takes them out.

    Args:
        place: where to.
        keeping: how.
        rules: what is done to topics (see ``TopicRule``).
        begin_ns: log time from which this replaces what lies in the folder already.
        throttles: where those of an earlier recording stood.
    """

    def __init__(
        self,
        place: Place,
        keeping: Keeping,
        rules: Mapping[str, TopicRule],
        *,
        begin_ns: int = 0,
        throttles: list[tuple[str, str, int]] | None = None,
    ) -> None:
        self.events: deque[tuple[str, str, str]] = deque(maxlen=100)
        self._place, self._keeping, self._rules = place, keeping, dict(rules)
        self._origin = origin_of(place.run_dir)
        self._encoder = Encoder(rules, throttles or ())
        self._lost_at: Counter[tuple[str, str]] = Counter()  # of a ring; a file keeps its own
        self._why_lost = ""
        self._snapped = 0
        self._ended = False
        self._ring: Ring | None = None
        self._segments: Segments | None = None
        if keeping.snapshot_s:
            self._ring = Ring(round(keeping.snapshot_s * NS), round(keeping.snapshot_mb * MB))
        else:
            self._segments = Segments(
                place.next_path,
                self._writer,
                split_bytes=round(keeping.split_mb * MB),
                split_ns=round(keeping.split_s * NS),
                begin_ns=begin_ns,
                close_with=self._last_words,
            )

    # -- recording -------------------------------------------------------------------------------------------------

    def record(self, topic: str, message: Message, log_time_ns: int) -> None:
        """Take in one message; what cannot be recorded is counted."""
        if self.stopped:
            self.note_lost(topic, self.why_lost, "disk")
            return
        try:
            if not 0 <= log_time_ns < 1 << 63:
                raise BadInputError(f"{topic}: log time {log_time_ns} ns is out of range")
            encoded = self._encoder.encode(topic, message)
            if encoded is None:
                return
            if self._ring is not None:
                self._ring.add(encoded, log_time_ns)
            elif self._segments is not None:
                self._segments.put(encoded, log_time_ns)
        except BadInputError as error:
            self.note_lost(topic, str(error), "recorder")
            self.events.append(("recording_refused", topic, str(error)))
        except LossError as error:
            self._stopped(error)

    def tick(self, now_ns: int) -> None:
        """Write out what waits, where a second has passed since the last time."""
        if self._segments is not None:
            self._guard(lambda writer: writer.tick(now_ns))

    def flush(self) -> None:
        """Write out what waits."""
        if self._segments is not None:
            self._guard(LogWriter.flush)

    def sync(self) -> None:
        """Bring what is written onto the disk. From any thread."""
        if self._segments is not None:
            self._segments.writer.sync()

    def note_lost(self, topic: str, why: str, hop: str, number: int = 1) -> None:
        """Count messages that were lost at ``hop``; the log will say so."""
        if self._segments is not None:
            self._segments.writer.note_lost(topic, why, hop=hop, number=number)
        else:
            self._lost_at[topic, hop] += number
            self._why_lost = self._why_lost or why

    def close(self) -> None:
        """Finish the file."""
        if self._segments is not None:
            self._ended = True
            try:
                self._segments.close()
            except LossError as error:
                self._stopped(error)

    # -- snapshots -------------------------------------------------------------------------------------------------

    def snapshot(self, request: Snapshot) -> tuple[Snapped, Callable[[], None]]:
        """Return what is written out, and the act of writing it, which may be done in another thread.

        Raises:
            UsageError: there is no ring.
            BadInputError: the ring is empty, or ``seconds`` is out of range.
        """
        if self._ring is None:
            raise UsageError("this recorder writes files and holds no ring; give it snapshot_s")
        if not 0 <= request.seconds <= 1e6:
            raise BadInputError(f"a snapshot of {request.seconds:g} s; give 0 (all that is held) to 1e6")
        held, taken = self._ring.recent(round(request.seconds * NS))
        if not taken:
            raise BadInputError("nothing was heard yet; there is nothing to write")
        from_ns, to_ns = taken[0][0], taken[-1][0]
        wanted_s = min(request.seconds or self._keeping.snapshot_s, self._keeping.snapshot_s)
        about = {
            "reason": request.reason,
            "asked_s": f"{wanted_s:g}",
            "held_s": f"{(to_ns - from_ns) / NS:.3f}",
            "squeezed": str(self._ring.squeezed),
        }
        path = self._snapshot_path(request.reason)
        lost, why = dict(self._lost_at), self.why_lost

        def write() -> None:
            writer = self._writer(path, about)
            for (topic, hop), number in lost.items():
                writer.note_lost(topic, why, hop=hop, number=number)
            for encoded in held:
                writer.put(encoded, from_ns, repeated=True)
            for log_time_ns, encoded in taken:
                writer.put(encoded, log_time_ns)
            writer.close(self._last_words())

        return Snapped(str(path), len(taken), from_ns, to_ns), write

    def _snapshot_path(self, reason: str) -> Path:
        """Return a name that no snapshot has yet."""
        name = _NO_NAME.sub("-", reason).strip("-")[:40]
        while any(self._place.snapshots.glob(f"{self._snapped:04d}*")):
            self._snapped += 1
        path = self._place.snapshots / (f"{self._snapped:04d}" + (f"-{name}" if name else "") + ".mcap")
        self._snapped += 1  # it is written later, perhaps by another thread
        return path

    # -- what came of it -------------------------------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """Whether nothing is written any more. From any thread: between two files of a split, this is not so."""
        return self._ended

    @property
    def counts(self) -> Counter[str]:
        """Messages by topic that are in files."""
        return self._segments.counts if self._segments is not None else Counter()

    @property
    def lost(self) -> Counter[str]:
        """Messages by topic that were lost, over all files."""
        if self._segments is not None:
            return self._segments.lost
        lost: Counter[str] = Counter()
        for (topic, _), number in self._lost_at.items():
            lost[topic] += number
        return lost

    @property
    def why_lost(self) -> str:
        """What lost the first of them; empty where nothing was lost."""
        return self._segments.why_lost if self._segments is not None else self._why_lost

    @property
    def throttled(self) -> Counter[str]:
        """Messages by topic that were left out as the rules say."""
        return self._encoder.throttled

    @property
    def throttles(self) -> list[tuple[str, str, int]]:
        """Where each throttle stands (see ``Encoder``)."""
        return self._encoder.throttles

    @property
    def paths(self) -> list[Path]:
        """Files of the recording, snapshots apart."""
        return list(self._segments.paths) if self._segments is not None else []

    @property
    def loss(self) -> str:
        """What was lost, in one line; empty where nothing was."""
        lost = self.lost
        if not lost and not self.why_lost:
            return ""
        listed = ", ".join(f"{topic} {count}" for topic, count in sorted(lost.items()))
        what = str(self.paths[-1]) if self.paths else "what is held for snapshots"
        return f"{what} is incomplete: {lost.total()} messages were lost ({listed or 'none counted'}); {self.why_lost}"

    # -- inside ----------------------------------------------------------------------------------------------------

    def _writer(self, path: Path, about: dict[str, str]) -> LogWriter:
        return LogWriter(
            path,
            chunk_bytes=self._keeping.chunk_bytes,
            compression=self._keeping.compression,
            encoder=self._encoder,
            metadata={**self._origin.metadata, **about},
            attachments=self._origin.attachments,
        )

    def _last_words(self) -> dict[str, dict[str, str]]:
        """Return the last metadata of a file: the checkpoints as they are now."""
        run_dir = self._place.run_dir
        found = checkpoints(run_dir) if run_dir is not None else {}
        return {CHECKPOINTS: found} if found else {}

    def _guard(self, act: Callable[[LogWriter], None]) -> None:
        """Do something to the file; a full disk ends the log, not the run."""
        assert self._segments is not None
        try:
            act(self._segments.writer)
        except LossError as error:
            self._stopped(error)

    def _stopped(self, error: LossError) -> None:
        self._ended = True
        self.events.append(("recording_stopped", "", str(error)))
