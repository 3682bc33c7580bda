"""Approach events: the unit in which a student's competence is counted.

Frames 50 ms apart are not independent, approaches are. One begins when the teacher's obstacle score crosses the
turning distance, is decided when the teacher is at the override distance (or the approach is over), and ends when the
teacher's view is free again. The quiet time in between is cut into stretches: one trial each for false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfcue.errors import BadInputError
from selfcue.state import State

Outcome = Literal["hit", "miss", "quiet", "false_alarm"]


@dataclass(frozen=True)
class ApproachConfig:
    """What an approach is.

    Attributes:
        turn_m: an obstacle at this distance [m] must be said.
        override_m: the distance [m] at which it is too late to say it.
        free_m: beyond this distance [m] the teacher's view is free.
        confirm_s: the teacher must say it for so long before an approach begins: single noisy frames do not count.
        free_for_s: and the view must be free for so long before it ends.
        longest_s: an approach ends after this time in any case: hovering in front of a wall is no event.
        stretch_s: length of a quiet stretch, one trial for false alarms.
        false_share: a stretch is a false alarm when the student said "obstacle" in more than this share of it.
    """

    turn_m: float = 1.4
    override_m: float = 0.7
    free_m: float = 1.6
    confirm_s: float = 0.1
    free_for_s: float = 0.3
    longest_s: float = 10.0
    stretch_s: float = 2.0
    false_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.override_m < self.turn_m <= self.free_m:
            raise BadInputError(f"approach distances must grow: 0 < override_m < turn_m <= free_m, got {self}")
        if min(self.confirm_s, self.free_for_s) < 0 or min(self.longest_s, self.stretch_s) <= 0:
            raise BadInputError(f"approach times must not be negative, longest_s and stretch_s above 0, got {self}")


class ApproachWatch:
    """Turns the two cues' obstacle scores into outcomes.

    ``begun`` is True from the first frame that may turn out to be part of an approach until its end: lessons of that
    time must wait before they are learned from.
    """

    def __init__(self, config: ApproachConfig | None = None) -> None:
        self.config = config or ApproachConfig()
        self._since_ns: int | None = None  # the teacher has said "obstacle" since then
        self._confirmed = False
        self._said = False
        self._outcome: Outcome | None = None
        self._free_since_ns: int | None = None
        self._quiet_since_ns: int | None = None
        self._quiet_frames = 0
        self._quiet_alarms = 0

    @property
    def begun(self) -> bool:
        return self._since_ns is not None

    def add(self, stamp_ns: int, teacher_score: float, student_score: float) -> list[Outcome]:
        """Take the obstacle scores [1/m] of one frame; return what was decided by it (once per approach or stretch)."""
        said = student_score * self.config.turn_m >= 1.0
        if self._since_ns is None and teacher_score * self.config.turn_m >= 1.0:
            self._since_ns = stamp_ns
        if self._since_ns is None:
            return self._quiet(stamp_ns, teacher_score, said=said)
        self._quiet_since_ns = None
        return self._approach(stamp_ns, self._since_ns, teacher_score, said=said)

    def _approach(self, stamp_ns: int, since_ns: int, teacher_score: float, *, said: bool) -> list[Outcome]:
        config = self.config
        lasted_s = (stamp_ns - since_ns) * 1e-9
        near = teacher_score * config.turn_m >= 1.0
        if not self._confirmed and not near:
            self._end()  # it was noise
            return []
        self._confirmed = self._confirmed or lasted_s >= config.confirm_s
        if self._outcome is None:
            self._said = self._said or said
            if self._confirmed and teacher_score * config.override_m >= 1.0:
                self._outcome = "hit" if self._said else "miss"
        free = teacher_score * config.free_m < 1.0
        self._free_since_ns = (self._free_since_ns if self._free_since_ns is not None else stamp_ns) if free else None
        free_s = 0.0 if self._free_since_ns is None else (stamp_ns - self._free_since_ns) * 1e-9
        over = self._free_since_ns is not None and free_s >= config.free_for_s
        if not over and lasted_s < config.longest_s:
            return []
        outcome: Outcome = self._outcome or ("hit" if self._said else "miss")
        self._end()
        return [outcome]

    def _end(self) -> None:
        self._since_ns, self._confirmed, self._said = None, False, False
        self._outcome, self._free_since_ns = None, None

    def _quiet(self, stamp_ns: int, teacher_score: float, *, said: bool) -> list[Outcome]:
        if teacher_score * self.config.free_m >= 1.0:  # neither near nor free: says nothing either way
            self._quiet_since_ns = None
            return []
        if self._quiet_since_ns is None:
            self._quiet_since_ns, self._quiet_frames, self._quiet_alarms = stamp_ns, 0, 0
        self._quiet_frames += 1
        self._quiet_alarms += said
        if stamp_ns - self._quiet_since_ns < self.config.stretch_s * 1e9:
            return []
        alarm = self._quiet_alarms > self.config.false_share * self._quiet_frames
        self._quiet_since_ns = None
        return ["false_alarm" if alarm else "quiet"]

    def state(self) -> State:
        return State({name.lstrip("_"): value for name, value in vars(self).items() if name != "config"})

    def load_state(self, state: State) -> None:
        for name, value in state.meta.items():
            setattr(self, f"_{name}", value)
