"""Whether and when a process that ended is started again: the policy alone, told the time and what happened."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from selfcue.config.launch import RestartSpec


@dataclass(frozen=True)
class Verdict:
    """What follows from the end of a process.

    Attributes:
        what: ``over``: it has done its work; ``fail``: the whole run ends; ``again``: it starts again in ``wait_s``.
        wait_s: back-off before the start.
        number: which restart within the window this one is, from 1.
    """

    what: Literal["over", "fail", "again"]
    wait_s: float = 0.0
    number: int = 0


class Restarts:
    """The restarts of one process, counted in a sliding window.

    The decision, in this order: a clean end is the end unless the policy is ``always``; under ``never`` a failure ends
    the run; so does the failure that would need one restart more than ``most`` within ``window_s``; any other is
    answered by a restart after ``wait_s * 2 ** (restarts in the window)``, at most ``longest_wait_s``.
    """

    def __init__(self, spec: RestartSpec) -> None:
        self.spec = spec
        self.total = 0
        self._at_s: deque[float] = deque()

    def ended(self, now_s: float, *, clean: bool) -> Verdict:
        """Return what follows when the process ends at ``now_s`` (monotonic seconds)."""
        if clean and self.spec.policy != "always":
            return Verdict("over")
        if self.spec.policy == "never":
            return Verdict("fail")
        while self._at_s and now_s - self._at_s[0] > self.spec.window_s:
            self._at_s.popleft()
        recent = len(self._at_s)
        if recent >= self.spec.most:
            return Verdict("fail", number=recent)
        self._at_s.append(now_s)
        self.total += 1
        wait_s = min(self.spec.longest_wait_s, self.spec.wait_s * 2.0 ** min(recent, 60))
        return Verdict("again", wait_s, recent + 1)
