"""The file under a log being written: whole records or nothing."""

from __future__ import annotations

import os
from pathlib import Path

from selfcue.errors import BadInputError, LossError


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

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append ``data``. Raises LossError where it does not fit on the disk."""
        view = memoryview(data)
        done = 0
        try:
            while done < len(view):
                done += os.write(self._descriptor, view[done:])
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise LossError(f"{self.path}: writing failed after {self._size} bytes: {error.strerror}") from error
        self._size += done
        return done

    def tell(self) -> int:
        """Return how many bytes are written."""
        return self._size

    def flush(self) -> None:
        """Nothing waits here."""

    def sync(self) -> None:
        """Bring the file onto the disk itself, so that it outlives a power cut."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; harmless when closed already."""
        if self._open:
            self._open = False
            os.close(self._descriptor)
