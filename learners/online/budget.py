"""How much may be learned: learning must never starve acting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from selfcue.errors import BadInputError
from selfcue.state import State


@dataclass(frozen=True)
class BudgetConfig:
    """Settings of the budget.

    Attributes:
        steps_per_lesson: training steps that each accepted lesson pays for, under a simulated or player's clock;
            fractions add up (0.5: a step for every second lesson).
        cpu_share: live, share of one core that training may use.
        burst_s: live, CPU time that may be saved up.
    """

    steps_per_lesson: float = 1.0
    cpu_share: float = 0.2
    burst_s: float = 1.0

    def __post_init__(self) -> None:
        if self.steps_per_lesson < 0 or not 0 < self.cpu_share <= 1 or self.burst_s <= 0:
            raise BadInputError(f"budget needs steps_per_lesson >= 0, 0 < cpu_share <= 1 and burst_s > 0, got {self}")


class Budget(Protocol):
    """Asked before each step, told after it."""

    def earn(self) -> None:
        """A lesson was accepted."""
        ...

    def affords(self) -> bool:
        """Whether a step may be taken now."""
        ...

    def spend(self) -> None:
        """A step was taken; the work since ``affords`` was its cost."""
        ...

    def state(self) -> State: ...

    def load_state(self, state: State) -> None: ...


class StepsPerLesson:
    """A fixed number of steps for each lesson: reads no clock, so equal lessons give equal weights."""

    def __init__(self, config: BudgetConfig) -> None:
        self._earning = config.steps_per_lesson
        self._credit = 0.0

    def earn(self) -> None:
        self._credit = min(self._credit, 1.0) + self._earning  # what could not be spent does not pile up

    def affords(self) -> bool:
        return self._credit >= 1.0 - 1e-9

    def spend(self) -> None:
        self._credit -= 1.0

    def state(self) -> State:
        return State({"credit": self._credit})

    def load_state(self, state: State) -> None:
        self._credit = float(state.meta["credit"])


class CpuShare:
    """A token bucket of CPU seconds, filled by the wall clock: for live systems alone.

    One step at most per lesson, and none while the bucket is in debt; a dear step is paid off before the next one.

    Args:
        config: share and size of the bucket.
        wall, cpu: clocks [s]; tests hand in their own.
    """

    def __init__(
        self,
        config: BudgetConfig,
        *,
        wall: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._config, self._wall, self._cpu = config, wall, cpu
        self._tokens_s = 0.0
        self._filled_at: float | None = None
        self._began_at = 0.0
        self._lessons = 0

    def earn(self) -> None:
        self._lessons = 1

    def affords(self) -> bool:
        now = self._wall()
        if self._filled_at is not None:
            earned = (now - self._filled_at) * self._config.cpu_share
            self._tokens_s = min(self._config.burst_s, self._tokens_s + earned)
        self._filled_at = now
        self._began_at = self._cpu()
        return self._lessons > 0 and self._tokens_s >= 0.0

    def spend(self) -> None:
        self._tokens_s -= self._cpu() - self._began_at
        self._lessons = 0

    def state(self) -> State:
        return State({"tokens_s": self._tokens_s})

    def load_state(self, state: State) -> None:
        self._tokens_s = float(state.meta["tokens_s"])
        self._filled_at = None
