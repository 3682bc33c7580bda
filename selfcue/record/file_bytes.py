"""Reading of a file at any place, without a position that callers share."""

from __future__ import annotations

import os
from pathlib import Path

from selfcue.errors import BadInputError


class FileBytes:
    """Random access to a file of fixed size."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.size = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise BadInputError(f"{path} cannot be read: {error.strerror}") from error
        self._open = True

    def at(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes.

        Raises:
            ValueError: the file has fewer.
            BadInputError: the disk does not give them.
        """
        parts = []
        while size > 0:
            try:
                part = os.pread(self._descriptor, size, offset)
            except OSError as error:
                raise BadInputError(f"{self.path} cannot be read: {error.strerror}") from error
            if not part:
                raise ValueError("the file ends")
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)
