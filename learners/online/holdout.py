"""Lessons that are never learned from: whole blocks of time, so that no near copy of them is learned from either."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from selfcue.errors import BadInputError
from selfcue.learners.online.interfaces import Lesson
from selfcue.learners.online.lesson_store import LessonStore
from selfcue.state import State

Role = Literal["select", "calibrate"]
ROLES: tuple[Role, Role] = ("select", "calibrate")
"""What a held-out block is for: choosing between weights, or calibrating intervals. Never both: weights chosen on
some frames look better on those frames than they are, and intervals calibrated there would be too narrow."""


@dataclass(frozen=True)
class HoldOutConfig:
    """Which lessons are held out.

    Attributes:
        block_s: length of a block.
        every: one block in so many is held out.
        phase: which one of those; small, so that there is something to measure on early.
        recent: newest held-out lessons that are kept, both roles together.
        archive: first held-out lessons, kept for ever: what forgetting is measured on.
        compact_factor: the file is rewritten when it holds this many times ``recent + archive`` lessons.
    """

    block_s: float = 2.0
    every: int = 10
    phase: int = 1
    recent: int = 200
    archive: int = 200
    compact_factor: float = 3.0

    def __post_init__(self) -> None:
        if self.block_s <= 0 or self.every < 2 or not 0 <= self.phase < self.every or self.recent < 2:
            raise BadInputError(
                f"hold-out needs block_s > 0, every >= 2, 0 <= phase < every and recent >= 2, got {self}"
            )


class HoldOut:
    """Decides which blocks are held out and keeps their lessons."""

    def __init__(self, config: HoldOutConfig, folder: Path) -> None:
        self.config = config
        self._store = LessonStore(folder, "holdout")
        self._recent: dict[Role, deque[int]] = {role: deque(maxlen=config.recent // 2) for role in ROLES}
        self._archive: dict[Role, list[int]] = {role: [] for role in ROLES}
        self._blocks: dict[Role, set[int]] = {role: set() for role in ROLES}

    def block_of(self, stamp_ns: int, start_ns: int) -> int:
        """Return the block that a lesson of ``stamp_ns`` falls in, counted from the run's first lesson."""
        return int((stamp_ns - start_ns) // round(self.config.block_s * 1e9))

    def holds(self, block: int) -> bool:
        """Whether ``block`` is held out."""
        return block % self.config.every == self.config.phase

    def role(self, block: int) -> Role:
        """Return what the held-out ``block`` is for: the roles take turns."""
        return ROLES[block // self.config.every % 2]

    def add(self, lesson: Lesson) -> None:
        """Keep a lesson of a held-out block."""
        role = self.role(lesson.block)
        index = self._store.append(lesson)
        self._blocks[role].add(lesson.block)
        self._recent[role].append(index)
        if len(self._archive[role]) < self.config.archive // 2:
            self._archive[role].append(index)
        if self._store.count > self.config.compact_factor * (self.config.recent + self.config.archive):
            self._compact()

    def blocks(self, role: Role) -> int:
        """How many different blocks gave lessons to ``role`` so far."""
        return len(self._blocks[role])

    def newest(self, role: Role, count: int) -> list[Lesson]:
        """Return ``count`` of the recent lessons of ``role``, evenly spread over them (fewer while there are fewer)."""
        return self._store.read(_spread(self._recent[role], count))

    def spread(self, role: Role, count: int) -> list[Lesson]:
        """Return ``count`` lessons of ``role``, half of them recent, half from the archive, each evenly spread."""
        recent = _spread(self._recent[role], count - count // 2)
        archive = _spread([index for index in self._archive[role] if index not in set(recent)], count // 2)
        return self._store.read([*recent, *archive])

    def close(self) -> None:
        self._store.close()

    def _compact(self) -> None:
        in_use = {index for role in ROLES for index in (*self._recent[role], *self._archive[role])}
        places = self._store.compact(sorted(in_use))
        for role in ROLES:
            self._recent[role] = deque((places[i] for i in self._recent[role]), maxlen=self._recent[role].maxlen)
            self._archive[role] = [places[i] for i in self._archive[role]]

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        arrays = {}
        for role in ROLES:
            arrays[f"{role}/recent"] = np.array(self._recent[role], dtype=np.int64)
            arrays[f"{role}/archive"] = np.array(self._archive[role], dtype=np.int64)
            arrays[f"{role}/blocks"] = np.array(sorted(self._blocks[role]), dtype=np.int64)
        return State({}, arrays).nested(store=self._store.state())

    def load_state(self, state: State) -> None:
        self._store.load_state(state.part("store"))
        for role in ROLES:
            self._recent[role] = deque(state.arrays[f"{role}/recent"].tolist(), maxlen=self._recent[role].maxlen)
            self._archive[role] = state.arrays[f"{role}/archive"].tolist()
            self._blocks[role] = set(state.arrays[f"{role}/blocks"].tolist())


def _spread(entries: Sequence[int] | deque[int], count: int) -> list[int]:
    """Return ``count`` of ``entries``, evenly spread and without repeats."""
    if len(entries) <= count:
        return list(entries)
    return [entries[int(place)] for place in np.linspace(0, len(entries) - 1, count).round()]
