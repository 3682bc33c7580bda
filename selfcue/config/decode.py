"""Plain values into frozen dataclasses, strictly: an unknown key or a wrong type is an error that says where."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def decode(value: Any, kind: type[T], where: str = "") -> T:
    """Return ``value`` (maps, lists, scalars) as ``kind``.

    Args:
        where: path of ``value`` in its file, for the error.

    Raises:
        ValueError: one line: the path, what was found and what was expected.
    """
    check_keys(value, kind, where)
    try:
        return msgspec.convert(value, type=kind, strict=True)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise ValueError(f"{where}{path.rstrip('`')}: {text[:1].lower()}{text[1:]}") from error


def check_keys(value: Any, kind: Any, where: str) -> None:
    """Raise ValueError for the first key in ``value`` that no dataclass field answers to."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            if option is not type(None):
                check_keys(value, option, where)
    elif origin in (list, tuple) and isinstance(value, list):
        for i, item in enumerate(value):
            check_keys(item, arguments[0] if arguments else Any, f"{where}[{i}]")
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            check_keys(item, arguments[1], f"{where}.{key}")
    elif dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind)
        known = [field.name for field in dataclasses.fields(kind)]
        for key, item in value.items():
            if key not in known:
                close = difflib.get_close_matches(str(key), known, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known) or 'none'}"
                raise ValueError(f"{where}.{key}: no such key; {hint}")
            check_keys(item, hints[key], f"{where}.{key}")
