"""The log player: any recorded log as the system's clock and source of messages, in lock-step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import msgspec

from selfcue.calls import Nothing
from selfcue.errors import BadInputError
from selfcue.messages import JournalEvent, Message
from selfcue.node import JUMP_TOPIC, ClockOwner, Link, Publisher
from selfcue.player import PlayerState, Rate, Seek, Step
from selfcue.sensors.player_clock import Jump, PlayerClock
from selfcue.sensors.readers import HasMoments, LogReader, Moment, moments, open_log
from selfcue.state import State

DRAIN_TICKS = 4
"""Ticks after the last moment, so that what it set off reaches the end of the chain of nodes."""


_MOST_STEPS = 1_000_000
_MOST_RATE = 1e6
_MOST_S = 1e9


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
        topics: play these topics only; empty plays all. Other names are given by the launch file's ``remap``.
        paused: wait for a call before anything is played.
    """

    path: str
    start_s: float = 0.0
    duration_s: float = 0.0
    frame_from: int = 0
    frame_to: int = 0
    stop_after_frames: int = 0
    loop: bool = False
    topics: tuple[str, ...] = ()
    paused: bool = False

    def __post_init__(self) -> None:
        for name in ("start_s", "duration_s", "frame_from", "frame_to", "stop_after_frames"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.frame_to and self.frame_to <= self.frame_from:
            raise ValueError(f"frame_to is {self.frame_to}; it must be larger than frame_from ({self.frame_from})")
        if (self.frame_from or self.frame_to) and (self.start_s or self.duration_s):
            raise ValueError("give start_s and duration_s, or frame_from and frame_to, not both")


@dataclass(frozen=True)
class Pass:
    """One way through a stretch of the log.

    Attributes:
        begin_ns: the log's time where it begins; None: where the log does.
        first_ns, last_ns: of the first and last moment that was played; None before the first.
        moments: that were played.
        latches: what holds at the beginning is said; not in a loop, where it was said before.
    """

    begin_ns: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    moments: int = 0
    latches: bool = True


class PlayerNode(ClockOwner):
    """One tick per moment of the log: the frames of a rig, or the messages of one stamp. A tick's time is its moment's.

    After the last moment ``DRAIN_TICKS`` empty ticks follow. A missing or damaged file in the log raises BadInputError
    in the tick whose turn it is. Calls (see ``selfcue.player``): ``pause``, ``resume``, ``step``, ``seek``, ``rate``,
    ``state``. A jump (seek, loop) is announced in a tick of its own (see ``Node.jumped``), and time goes on.
    """

    Params = PlayerParams
    params: PlayerParams

    def __init__(self, name: str, params: PlayerParams) -> None:
        super().__init__(name, params)
        self._clock = PlayerClock()
        self._source: Iterator[Moment] | None = None
        self._pending: Moment | None = None
        self._pass = Pass()
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
        self._pass = Pass(begin_ns=self._from_ns)
        self._latched = self._reader.latched_topics
        chosen = [topic for topic in sorted(offered) if not self.params.topics or topic in self.params.topics]
        self._publishers: dict[str, Publisher[Message]] = {
            topic: link.advertise(topic, offered[topic], latched=topic in self._latched) for topic in chosen
        }
        self._jumps, self._journal = link.advertise(JUMP_TOPIC, JournalEvent), link.journal
        link.serve("pause", Nothing, PlayerState, lambda _: self._told(self.pacer.pause))
        link.serve("resume", Nothing, PlayerState, lambda _: self._told(self.pacer.resume))
        link.serve("step", Step, PlayerState, self._step)
        link.serve("seek", Seek, PlayerState, self._seek)
        link.serve("rate", Rate, PlayerState, self._set_rate)
        link.serve("state", Nothing, PlayerState, lambda _: self._told())
        if self.params.paused:
            self.pacer.pause()

    @property
    def frames_played(self) -> int:
        """Moments published so far."""
        return self._played

    def next_tick_ns(self) -> int | None:
        moment = self._peek()
        if self._clock.jump is not None:
            return self._clock.pause_ns()
        if moment is not None:
            try:
                return self._clock.due_ns(moment.stamp_ns)
            except BadInputError as error:
                raise BadInputError(f"{self.params.path}: {error}") from None
        if self._clock.tick_ns is None:
            raise BadInputError(f"{self.params.path}: holds no message in the chosen part; choose another part")
        return None if self._drained >= DRAIN_TICKS else self._clock.pause_ns()

    def step(self, now_ns: int) -> None:
        moment = self._peek()
        if self._clock.jump is not None:
            self._announce(self._clock.jump, now_ns)
        elif moment is None:
            self._drained += 1
        else:
            self._play(moment)
        self._clock.tick_ns = now_ns

    def _announce(self, jump: Jump, now_ns: int) -> None:
        start_ns = self._reader.start_ns
        from_s, to_s = ((one - start_ns) * 1e-9 for one in (jump.from_ns, jump.to_ns))
        detail: dict[str, str | int | float | bool] = {"from_s": from_s, "to_s": to_s, "reason": jump.reason}
        self._jumps.publish(JournalEvent(stamp_ns=now_ns, kind="time_jump", detail=detail))
        self._clock.jump = None
        self.pacer.jumped()
        if self.pacer.paused:
            self.pacer.step()  # it was meant for a moment

    def _play(self, moment: Moment) -> None:
        here = self._pass
        for stamp_ns, topic, message in moment.entries:
            before_ns = moment.stamp_ns if here.last_ns is None else here.last_ns
            held = topic in self._latched and stamp_ns <= before_ns and not here.latches
            if topic in self._publishers and not held:
                shifted = msgspec.structs.replace(message, stamp_ns=self._clock.system_ns(message.stamp_ns))
                self._publishers[topic].publish(shifted)
        first_ns = moment.stamp_ns if here.first_ns is None else here.first_ns
        self._pass = Pass(here.begin_ns, first_ns, moment.stamp_ns, here.moments + 1, latches=False)
        self._clock.log_ns = moment.stamp_ns
        self._pending = None
        self._played += 1

    # -- calls -----------------------------------------------------------------------------------------------------

    def _told(self, act: Callable[[], None] | None = None) -> PlayerState:
        """Return how things stand after ``act``."""
        start_ns, end_ns = self._reader.start_ns, self._reader.end_ns
        if act is not None:
            act()
        told = PlayerState(
            position_s=(self._here_ns() - start_ns) * 1e-9,
            length_s=(end_ns - start_ns) * 1e-9,
            rate=self.pacer.rate,
            paused=self.pacer.paused,
            loops=self._loops,
            played=self._played,
        )
        if act is not None:
            self._journal("player", at_s=round(told.position_s, 3), rate=told.rate, paused=told.paused)
        return told

    def _here_ns(self) -> int:
        """Return the log's time at which the next moment is looked for, or that of the last one."""
        here = self._pass.last_ns if self._pass.last_ns is not None else self._pass.begin_ns
        return here if here is not None else self._reader.start_ns

    def _step(self, request: Step) -> PlayerState:
        if not 1 <= request.moments <= _MOST_STEPS:
            raise BadInputError(f"step {request.moments}: give 1 to {_MOST_STEPS} moments")
        return self._told(lambda: self.pacer.step(request.moments))

    def _set_rate(self, request: Rate) -> PlayerState:
        if not 0 <= request.rate <= _MOST_RATE:
            raise BadInputError(f"rate {request.rate:g}: give 0 (as fast as it goes) to {_MOST_RATE:g}")
        return self._told(lambda: setattr(self.pacer, "rate", request.rate))

    def _seek(self, request: Seek) -> PlayerState:
        start_ns, end_ns = self._reader.start_ns, self._reader.end_ns
        if request.to_s is None:
            to_ns = min(max(self._here_ns() + round(request.by_s * 1e9), start_ns), end_ns)
        else:
            to_ns = start_ns + round(request.to_s * 1e9) if 0 <= request.to_s < _MOST_S else -1
            if not start_ns <= to_ns <= end_ns:
                length_s = (end_ns - start_ns) * 1e-9
                raise BadInputError(f"seek to {request.to_s:g} s: the log goes from 0 to {length_s:.2f} s")
        return self._told(lambda: self._go_to(to_ns))

    def _go_to(self, to_ns: int) -> None:
        self._clock.leap(to_ns, "seek")
        self._pass = Pass(begin_ns=to_ns)
        self._source, self._pending, self._ended, self._drained = None, None, False, 0

    # -- reading ---------------------------------------------------------------------------------------------------

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
            here = self._pass
            self._source = moments(self._reader, here.begin_ns if here.last_ns is None else here.last_ns + 1)
        moment = next((one for one in self._source if self._says_something(one)), None)
        if moment is not None and (self._to_ns is None or moment.stamp_ns < self._to_ns):
            return moment
        if not self.params.loop or self._pass.last_ns is None:
            return None
        self._begin_again()
        return self._read()

    def _says_something(self, moment: Moment) -> bool:
        """Return whether anything in ``moment`` is of a chosen topic: else it is no moment of what is played."""
        return not self.params.topics or any(topic in self._publishers for _, topic, _ in moment.entries)

    def _begin_again(self) -> None:
        """Start the next loop one usual step after the last tick."""
        here = self._pass
        assert here.first_ns is not None
        assert here.last_ns is not None
        step_ns = (here.last_ns - here.first_ns) // max(1, here.moments - 1)
        first_ns = self._from_ns if self._from_ns is not None else self._reader.start_ns
        self._clock.leap(first_ns, "loop", step_ns=step_ns)
        self._pass = Pass(begin_ns=self._from_ns, latches=False)
        self._source = None
        self._loops += 1

    def state(self) -> State:
        return State(
            {
                "clock": self._clock.meta(),
                "pass": asdict(self._pass),
                "played": self._played,
                "loops": self._loops,
                "drained": self._drained,
            }
        )

    def load_state(self, state: State) -> None:
        meta = state.meta
        self._clock = PlayerClock.of(meta["clock"])
        self._pass = Pass(**meta["pass"])
        self._played, self._loops, self._drained = meta["played"], meta["loops"], meta["drained"]
        self._source, self._pending, self._ended = None, None, False
