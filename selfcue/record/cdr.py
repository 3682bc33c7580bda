"""CDR, the binary form of ROS 2 messages: values as nested dicts to bytes and back.

Plain CDR version 1, little endian: a header ``00 01 00 00``, then the fields in order, each primitive aligned to its
own size counted from the end of the header; strings and sequences begin with a uint32 length, a string's includes its
final NUL. Source: OMG formal/02-06-51 section 15.3 and DDS-XTypes 1.3 section 7.4.

A message definition is compiled once into a flat list of operations. Neighbouring fixed-size fields, those of nested
types included, become one ``struct`` call; arrays of numbers move as numpy buffers. Every length is checked against
the bytes that are left before anything is made of it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.record.cdr_ops import Op, Run, Walk
from selfcue.record.cdr_variable import Numbers, Structs, Text, Texts
from selfcue.record.msgdef import PRIMITIVES, Definition, Field, full_name

HEADER = b"\x00\x01\x00\x00"
MAX_DEPTH = 16
MAX_RUN_ARRAY = 64
"""A fixed array up to this length decodes to a tuple, a longer one to a numpy array."""
_EMPTY = Field("structure_needs_at_least_one_member", "uint8")


class CdrCodec:
    """Encoder and decoder of one message type.

    Values are dicts by field name: numbers, ``str``, nested dicts; arrays of numbers are read-only numpy arrays when
    decoded (short fixed ones: tuples) and may be given as any sequence, bytes or numpy array of the right kind.
    """

    def __init__(self, name: str, definitions: Mapping[str, Definition]) -> None:
        self.name = full_name(name)
        self._walk = _compile(self.name, definitions, ())

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Return the message with its encapsulation header.

        Raises:
            BadInputError: a field is missing, or its value does not fit the definition.
        """
        return b"".join(self.pieces(values))

    def pieces(self, values: Mapping[str, Any]) -> tuple[bytes | bytearray | memoryview, ...]:
        """Return the same in pieces; arrays of numbers are not copied where they are of the right kind already."""
        out: list[Any] = [HEADER]
        try:
            self._walk.put(out, 0, values)
            return tuple(out)
        except KeyError as error:
            raise BadInputError(f"{self.name}: field {error} is missing") from None
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise BadInputError(f"{self.name}: a value does not fit its field ({error})") from error

    def decode(self, data: bytes | bytearray | memoryview) -> dict[str, Any]:
        """Return the values in ``data``; arrays are views into it.

        Raises:
            BadInputError: not little-endian CDR, or the bytes do not fit the definition.
        """
        view = memoryview(data)
        if view.nbytes < 4 or bytes(view[:2]) != HEADER[:2]:
            raise BadInputError(f"{self.name}: header {bytes(view[:4]).hex()} is not little-endian CDR (00010000)")
        try:
            values, end = self._walk.take(view[4:], 0)
        except (struct.error, ValueError) as error:
            raise BadInputError(f"{self.name}: the bytes do not fit the definition ({error})") from error
        if view.nbytes - 4 - end > 3:
            raise BadInputError(f"{self.name}: {view.nbytes - 4 - end} bytes are left over after the last field")
        return values


def _compile(name: str, definitions: Mapping[str, Definition], above: tuple[str, ...]) -> Walk:
    """Return the operations for one type."""
    parents: list[tuple[int, str]] = []
    ops: list[Op] = []
    run: list[tuple[int, str, int, str]] = []

    def close_run() -> None:
        if run:
            ops.append(Run(tuple(run)))
            run.clear()

    def add(definition: Definition, owner: int, above: tuple[str, ...]) -> None:
        if definition.name in above or len(above) >= MAX_DEPTH:
            raise BadInputError(f"message definition {definition.name} nests itself or too deep")
        above = (*above, definition.name)
        for field in definition.fields or (_EMPTY,):
            if field.kind == "one" and field.base not in PRIMITIVES and field.base != "string":
                parents.append((owner, field.name))
                add(_lookup(field.base, definitions), len(parents), above)
            elif field.base in PRIMITIVES and (field.kind == "one" or _short(field)):
                run.append((owner, field.name, field.size if field.kind == "fixed" else 0, PRIMITIVES[field.base]))
            else:
                close_run()
                ops.append(_operation(field, owner, definitions, above))

    add(_lookup(name, definitions), 0, above)
    close_run()
    return Walk(tuple(parents), tuple(ops))


def _short(field: Field) -> bool:
    return field.kind == "fixed" and field.size <= MAX_RUN_ARRAY


def _lookup(name: str, definitions: Mapping[str, Definition]) -> Definition:
    if name not in definitions:
        raise BadInputError(f"message type {name} is not defined")
    return definitions[name]


def _operation(field: Field, owner: int, definitions: Mapping[str, Definition], above: tuple[str, ...]) -> Op:
    """Return the operation for a field that is not of fixed size."""
    if field.base == "string":
        if field.kind == "one":
            return Text(owner, field)
        return Texts(owner, field)
    if field.base in PRIMITIVES:
        return Numbers(owner, field, np.dtype("<" + PRIMITIVES[field.base]))
    return Structs(owner, field, _compile(field.base, definitions, above))
