"""An append-only file of fixed-size records: what was written once never changes and survives ``kill -9``.

Layout: a header of 4096 bytes (magic, length, JSON of the record's fields), then records of equal size. There is no
index and no count in the file: whoever uses it (a snapshot) knows how many records are its own, and opening it with
that count cuts off whatever was appended later. A torn last record is therefore harmless.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError, LossError

_MAGIC = b"SELFCUE-RECORDS1"
_HEADER_BYTES = 4096


class RecordFile:
    """One such file. Not thread-safe; one owner.

    Args:
        path: the file.
        dtype: structured dtype of a record, without object fields; may be None with ``keep``, then the file says it.
        keep: None makes a new, empty file (whatever stood there is gone); a number opens an existing one and keeps
            that many records.

    Raises:
        BadInputError: the file is missing, of another layout or shorter than ``keep`` records.
    """

    def __init__(self, path: Path, dtype: np.dtype[np.void] | None, *, keep: int | None = None) -> None:
        self.path = path
        self._descriptor = -1
        if keep is None:
            if dtype is None:
                raise BadInputError(f"{path}: a new record file needs the layout of its records")
            self.dtype, self.count = dtype, 0
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            self._write(_header(dtype), 0)
        else:
            self.dtype, self.count = self._open(dtype, keep), keep

    def _open(self, dtype: np.dtype[np.void] | None, keep: int) -> np.dtype[np.void]:
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BadInputError(f"{self.path}: the snapshot refers to this file, but it is gone") from None
        found = _dtype_in(os.pread(self._descriptor, _HEADER_BYTES, 0), self.path)
        if dtype is not None and found != dtype:
            raise BadInputError(f"{self.path}: its records are {found}, these lessons are {dtype}")
        needed = _HEADER_BYTES + keep * found.itemsize
        size = os.fstat(self._descriptor).st_size
        if size < needed:
            raise BadInputError(
                f"{self.path}: {size} bytes, but the snapshot refers to {needed}; use an older snapshot"
            )
        os.ftruncate(self._descriptor, needed)
        return found

    def append(self, record: npt.NDArray[np.void]) -> int:
        """Write one record (shape (), this file's dtype) at the end; return its index."""
        self._write(record.tobytes(), _HEADER_BYTES + self.count * self.dtype.itemsize)
        self.count += 1
        return self.count - 1

    def read(self, indices: Sequence[int]) -> npt.NDArray[np.void]:
        """Return the records at ``indices``, (len(indices),) of the file's dtype, writable copies."""
        records = np.empty(len(indices), dtype=self.dtype)
        size = self.dtype.itemsize
        raw = records.view(np.uint8).reshape(len(indices), size)
        for row, index in zip(raw, indices, strict=True):
            if not 0 <= index < self.count:
                raise BadInputError(f"{self.path}: record {index} asked for, there are {self.count}")
            found = os.preadv(self._descriptor, [row.data], _HEADER_BYTES + index * size)
            if found != size:
                raise LossError(f"{self.path}: record {index} is cut short; was the file changed by someone else?")
        return records

    def sync(self) -> None:
        """Return when all records are on the disk (a power cut does not take them any more)."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes, offset: int) -> None:
        try:
            while data:
                written = os.pwrite(self._descriptor, data, offset)
                data, offset = data[written:], offset + written
        except OSError as error:
            raise LossError(f"{self.path}: cannot append ({error.strerror}); free some disk and resume") from error


def _header(dtype: np.dtype[np.void]) -> bytes:
    fields = []
    for name in dtype.names or ():
        base, shape = dtype[name].base, dtype[name].shape
        fields.append([name, base.str, list(shape)])
    text = json.dumps(fields).encode()
    head = _MAGIC + len(text).to_bytes(4, "little") + text
    if len(head) > _HEADER_BYTES:
        raise BadInputError(f"a record of {len(fields)} fields has too long a description for its header")
    return head.ljust(_HEADER_BYTES, b"\0")


def _dtype_in(head: bytes, path: Path) -> np.dtype[np.void]:
    start = len(_MAGIC) + 4
    if len(head) < _HEADER_BYTES or not head.startswith(_MAGIC):
        raise BadInputError(f"{path}: not a file of records, or its header is damaged")
    length = int.from_bytes(head[len(_MAGIC) : start], "little")
    try:
        fields = json.loads(head[start : start + length])
        return np.dtype([(name, kind, tuple(shape)) for name, kind, shape in fields])
    except (ValueError, TypeError) as error:
        raise BadInputError(f"{path}: the header of this file of records is damaged ({error})") from None
