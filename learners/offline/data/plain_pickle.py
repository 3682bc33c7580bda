"""Old data sets come as pickles; this reads the few plain things in them, and can run nothing.

Python's own unpickler imports and calls what a file names. This is no unpickler: it walks the opcodes (``pickletools``
only names them) with a table of five constructors of its own. Whatever is not in the tables is refused.
"""

from __future__ import annotations

import pickletools
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError

_MARK = object()
_MOST_BYTES = 1 << 28


class _Array:
    """A numpy array whose shape, type and bytes are still to come."""

    value: np.ndarray

    def build(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        raw = data.encode("latin-1") if isinstance(data, str) else data
        array = np.frombuffer(raw, dtype.value).reshape(shape, order="F" if fortran else "C")
        self.value = array.copy()


class _Dtype:
    """A plain numeric dtype."""

    def __init__(self, code: str, *_: Any) -> None:
        if np.dtype(code).kind not in "biuf":
            raise ValueError(f"dtype {code!r} is not numeric")
        self.value = np.dtype(code)

    def build(self, state: Any) -> None:
        self.value = self.value.newbyteorder(state[1])


class _Csr:
    """A scipy CSR matrix from its attributes."""

    value: Any

    def build(self, state: dict[str, Any]) -> None:
        from selfcue.optional import require

        sparse = require("scipy.sparse", extra="offline")
        shape = state.get("_shape", state.get("shape"))
        parts = tuple(state[name].value for name in ("data", "indices", "indptr"))
        self.value = sparse.csr_matrix(parts, shape=shape)


def _counted(factory: Any = None, *_: Any) -> defaultdict[Any, Any]:
    if factory is not _new_list:
        raise ValueError("a defaultdict of something else than lists")
    return defaultdict(list)


def _new_list(*_: Any) -> list[Any]:
    return []


def _new_array(*_: Any) -> _Array:
    return _Array()


_CALLS: dict[str, Any] = {
    "numpy.core.multiarray _reconstruct": _new_array,
    "numpy._core.multiarray _reconstruct": _new_array,
    "numpy ndarray": _Array,
    "numpy dtype": _Dtype,
    "scipy.sparse.csr csr_matrix": _Csr,
    "scipy.sparse._csr csr_matrix": _Csr,
    "collections defaultdict": _counted,
    "__builtin__ list": _new_list,
    "builtins list": _new_list,
}


class _Machine:
    """The stack and the memo of one file."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.steps: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "FRAME": lambda _: None,
            "STOP": lambda _: None,
            "MARK": lambda _: self.stack.append(_MARK),
            "NONE": lambda _: self.stack.append(None),
            "NEWTRUE": lambda _: self.stack.append(True),
            "NEWFALSE": lambda _: self.stack.append(False),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "GLOBAL": self._name,
            "REDUCE": lambda _: self._call(),
            "NEWOBJ": lambda _: self._call(),
            "BUILD": lambda _: self._build(),
            "TUPLE": lambda _: self.stack.append(tuple(self._to_mark())),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "APPEND": lambda _: self._append([self.stack.pop()]),
            "APPENDS": lambda _: self._append(self._to_mark()),
            "SETITEM": lambda _: self._set([self.stack.pop(-2), self.stack.pop()]),
            "SETITEMS": lambda _: self._set(self._to_mark()),
        }
        for name in ("BININT", "BININT1", "BININT2", "INT", "LONG1", "BINFLOAT"):
            self.steps[name] = self.stack.append
        for name in ("SHORT_BINSTRING", "BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINUNICODE", "SHORT_BINUNICODE"):
            self.steps[name] = self.stack.append
        for name in ("BINPUT", "LONG_BINPUT"):
            self.steps[name] = lambda place: self.memo.__setitem__(place, self.stack[-1])
        for name in ("BINGET", "LONG_BINGET"):
            self.steps[name] = lambda place: self.stack.append(self.memo[place])

    def _name(self, name: str) -> None:
        if name not in _CALLS:
            raise ValueError(f"it names {name.replace(' ', '.')}, which plain data does not need")
        self.stack.append(_CALLS[name])

    def _call(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if called not in _CALLS.values():  # a name comes from _name alone, yet the stack is the file's
            raise ValueError("it calls something that is no constructor")
        self.stack.append(called(*arguments))

    def _build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Dtype, _Csr)):
            raise TypeError("it sets the state of something that has none")
        self.stack[-1].build(state)

    def _tuple(self, count: int) -> None:
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def _to_mark(self) -> list[Any]:
        place = len(self.stack) - 1 - self.stack[::-1].index(_MARK)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _append(self, items: list[Any]) -> None:
        list.extend(self.stack[-1], items)

    def _set(self, items: list[Any]) -> None:
        dict.update(self.stack[-1], zip(items[::2], items[1::2], strict=True))


def read_plain_pickle(path: Path) -> Any:
    """Return the numpy array, scipy CSR matrix, dict, or list of integers that ``path`` holds.

    Python 2's pickles are read too (their strings as latin-1).

    Raises:
        BadInputError: the file is missing, too large, damaged, or holds anything else; nothing of it was run.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > _MOST_BYTES:
        raise BadInputError(f"{path}: {len(raw)} bytes; plain data of at most {_MOST_BYTES} is read")
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name not in machine.steps:
                raise ValueError(f"opcode {opcode.name}")
            machine.steps[opcode.name](argument)
        (result,) = machine.stack
    except Exception as error:  # noqa: BLE001 - a hostile file may break the stack in any way
        raise BadInputError(f"{path}: refused, it is not plain arrays and lists ({error})") from None
    return _finished(result, path)


def _finished(result: Any, path: Path) -> Any:
    if isinstance(result, (_Array, _Csr)):
        if not hasattr(result, "value"):
            raise BadInputError(f"{path}: refused, an array without content")
        return result.value
    if isinstance(result, dict):
        for key, value in result.items():
            if type(key) is not int or not isinstance(value, list) or any(type(x) is not int for x in value):
                raise BadInputError(f"{path}: refused, a dict of something else than lists of integers")
        return {key: list(value) for key, value in result.items()}
    if isinstance(result, list) and all(type(x) is int for x in result):
        return result
    raise BadInputError(f"{path}: refused, it holds neither an array nor lists of integers")
