"""ROS 2 interface definitions (``.msg`` text) as data.

Understands what the interface language offers for messages: primitives, (bounded) strings, nested types, fixed arrays,
(bounded) sequences, constants and default values; ``wstring`` is refused. A schema as MCAP holds it is the root's
text, then each nested type after a line of ``=`` and a line ``MSG: package/Name``.

Source: https://docs.ros.org/en/rolling/Concepts/Basic/About-Interfaces.html and the ``ros2msg`` entry of
https://mcap.dev/spec/registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from selfcue.errors import BadInputError

PRIMITIVES: dict[str, str] = {
    "bool": "?",
    "byte": "B",
    "char": "B",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
"""Name of each fixed-size type and its code in Python's ``struct``."""

MAX_SCHEMA_CHARS = 1 << 20
MAX_FIXED_LENGTH = 1 << 24
_TYPE = re.compile(
    r"(?P<base>[A-Za-z][\w/]*)(?:<=(?P<text>\d+))?(?P<array>\[(?:(?P<bound><=)?(?P<size>\d+))?\])?", re.ASCII
)
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_SEPARATOR = re.compile(r"^={3,}[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """One member of a message.

    Attributes:
        name: as in the definition.
        base: a key of ``PRIMITIVES``, ``string``, or a type name ``package/msg/Name``.
        kind: one value, a fixed array, or a sequence.
        size: length of a fixed array; greatest length of a bounded sequence (0: unbounded).
        text_bound: greatest length of a bounded string in bytes (0: unbounded).
    """

    name: str
    base: str
    kind: Literal["one", "fixed", "sequence"] = "one"
    size: int = 0
    text_bound: int = 0


@dataclass(frozen=True)
class Definition:
    """One message type: ``name`` is ``package/msg/Name``."""

    name: str
    fields: tuple[Field, ...]

    @property
    def nested(self) -> tuple[str, ...]:
        """Names of the message types that the fields use, each once, in order."""
        bases = (field.base for field in self.fields if field.base not in PRIMITIVES and field.base != "string")
        return tuple(dict.fromkeys(bases))


def full_name(name: str, package: str = "") -> str:
    """Return ``package/msg/Name`` for the short forms ``Name`` and ``package/Name``."""
    parts = name.split("/")
    if name == "Header" or (len(parts) == 1 and not package):
        package = "std_msgs"
    if len(parts) == 1:
        return f"{package}/msg/{name}"
    if len(parts) == 2:
        return f"{parts[0]}/msg/{parts[1]}"
    return name


def parse_definition(name: str, text: str) -> Definition:
    """Return the definition that ``text`` (one ``.msg`` file) gives to ``name``.

    Raises:
        BadInputError: a line is not of the interface language; the message quotes it.
    """
    name = full_name(name)
    package = name.partition("/")[0]
    fields: list[Field] = []
    for line in text.splitlines():
        code = line.partition("#")[0].strip()
        if code and (field := _parse_field(name, package, code)) is not None:
            fields.append(field)
    if len({field.name for field in fields}) != len(fields):
        raise BadInputError(f"message definition {name} names a field twice")
    return Definition(name, tuple(fields))


def _parse_field(name: str, package: str, code: str) -> Field | None:
    """Return the field that a line declares, None for a constant."""
    type_text, _, rest = code.partition(" ")
    match = _TYPE.fullmatch(type_text)
    word = _NAME.match(rest.strip())
    if match is None or word is None:
        raise BadInputError(f"message definition {name}: line {code!r} is not 'TYPE NAME'")
    if rest.strip()[word.end() :].lstrip().startswith("="):
        return None
    base, text_bound = match["base"], int(match["text"] or 0)
    if base == "wstring":
        raise BadInputError(f"message definition {name}: field {word[0]!r} is a wstring, which is not supported")
    if text_bound and base != "string":
        raise BadInputError(f"message definition {name}: line {code!r} bounds a type that is no string")
    if base not in PRIMITIVES and base != "string":
        base = full_name(base, package)
    if match["array"] is None:
        return Field(word[0], base, text_bound=text_bound)
    size = int(match["size"] or 0)
    if match["size"] is None or match["bound"]:
        return Field(word[0], base, "sequence", size, text_bound)
    if not 0 < size <= MAX_FIXED_LENGTH:
        raise BadInputError(f"message definition {name}: line {code!r} has an array of {size}, not accepted")
    return Field(word[0], base, "fixed", size, text_bound)


def parse_schema(name: str, text: str) -> dict[str, Definition]:
    """Return the definitions in a ``ros2msg`` schema by full name; the root is ``full_name(name)``.

    Raises:
        BadInputError: too long, a line is not understood, or a nested type is missing.
    """
    if len(text) > MAX_SCHEMA_CHARS:
        raise BadInputError(f"schema of {name} has {len(text)} characters; the limit is {MAX_SCHEMA_CHARS}")
    root, *others = _SEPARATOR.split(text)
    found = {full_name(name): parse_definition(name, root)}
    for part in others:
        head, _, body = part.lstrip().partition("\n")
        if not head.startswith("MSG:"):
            raise BadInputError(
                f"schema of {name}: expected 'MSG: package/Name' after a line of '=', got {head[:60]!r}"
            )
        definition = parse_definition(head[4:].strip(), body)
        found.setdefault(definition.name, definition)
    for definition in found.values():
        for nested in definition.nested:
            if nested not in found:
                raise BadInputError(f"schema of {name}: type {nested} is used and not defined")
    return found
