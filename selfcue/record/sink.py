"""The file under a log being written: whole records or nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from selfcue.errors import BadInputError, LossError

Buffer: TypeAlias = bytes | bytearray | memoryview
_AT_ONCE = 512
"""Buffers in one call of the system, which takes no more than IOV_MAX (1024 on Linux)."""


class Sink:
    """An unbuffered file that never keeps half a record.

    Each ``write`` gets whole MCAP records. What it has written belongs to the operating system at once, so it outlives
    this process. Where a write fails (disk full), the file is cut back to the record before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if path.exists():
                raise BadInputError(f"{path} exists already; a log is never overwritten: choose another name") from None
            raise BadInputError(f"{path} cannot be written: {error.strerror}; choose another folder") from error
        self._size = 0
        self._open = True

    def write(self, parts: Sequence[Buffer]) -> None:
        """Append ``parts``, all or nothing. Raises LossError where they do not fit on the disk."""
        size = sum(memoryview(part).nbytes for part in parts)
        done = 0
        try:
            for begin in range(0, len(parts), _AT_ONCE):
                done += self._put(parts[begin : begin + _AT_ONCE])
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise LossError(f"{self.path}: writing failed after {self._size} bytes: {error.strerror}") from error
        assert done == size
        self._size += size

    def _put(self, parts: Sequence[Buffer]) -> int:
        wanted = sum(memoryview(part).nbytes for part in parts)
        done = os.writev(self._descriptor, parts)
        while done < wanted:  # a signal, or a disk that is about to be full: the next call says which
            done += os.writev(self._descriptor, _rest(parts, done))
        return done

    def tell(self) -> int:
        """Return how many bytes are written."""
        return self._size

    def sync(self) -> None:
        """Bring the file onto the disk itself, so that it outlives a power cut."""
        os.fsync(self._descriptor)

    def discard(self) -> None:
        """Remove the file: nothing came of it."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; harmless when closed already."""
        if self._open:
            self._open = False
            os.close(self._descriptor)


def _rest(parts: Sequence[Buffer], done: int) -> list[memoryview]:
    """Return ``parts`` without their first ``done`` bytes."""
    left: list[memoryview] = []
    for part in parts:
        view = memoryview(part).cast("B")
        left.append(view[min(done, view.nbytes) :])
        done = max(0, done - view.nbytes)
    return [view for view in left if view.nbytes]
