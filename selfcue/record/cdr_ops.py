"""The operations that a message definition is compiled into (see ``cdr``).

``put`` appends buffers to a list and returns the new position, ``take`` reads from a view; positions count from the
end of the encapsulation header. ``least`` is the smallest number of bytes an operation can take, alignment left out:
it bounds what a length field may claim.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol


class Op(Protocol):
    """One step of encoding or decoding; ``dicts`` are the message and its nested single values."""

    least: int

    def put(self, out: list[Any], pos: int, dicts: Sequence[Mapping[str, Any]]) -> int: ...

    def take(self, view: memoryview, pos: int, dicts: Sequence[dict[str, Any]]) -> int: ...


class Walk:
    """All operations of one type; ``parents`` says which dict holds which nested dict under which name."""

    def __init__(self, parents: tuple[tuple[int, str], ...], ops: tuple[Op, ...]) -> None:
        self._parents, self._ops = parents, ops
        self.least = sum(op.least for op in ops)

    def put(self, out: list[Any], pos: int, values: Mapping[str, Any]) -> int:
        dicts = [values]
        for owner, name in self._parents:
            dicts.append(dicts[owner][name])
        for op in self._ops:
            pos = op.put(out, pos, dicts)
        return pos

    def take(self, view: memoryview, pos: int) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        dicts = [values]
        for owner, name in self._parents:
            nested: dict[str, Any] = {}
            dicts[owner][name] = nested
            dicts.append(nested)
        for op in self._ops:
            pos = op.take(view, pos, dicts)
        return values, pos


class Run:
    """Neighbouring fields of fixed size; each is ``(owner, name, length or 0 for one value, struct code)``."""

    def __init__(self, fields: tuple[tuple[int, str, int, str], ...]) -> None:
        self._fields = [(owner, name, length) for owner, name, length, _ in fields]
        self._getters = _getters(self._fields)
        codes = [code for *_, length, code in fields for _ in range(length or 1)]
        self._structs = [_aligned(codes, start) for start in range(8)]
        self.least = sum(struct.calcsize(f"<{code}") for code in codes)

    def put(self, out: list[Any], pos: int, dicts: Sequence[Mapping[str, Any]]) -> int:
        values: list[Any] = []
        for owner, name, length, several in self._getters:
            if several is not None:
                values += several(dicts[owner])
            elif not length:
                values.append(dicts[owner][name])
            else:
                array = dicts[owner][name]
                if len(array) != length:
                    raise ValueError(f"field {name!r} needs {length} values, got {len(array)}")
                values.extend(array)
        packer = self._structs[pos & 7]
        out.append(packer.pack(*values))
        return pos + packer.size

    def take(self, view: memoryview, pos: int, dicts: Sequence[dict[str, Any]]) -> int:
        packer = self._structs[pos & 7]
        values = packer.unpack_from(view, pos)
        at = 0
        for owner, name, length in self._fields:
            if length:
                dicts[owner][name] = values[at : at + length]
                at += length
            else:
                dicts[owner][name] = values[at]
                at += 1
        return pos + packer.size


def _getters(
    fields: Sequence[tuple[int, str, int]],
) -> list[tuple[int, str, int, Callable[[Mapping[str, Any]], tuple[Any, ...]] | None]]:
    """Return what fetches the values of a run: single values of one dict together, for speed."""
    getters: list[tuple[int, str, int, Callable[[Mapping[str, Any]], tuple[Any, ...]] | None]] = []
    for (owner, single), group in groupby(fields, key=lambda field: (field[0], not field[2])):
        found = list(group)
        if single and len(found) > 1:
            names = [name for _, name, _ in found]
            getters.append((owner, names[0], 0, itemgetter(*names)))
        else:
            getters.extend((owner, name, length, None) for _, name, length in found)
    return getters


def _aligned(codes: Sequence[str], start: int) -> struct.Struct:
    """Return the struct of ``codes`` with the padding that it needs when it begins at ``start`` (modulo 8)."""
    layout, pos = "<", start
    for code in codes:
        size = struct.calcsize(f"<{code}")
        gap = -pos % size
        layout += "x" * gap + code
        pos += gap + size
    return struct.Struct(layout)
