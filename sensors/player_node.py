"""The log player: any recorded log as the system's clock and source of messages, in lock-step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from selfcue.errors import BadInputError
from selfcue.messages import Message
from selfcue.node import ClockOwner, Link, Publisher
from selfcue.sensors.readers import HasMoments, LogReader, Moment, moments, open_log
from selfcue.state import State

DRAIN_TICKS = 4
"""Ticks after the last moment, so that what it set off reaches the end of the chain of nodes."""

_DRAIN_NS = 1_000_000


@dataclass(frozen=True)
class PlayerParams:
    """Settings of the player. Its speed is the launch file's ``rate`` (0: as fast as the machine allows).

    Attributes:
        path: the log: a file or folder that a registered reader knows.
        start_s: where to begin, in seconds from the log's start.
        duration_s: how much of the log to play [s]; 0 plays to its end.
        frame_from, frame_to: play frames with this index and before that one, counted from 0 in the log's order (file
            numbers may have gaps); ``frame_to`` 0 plays to the end. For logs of frames only.
        stop_after_frames: stop after so many moments (frames); 0 does not.
        loop: begin again at the end, with stamps that go on; needs a limit elsewhere or Ctrl-C.
        topics: play these topics only; empty plays all.
    """

    path: str
    start_s: float = 0.0
    duration_s: float = 0.0
    frame_from: int = 0
    frame_to: int = 0
    stop_after_frames: int = 0
    loop: bool = False
    topics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("start_s", "duration_s", "frame_from", "frame_to", "stop_after_frames"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.frame_to and self.frame_to <= self.frame_from:
            raise ValueError(f"frame_to is {self.frame_to}; it must be larger than frame_from ({self.frame_from})")
        if (self.frame_from or self.frame_to) and (self.start_s or self.duration_s):
            raise ValueError("give start_s and duration_s, or frame_from and frame_to, not both")


class PlayerNode(ClockOwner):
    """One tick per moment of the log: the frames of a rig, or the messages of one stamp. A tick's time is its moment's.

    After the last moment ``DRAIN_TICKS`` empty ticks follow. A missing or damaged file in the log raises BadInputError
    in the tick whose turn it is.
    """

    Params = PlayerParams
    params: PlayerParams

    def __init__(self, name: str, params: PlayerParams) -> None:
        super().__init__(name, params)
        self._source: Iterator[Moment] | None = None
        self._pending: Moment | None = None
        self._offset_ns = 0  # added to stamps: grows with each loop
        self._log_ns: int | None = None  # the log's stamp of the last moment played; None at the start of a loop
        self._tick_ns: int | None = None
        self._played = 0
        self._loops = 0
        self._drained = 0
        self._ended = False

    def configure(self, link: Link) -> None:
        self._reader: LogReader = open_log(self.params.path)
        offered = dict(self._reader.topics())
        unknown = sorted(set(self.params.topics) - set(offered))
        if unknown:
            raise BadInputError(f"{self.params.path}: has no topic {unknown[0]!r}; it has {', '.join(sorted(offered))}")
        self._from_ns, self._to_ns = self._range_ns()
        self._latched = self._reader.latched_topics
        chosen = [topic for topic in sorted(offered) if not self.params.topics or topic in self.params.topics]
        self._publishers: dict[str, Publisher[Message]] = {
            topic: link.advertise(topic, offered[topic], latched=topic in self._latched) for topic in chosen
        }

    @property
    def frames_played(self) -> int:
        """Moments published so far."""
        return self._played

    def next_tick_ns(self) -> int | None:
        moment = self._peek()
        if moment is not None:
            self._tick_after(moment.stamp_ns + self._offset_ns)
            return moment.stamp_ns + self._offset_ns
        if self._tick_ns is None:
            raise BadInputError(f"{self.params.path}: holds no message in the chosen part; choose another part")
        return None if self._drained >= DRAIN_TICKS else self._tick_ns + _DRAIN_NS

    def step(self, now_ns: int) -> None:
        moment = self._peek()
        self._tick_ns = now_ns
        if moment is None:
            self._drained += 1
            return
        fresh = self._log_ns is None and self._loops == 0
        for stamp_ns, topic, message in moment.entries:
            held = topic in self._latched and stamp_ns <= (self._log_ns or moment.stamp_ns) and not fresh
            if topic in self._publishers and not held:
                shifted = msgspec.structs.replace(message, stamp_ns=message.stamp_ns + self._offset_ns)
                self._publishers[topic].publish(shifted)
        self._log_ns = moment.stamp_ns
        self._pending = None
        self._played += 1

    def _range_ns(self) -> tuple[int | None, int | None]:
        """Return the first stamp to play and the first not to play any more; None has no limit."""
        params = self.params
        if params.frame_from or params.frame_to:
            if not isinstance(self._reader, HasMoments):
                raise BadInputError(f"{params.path}: this log has no frames to count; use start_s and duration_s")
            stamps = self._reader.moment_stamps()
            if params.frame_from >= len(stamps):
                raise BadInputError(
                    f"{params.path}: frame_from is {params.frame_from}, the log has {len(stamps)} frames"
                )
            to_ns = stamps[params.frame_to] if params.frame_to and params.frame_to < len(stamps) else None
            return stamps[params.frame_from] if params.frame_from else None, to_ns
        start_ns = self._reader.start_ns + round(params.start_s * 1e9)
        if start_ns > self._reader.end_ns:
            length_s = (self._reader.end_ns - self._reader.start_ns) * 1e-9
            raise BadInputError(f"{params.path}: start_s is {params.start_s:g}, the log is {length_s:.2f} s long")
        to_ns = start_ns + round(params.duration_s * 1e9) if params.duration_s else None
        return start_ns if params.start_s else None, to_ns

    def _peek(self) -> Moment | None:
        """Return the moment that is played next, reading it where that was not done yet."""
        if self._pending is None and not self._ended:
            self._pending = self._read()
            self._ended = self._pending is None
        return self._pending

    def _read(self) -> Moment | None:
        if self.params.stop_after_frames and self._played >= self.params.stop_after_frames:
            return None
        if self._source is None:
            start_ns = self._from_ns if self._log_ns is None else self._log_ns + 1
            self._source = moments(self._reader, start_ns)
        moment = next(self._source, None)
        if moment is not None and (self._to_ns is None or moment.stamp_ns < self._to_ns):
            return moment
        if not self.params.loop or self._log_ns is None:
            return None
        self._begin_again()
        return self._read()

    def _begin_again(self) -> None:
        """Start the next loop one usual step after the last tick."""
        first_ns = self._from_ns if self._from_ns is not None else self._reader.start_ns
        last_ns = self._log_ns if self._log_ns is not None else first_ns
        played = max(1, self._played // (self._loops + 1))
        step_ns = max(_DRAIN_NS, (last_ns - first_ns) // max(1, played - 1))
        self._offset_ns += last_ns - first_ns + step_ns
        self._loops += 1
        self._log_ns = None
        self._source = None

    def _tick_after(self, tick_ns: int) -> None:
        if self._tick_ns is not None and tick_ns <= self._tick_ns:
            raise BadInputError(
                f"{self.params.path}: the stamp {tick_ns} ns is not later than the one before ({self._tick_ns} ns); "
                "the log's stamps do not increase"
            )

    def state(self) -> State:
        return State(
            {
                "offset_ns": self._offset_ns,
                "log_ns": self._log_ns,
                "tick_ns": self._tick_ns,
                "played": self._played,
                "loops": self._loops,
                "drained": self._drained,
            }
        )

    def load_state(self, state: State) -> None:
        meta = state.meta
        self._offset_ns, self._log_ns, self._tick_ns = meta["offset_ns"], meta["log_ns"], meta["tick_ns"]
        self._played, self._loops, self._drained = meta["played"], meta["loops"], meta["drained"]
        self._source, self._pending, self._ended = None, None, False
