"""Operations on what has no fixed size: strings, sequences, arrays of strings and nested messages (see ``cdr``)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from selfcue.record.cdr_ops import Walk
from selfcue.record.msgdef import Field

_PADDING = tuple(bytes(n) for n in range(8))
_LENGTH = tuple(struct.Struct(f"<{-start & 3}xI") for start in range(4))
"""A uint32 from each start modulo 4, its padding included."""
_MAX_LENGTH = (1 << 32) - 1


def _put_length(out: list[Any], pos: int, length: int, field: Field) -> int:
    limit = field.size if field.kind == "sequence" and field.size else _MAX_LENGTH
    if length > limit:
        raise ValueError(f"field {field.name!r} holds {length} values; the limit is {limit}")
    packer = _LENGTH[pos & 3]
    out.append(packer.pack(length))
    return pos + packer.size


def _take_length(view: memoryview, pos: int, field: Field, least: int) -> tuple[int, int]:
    """Return the length at ``pos``, checked against the bytes that are left, and the position behind it."""
    packer = _LENGTH[pos & 3]
    (length,) = packer.unpack_from(view, pos)
    pos += packer.size
    if length * least > len(view) - pos:
        raise ValueError(f"field {field.name!r} claims {length} values, {len(view) - pos} bytes are left")
    if field.kind == "sequence" and field.size and length > field.size:
        raise ValueError(f"field {field.name!r} claims {length} values; its bound is {field.size}")
    return length, pos


def _put_text(out: list[Any], pos: int, text: str, field: Field) -> int:
    data = text.encode()
    if field.text_bound and len(data) > field.text_bound:
        raise ValueError(f"field {field.name!r} holds {len(data)} bytes of text; its bound is {field.text_bound}")
    packer = _LENGTH[pos & 3]
    out.append(packer.pack(len(data) + 1) + data + b"\0")
    return pos + packer.size + len(data) + 1


def _take_text(view: memoryview, pos: int, field: Field) -> tuple[str, int]:
    packer = _LENGTH[pos & 3]
    (length,) = packer.unpack_from(view, pos)
    pos += packer.size
    if length > len(view) - pos:
        raise ValueError(f"field {field.name!r} claims {length} bytes of text, {len(view) - pos} are left")
    if length and view[pos + length - 1]:
        raise ValueError(f"field {field.name!r}: text does not end with NUL")
    # Some writers send an empty string without its NUL, as length 0.
    return str(view[pos : pos + max(length - 1, 0)], "utf-8"), pos + length


class Text:
    """One string."""

    least = 4

    def __init__(self, owner: int, field: Field) -> None:
        self._owner, self._field = owner, field

    def put(self, out: list[Any], pos: int, dicts: Sequence[Mapping[str, Any]]) -> int:
        return _put_text(out, pos, dicts[self._owner][self._field.name], self._field)

    def take(self, view: memoryview, pos: int, dicts: Sequence[dict[str, Any]]) -> int:
        dicts[self._owner][self._field.name], pos = _take_text(view, pos, self._field)
        return pos


class _Many:
    """A fixed array or a sequence of things that are no numbers."""

    def __init__(self, owner: int, field: Field) -> None:
        self._owner, self._field = owner, field
        self._fixed = field.size if field.kind == "fixed" else None

    def _put_count(self, out: list[Any], pos: int, items: Sized) -> int:
        if self._fixed is None:
            return _put_length(out, pos, len(items), self._field)
        if len(items) != self._fixed:
            raise ValueError(f"field {self._field.name!r} needs {self._fixed} values, got {len(items)}")
        return pos

    def _take_count(self, view: memoryview, pos: int, least: int) -> tuple[int, int]:
        if self._fixed is None:
            return _take_length(view, pos, self._field, least)
        if self._fixed * least > len(view) - pos:
            raise ValueError(f"field {self._field.name!r} needs {self._fixed} values, {len(view) - pos} bytes are left")
        return self._fixed, pos


class Texts(_Many):
    """Strings; decoded to a list."""

    def __init__(self, owner: int, field: Field) -> None:
        super().__init__(owner, field)
        self.least = 4 * (self._fixed or 1)

    def put(self, out: list[Any], pos: int, dicts: Sequence[Mapping[str, Any]]) -> int:
        items = dicts[self._owner][self._field.name]
        pos = self._put_count(out, pos, items)
        for item in items:
            pos = _put_text(out, pos, item, self._field)
        return pos

    def take(self, view: memoryview, pos: int, dicts: Sequence[dict[str, Any]]) -> int:
        count, pos = self._take_count(view, pos, 4)
        items = dicts[self._owner][self._field.name] = []
        for _ in range(count):
            item, pos = _take_text(view, pos, self._field)
            items.append(item)
        return pos


class Structs(_Many):
    """Nested messages; decoded to a list of dicts."""

    def __init__(self, owner: int, field: Field, walk: Walk) -> None:
        super().__init__(owner, field)
        self._walk = walk
        self.least = 4 if self._fixed is None else self._fixed * walk.least

    def put(self, out: list[Any], pos: int, dicts: Sequence[Mapping[str, Any]]) -> int:
        items = dicts[self._owner][self._field.name]
        pos = self._put_count(out, pos, items)
        for item in items:
            pos = self._walk.put(out, pos, item)
        return pos

    def take(self, view: memoryview, pos: int, dicts: Sequence[dict[str, Any]]) -> int:
        count, pos = self._take_count(view, pos, self._walk.least)
        items = dicts[self._owner][self._field.name] = []
        for _ in range(count):
            item, pos = self._walk.take(view, pos)
            items.append(item)
        return pos


class Numbers(_Many):
    """A sequence, or a long fixed array, of numbers as one buffer; decoded to a read-only view."""

    def __init__(self, owner: int, field: Field, dtype: np.dtype[Any]) -> None:
        super().__init__(owner, field)
        self._dtype = dtype
        self.least = 4 if self._fixed is None else self._fixed * dtype.itemsize

    def put(self, out: list[Any], pos: int, dicts: Sequence[Mapping[str, Any]]) -> int:
        array = self._array(dicts[self._owner][self._field.name])
        pos = self._put_count(out, pos, array)
        if not array.size:
            return pos
        gap = -pos % self._dtype.itemsize
        out.append(_PADDING[gap])
        out.append(array.view(np.uint8).data)
        return pos + gap + array.nbytes

    def take(self, view: memoryview, pos: int, dicts: Sequence[dict[str, Any]]) -> int:
        size = self._dtype.itemsize
        count, pos = self._take_count(view, pos, size)
        if count:
            pos += -pos % size
            if count * size > len(view) - pos:
                raise ValueError(f"field {self._field.name!r} claims {count} values, {len(view) - pos} bytes are left")
            array = np.frombuffer(view, self._dtype, count, pos)
        else:
            array = np.zeros(0, self._dtype)
        if self._dtype.kind == "b" and count and array.view(np.uint8).max() > 1:
            raise ValueError(f"field {self._field.name!r} holds a byte that is no bool")
        array.flags.writeable = False
        dicts[self._owner][self._field.name] = array
        return pos + count * size

    def _array(self, value: Any) -> np.ndarray:
        """Return ``value`` as a flat little-endian array; what would change a value is refused."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            value = np.frombuffer(value, np.uint8)
        array = np.asarray(value)
        same_kind = array.dtype.kind == self._dtype.kind == "f" and not isinstance(value, np.ndarray)
        if array.size and not same_kind and not np.can_cast(array.dtype, self._dtype, "safe"):
            array = self._checked_integers(array)
        return np.ascontiguousarray(array, self._dtype).reshape(-1)

    def _checked_integers(self, array: np.ndarray) -> np.ndarray:
        """Return integers in the wanted type, where every one of them fits."""
        if array.dtype.kind in "iu" and self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            if limits.min <= int(array.min()) and int(array.max()) <= limits.max:
                return array
        raise ValueError(f"field {self._field.name!r} needs {self._dtype}, got {array.dtype}")
