"""Lessons on disk: an append-only file of them, rewritten now and then so that it cannot grow without bound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.online.interfaces import Lesson
from selfcue.learners.online.records import RecordFile
from selfcue.state import State

_FIXED = (("id", "<i8"), ("stamp_ns", "<i8"), ("block", "<i8"), ("weight", "<f4"), ("label_version", "<i4"))


class LessonStore:
    """Lessons of one layout, by index in the order they were stored.

    The first lesson fixes names, dtypes and shapes. The store keeps nothing in memory but the open file; a snapshot
    (``state``) is a file name and a count. ``compact`` moves the lessons still in use to a new file and keeps the old
    one until the compaction after that, so that a snapshot taken before it can still be resumed.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._generation = 0
        self._file: RecordFile | None = None

    @property
    def count(self) -> int:
        """Lessons in the file, those no longer in use included."""
        return self._file.count if self._file else 0

    def append(self, lesson: Lesson) -> int:
        """Store ``lesson``; return its index.

        Raises:
            BadInputError: its arrays differ from the first lesson's in name, dtype or shape.
        """
        if self._file is None:
            self._file = RecordFile(self._path(0), _layout(lesson))
        return self._file.append(_record(lesson, self._file.dtype))

    def read(self, indices: Sequence[int]) -> list[Lesson]:
        """Return the lessons at ``indices``, in that order."""
        if not indices:
            return []
        return [_lesson(record) for record in self._opened().read(indices)]

    def compact(self, in_use: Sequence[int]) -> dict[int, int]:
        """Rewrite the file with the lessons ``in_use`` alone, in order; return old index to new."""
        old = self._opened()
        fresh = RecordFile(self._path(self._generation + 1), old.dtype)
        order = sorted(set(in_use))
        for index in order:
            fresh.append(old.read([index])[0])
        fresh.sync()
        old.close()
        if self._generation:
            self._path(self._generation - 1).unlink(missing_ok=True)
        self._file, self._generation = fresh, self._generation + 1
        return {index: new for new, index in enumerate(order)}

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._file is not None:
            self._file.close()

    def state(self) -> State:
        """Return which file and how many of its lessons count; those are on the disk when this returns."""
        if self._file is None:
            return State({"generation": 0, "count": None})
        self._file.sync()
        return State({"generation": self._generation, "count": self._file.count})

    def load_state(self, state: State) -> None:
        """Open the file that ``state`` refers to and cut off what was appended after it."""
        self.close()
        self._generation, count = state.meta["generation"], state.meta["count"]
        self._file = None if count is None else RecordFile(self._path(self._generation), None, keep=count)

    def _opened(self) -> RecordFile:
        if self._file is None:
            raise BadInputError(f"{self._path(0)}: no lesson was stored yet")
        return self._file

    def _path(self, generation: int) -> Path:
        return self._folder / f"{self._name}-{generation:04d}.lessons"


def _arrays(lesson: Lesson) -> dict[str, npt.NDArray[np.generic]]:
    named = {f"inputs/{name}": array for name, array in lesson.inputs.items()}
    return {**named, **{f"target/{name}": array for name, array in lesson.target.items()}}


def _layout(lesson: Lesson) -> np.dtype[np.void]:
    fields = [(name, array.dtype.str, array.shape) for name, array in sorted(_arrays(lesson).items())]
    return np.dtype([*_FIXED, *fields])


def _record(lesson: Lesson, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    if _layout(lesson) != dtype:
        raise BadInputError(
            f"lesson {lesson.id} has the layout {_layout(lesson)}, the first one had {dtype}; "
            "a teacher must give every lesson the same arrays, dtypes and shapes"
        )
    record = np.zeros((), dtype=dtype)
    for name, _ in _FIXED:
        record[name] = getattr(lesson, name)
    for name, array in _arrays(lesson).items():
        record[name] = array
    return record


def _lesson(record: npt.NDArray[np.void]) -> Lesson:
    arrays = {name: np.asarray(record[name]) for name in record.dtype.names or () if "/" in name}
    return Lesson(
        id=int(record["id"]),
        stamp_ns=int(record["stamp_ns"]),
        block=int(record["block"]),
        weight=float(record["weight"]),
        label_version=int(record["label_version"]),
        inputs={name[7:]: array for name, array in arrays.items() if name.startswith("inputs/")},
        target={name[7:]: array for name, array in arrays.items() if name.startswith("target/")},
    )
