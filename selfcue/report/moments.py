"""A few telling moments of a flight, kept for the picture that shows what each cue saw."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_TELLING_M = (0.9, 2.4)


@dataclass(frozen=True)
class Moment:
    """What was seen at one time.

    Attributes:
        t_s: time.
        state: state of the agent.
        image: (H, W, 3) or (H, W) uint8.
        stereo: depth (h, w) [m], NaN where stereo says nothing; None where it was silent.
        student: depth (h, w) [m].
        truth: depth (H, W) [m].
        nearest_m: nearest surface in the corridor.
    """

    t_s: float
    state: str
    image: npt.NDArray[np.uint8]
    stereo: npt.NDArray[np.float32] | None
    student: npt.NDArray[np.float32]
    truth: npt.NDArray[np.float32]
    nearest_m: float

    @property
    def telling(self) -> bool:
        """Whether something stands before the body, neither far nor filling the view."""
        return _TELLING_M[0] <= self.nearest_m <= _TELLING_M[1]


@dataclass
class Moments:
    """Keeps the first and the last moment of each state, telling ones before others."""

    first: dict[str, Moment] = field(default_factory=dict)
    last: dict[str, Moment] = field(default_factory=dict)

    def offer(self, moment: Moment) -> None:
        """Take ``moment`` where it is the first or last telling one of its state so far."""
        first, last = self.first.get(moment.state), self.last.get(moment.state)
        if first is None or (moment.telling and not first.telling):
            self.first[moment.state] = moment
        if last is None or moment.telling or not last.telling:
            self.last[moment.state] = moment

    def chosen(self, count: int = 3) -> list[Moment]:
        """Return up to ``count`` moments in order of time: one of each state first, then the rest."""
        pools = [
            [self.first[state] for state in ("STEREO",) if state in self.first],
            [self.last[state] for state in ("MONO_TW", "MONO_ONLY") if state in self.last],
            [*self.first.values(), *self.last.values()],
        ]
        found: list[Moment] = []
        for moment in (moment for pool in pools for moment in pool):
            if len(found) < count and all(not math.isclose(moment.t_s, other.t_s) for other in found):
                found.append(moment)
        return sorted(found, key=lambda moment: moment.t_s)
