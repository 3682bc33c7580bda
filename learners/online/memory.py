"""The replay memory: a bounded, diverse choice of all lessons so far, so that learning the new keeps the old.

Three index sets over one append-only file of lessons:

- *reservoir*: a uniform sample of the whole life (Vitter 1985, algorithm R);
- *recent*: a ring of the newest;
- *hard*: a ring of those that the student met with a large error, and of the moments before an override (several
  entries each, so that they are drawn more often).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.learners.online.descriptor import describe
from selfcue.learners.online.interfaces import Lesson, Revision
from selfcue.learners.online.lesson_store import LessonStore
from selfcue.learners.online.memory_config import MemoryConfig
from selfcue.state import State


class ReplayMemory:
    """Stores lessons, chooses which to keep, draws batches.

    A lesson is first ``store``d (written down, not yet drawn) and later ``admit``ted: in between it can wait for the
    end of the approach event that it belongs to.
    """

    def __init__(self, config: MemoryConfig, folder: Path, generator: np.random.Generator) -> None:
        self.config = config
        self._generator = generator
        self._store = LessonStore(folder, "memory")
        self._descriptors = np.zeros((0, 0), dtype=np.float32)  # one row per lesson in the file
        self._ids: list[int] = []  # lesson id of each record
        self._stamps: list[int] = []
        self._waiting: list[tuple[int, bool]] = []  # stored, not admitted yet: index, hard
        self._reservoir: list[int] = []
        self._recent: deque[int] = deque(maxlen=config.recent_size)
        self._hard: deque[int] = deque(maxlen=config.hard_size)
        self._offered_to_reservoir = 0
        self.skipped = 0

    def __len__(self) -> int:
        """Different lessons that can be drawn."""
        return len(self._drawable())

    @property
    def waiting(self) -> int:
        """Lessons that were stored and wait to be admitted."""
        return len(self._waiting)

    def store(self, lesson: Lesson, *, hard: bool = False) -> bool:
        """Write ``lesson`` down unless it is a near duplicate of one in use; return whether it was.

        Near duplicates teach nothing and push the diverse out: a hovering drone would fill the memory with one view.
        ``hard`` lessons are always stored.
        """
        descriptor = describe(lesson)
        if not hard and self._nearest(descriptor) > self.config.max_cosine:
            self.skipped += 1
            return False
        self._append(lesson, descriptor)
        self._waiting.append((len(self._ids) - 1, hard))
        return True

    def admit(self) -> None:
        """Let all waiting lessons in."""
        for index, hard in self._waiting:
            self._recent.append(index)
            self._offer_to_reservoir(index)
            if hard and self._hard.maxlen:
                self._hard.append(index)
        self._waiting.clear()
        if len(self._ids) > self.config.capacity * self.config.compact_factor:
            self._compact()

    def emphasise(self, from_ns: int, to_ns: int, *, copies: int) -> int:
        """Put the lessons stamped within [from_ns, to_ns] ``copies`` times among the hard; return their number."""
        if not self._hard.maxlen:
            return 0
        drawable = [index for index in self._drawable() if from_ns <= self._stamps[index] <= to_ns]
        for index in drawable:
            self._hard.extend([index] * copies)
        return len(drawable)

    def draw(self, size: int) -> list[Lesson]:
        """Return a batch: the newest, hard ones, and the rest from the reservoir (fewer kinds while young).

        Empty while nothing was admitted.
        """
        if not self._recent:
            return []
        newest = list(self._recent)[-self.config.batch_new :][::-1]
        hard = _pick(self._generator, self._hard, min(self.config.batch_hard, size - len(newest)))
        rest = _pick(self._generator, self._reservoir, size - len(newest) - len(hard))
        return self._store.read([*newest, *hard, *rest][:size])

    def revise(self, revision: Revision) -> bool:
        """Re-label or withdraw a lesson; return whether it is (still) here.

        The file is never rewritten: a re-labelled lesson is a new record that takes the old one's places.
        """
        held = {index for index, _ in self._waiting} | self._drawable()
        found = [index for index in sorted(held) if self._ids[index] == revision.lesson_id]
        for old in found:
            new: int | None = None
            if revision.target is not None:
                lesson = self._store.read([old])[0]
                self._append(
                    replace(lesson, target=revision.target, label_version=revision.label_version),
                    self._descriptors[old],
                )
                new = len(self._ids) - 1
            self._move({old: new})
        return bool(found)

    @property
    def newest_id(self) -> int:
        """Id of the newest lesson that was stored; -1 where there is none."""
        return max(self._ids, default=-1)

    def forget_after(self, lesson_id: int) -> int:
        """Withdraw all lessons with a larger id from every set; return how many there were."""
        held = {index for index, _ in self._waiting} | self._drawable()
        suspect = [index for index in sorted(held) if self._ids[index] > lesson_id]
        self._move(dict.fromkeys(suspect))
        return len(suspect)

    def close(self) -> None:
        self._store.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _drawable(self) -> set[int]:
        return {*self._reservoir, *self._recent, *self._hard}

    def _append(self, lesson: Lesson, descriptor: npt.NDArray[np.float32]) -> None:
        index = self._store.append(lesson)
        if index >= len(self._descriptors):
            grown = np.zeros((max(64, 2 * index), descriptor.size), dtype=np.float32)
            if index:  # an empty memory does not know the descriptor's size yet
                grown[:index] = self._descriptors[:index]
            self._descriptors = grown
        self._descriptors[index] = descriptor
        self._ids.append(lesson.id)
        self._stamps.append(lesson.stamp_ns)

    def _nearest(self, descriptor: npt.NDArray[np.float32]) -> float:
        """Return the largest cosine similarity to a lesson in use (-1 where there is none)."""
        in_use = sorted(self._drawable() | {index for index, _ in self._waiting})
        return float((self._descriptors[in_use] @ descriptor).max()) if in_use else -1.0

    def _offer_to_reservoir(self, index: int) -> None:
        self._offered_to_reservoir += 1
        if len(self._reservoir) < self.config.reservoir_size:
            self._reservoir.append(index)
            return
        place = int(self._generator.integers(self._offered_to_reservoir))
        if place < len(self._reservoir):
            self._reservoir[place] = index

    def _move(self, places: dict[int, int | None]) -> None:
        """Rename indices in all sets; None takes them out."""

        def moved(indices: Sequence[int]) -> list[int]:
            return [new for index in indices if (new := places.get(index, index)) is not None]

        self._reservoir = moved(self._reservoir)
        self._recent = deque(moved(list(self._recent)), maxlen=self._recent.maxlen)
        self._hard = deque(moved(list(self._hard)), maxlen=self._hard.maxlen)
        waiting = [(places.get(index, index), hard) for index, hard in self._waiting]
        self._waiting = [(index, hard) for index, hard in waiting if index is not None]

    def _compact(self) -> None:
        in_use = sorted(self._drawable())
        places = self._store.compact(in_use)
        self._descriptors = self._descriptors[in_use].copy()
        self._ids = [self._ids[index] for index in in_use]
        self._stamps = [self._stamps[index] for index in in_use]
        self._move(dict(places))

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        count = len(self._ids)
        meta = {"offered_to_reservoir": self._offered_to_reservoir, "skipped": self.skipped}
        arrays: dict[str, np.ndarray] = {
            "descriptors": self._descriptors[:count].copy(),
            "ids": np.array(self._ids, dtype=np.int64),
            "stamps": np.array(self._stamps, dtype=np.int64),
            "waiting": np.array(self._waiting, dtype=np.int64).reshape(-1, 2),
            "reservoir": np.array(self._reservoir, dtype=np.int64),
            "recent": np.array(self._recent, dtype=np.int64),
            "hard": np.array(self._hard, dtype=np.int64),
        }
        return State(meta, arrays).nested(store=self._store.state())

    def load_state(self, state: State) -> None:
        self._store.load_state(state.part("store"))
        self._offered_to_reservoir, self.skipped = state.meta["offered_to_reservoir"], state.meta["skipped"]
        self._descriptors = state.arrays["descriptors"].copy()
        self._ids = state.arrays["ids"].tolist()
        self._stamps = state.arrays["stamps"].tolist()
        self._waiting = [(int(index), bool(hard)) for index, hard in state.arrays["waiting"]]
        self._reservoir = state.arrays["reservoir"].tolist()
        self._recent = deque(state.arrays["recent"].tolist(), maxlen=self._recent.maxlen)
        self._hard = deque(state.arrays["hard"].tolist(), maxlen=self._hard.maxlen)


def _pick(generator: np.random.Generator, entries: Sequence[int] | deque[int], count: int) -> list[int]:
    """Draw ``count`` entries with replacement; none where there are none."""
    if not entries or count <= 0:
        return []
    return [entries[int(place)] for place in generator.integers(len(entries), size=count)]
