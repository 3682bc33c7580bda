"""How a serial unit's bytes are to be read: a small description, in YAML or in a launch file.

Binary frames begin with fixed bytes and hold numbers at fixed places; text lines hold words between separators.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfcue.config.yaml_file import read_yaml
from selfcue.sensors.autopilot import STANDARD_GRAVITY, TESLA_PER_GAUSS
from selfcue.sensors.imu.checksums import CHECKSUMS, Checksum

NumberType = Literal["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "pad"]
Order = Literal["little", "big"]

CODES: dict[str, str] = {
    "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f",
    "f64": "d", "pad": "x",
}  # fmt: skip
SIZES: dict[str, int] = {name: struct.calcsize(f"={code}") for name, code in CODES.items()}

_RADIAN = 0.017453292519943295
UNITS: dict[str, dict[str, float]] = {
    "accel": {"m/s^2": 1.0, "g": STANDARD_GRAVITY, "mg": 1e-3 * STANDARD_GRAVITY},
    "gyro": {"rad/s": 1.0, "mrad/s": 1e-3, "deg/s": _RADIAN, "mdeg/s": 1e-3 * _RADIAN},
    "field": {"T": 1.0, "uT": 1e-6, "nT": 1e-9, "gauss": TESLA_PER_GAUSS, "mgauss": 1e-3 * TESLA_PER_GAUSS},
    "temperature": {"C": 1.0, "mC": 1e-3},
    "time": {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0},
    "counter": {"": 1.0},
}
"""By quantity: the units that a field may have, and what makes ours of them (time: nanoseconds)."""
NAMES = (*(f"{what}_{axis}" for what in ("accel", "gyro", "field") for axis in "xyz"), "temperature", "time", "counter")
_ACCEL, _GYRO, _FIELD = NAMES[:3], NAMES[3:6], NAMES[6:9]


@dataclass(frozen=True)
class Field:
    """One number of a frame or one word of a line.

    Attributes:
        name: accel_x to accel_z, gyro_x to gyro_z, field_x to field_z, temperature, time, counter; empty: not used.
        type: of a number; ``pad`` skips bytes. In text, a whole type of a time or counter says where it wraps.
        unit: m/s^2, g, mg; rad/s, mrad/s, deg/s, mdeg/s; T, uT, nT, gauss, mgauss; C, mC; s, ms, us, ns. Empty: the
            first of its kind; a time has to have one.
        scale, offset: value = (number * scale + offset) in ``unit``.
        count: bytes that a ``pad`` skips.
    """

    name: str = ""
    type: NumberType = "f64"
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 4096:
            raise ValueError(f"a field's count is {self.count}; it lies in 1 to 4096")
        if not self.name:
            return
        if self.name not in NAMES:
            raise ValueError(f"field {self.name!r} is not known; known: {', '.join(NAMES)}, or empty for one to skip")
        if self.type == "pad":
            raise ValueError(f"field {self.name!r} cannot be of type pad")
        units = UNITS[self.quantity]
        if self.unit not in units and (self.unit or self.quantity == "time"):
            raise ValueError(f"field {self.name!r}: unit {self.unit!r} is none of {', '.join(units)}")
        if self.quantity == "counter" and self.type == "f32":
            raise ValueError(f"field {self.name!r}: a counter is a whole number; give u8, u16, u32 or u64")

    @property
    def quantity(self) -> str:
        """What it measures: accel, gyro, field, temperature, time or counter."""
        return self.name.partition("_")[0]

    @property
    def to_ours(self) -> float:
        """What makes our unit of a value in the field's."""
        units = UNITS[self.quantity]
        return units[self.unit] if self.unit else next(iter(units.values()))

    @property
    def size(self) -> int:
        """Bytes that it takes in a frame."""
        return self.count if self.type == "pad" else SIZES[self.type]

    @property
    def wraps_at(self) -> int:
        """Where a whole number begins again at 0; 0: it never does."""
        return 0 if self.type[0] not in "ui" else 1 << (8 * SIZES[self.type])


@dataclass(frozen=True)
class BinaryFraming:
    """Frames: ``sync``, the fields, perhaps padding, perhaps a checksum, perhaps ``end``.

    Attributes:
        sync: first bytes of each frame, in hexadecimal digits: ``aa 55``.
        fields: in the order in which they lie in the frame.
        order: of the bytes of a number.
        length: of a whole frame in bytes, where it has padding before its checksum; 0: as long as its parts.
        checksum: its kind. It covers all from ``checksum_from`` up to itself.
        checksum_from: first byte that it covers, counted from the frame's first; -1: the first after ``sync``.
        checksum_order: of a checksum's two bytes; empty: as ``order``.
        end: last bytes, in hexadecimal digits.
    """

    sync: str
    fields: tuple[Field, ...]
    order: Order = "little"
    length: int = 0
    checksum: Checksum = "none"
    checksum_from: int = -1
    checksum_order: Literal["", "little", "big"] = ""
    end: str = ""

    def __post_init__(self) -> None:
        sync, end = _hex("sync", self.sync), _hex("end", self.end)
        if not sync or (len(sync) + len(end) < 2 and self.checksum == "none"):
            raise ValueError("frames without a checksum need two bytes of sync and end; with one, a byte of sync")
        _check_fields(self.fields)
        if self.length and self.length < self.smallest:
            raise ValueError(f"length is {self.length} bytes, but the frame's parts take {self.smallest}")
        if self.size > 4096:
            raise ValueError(f"a frame of {self.size} bytes is longer than the 4096 that are allowed")
        if not -1 <= self.checksum_from < self.size:
            raise ValueError(f"checksum_from {self.checksum_from} lies outside of the frame's {self.size} bytes")

    @property
    def sync_bytes(self) -> bytes:
        return _hex("sync", self.sync)

    @property
    def end_bytes(self) -> bytes:
        return _hex("end", self.end)

    @property
    def smallest(self) -> int:
        """Bytes that the parts take without padding."""
        body = sum(one.size for one in self.fields)
        return len(self.sync_bytes) + body + CHECKSUMS[self.checksum][0] + len(self.end_bytes)

    @property
    def size(self) -> int:
        """Bytes of a whole frame."""
        return self.length or self.smallest


@dataclass(frozen=True)
class TextFraming:
    """Lines of words: ``$PIMU,17,0.1,...*5C`` or plain comma-separated numbers.

    Attributes:
        fields: one for each word after ``head``; further words are passed over.
        head: first word of the lines to take (``$PIMU``); empty takes every line and its first word is a field.
        separator: between words; a blank means any white space.
        checksum: ``nmea``: two hexadecimal digits after ``*``, the exclusive or of all between ``$`` and ``*``.
        most_bytes: longer lines are garbage.
    """

    fields: tuple[Field, ...]
    head: str = ""
    separator: str = ","
    checksum: Literal["none", "nmea"] = "none"
    most_bytes: int = 512

    def __post_init__(self) -> None:
        _check_fields(self.fields)
        if len(self.separator) != 1 or not 8 <= self.most_bytes <= 4096:
            raise ValueError(
                f"separator {self.separator!r} must be one character, most_bytes {self.most_bytes} from 8 to 4096"
            )


@dataclass(frozen=True)
class Framing:
    """A unit's framing: one of both.

    Attributes:
        binary: frames of numbers.
        text: lines of words.
    """

    binary: BinaryFraming | None = None
    text: TextFraming | None = None

    def __post_init__(self) -> None:
        if (self.binary is None) == (self.text is None):
            raise ValueError("give one of binary and text")

    @property
    def fields(self) -> tuple[Field, ...]:
        kind = self.binary or self.text
        assert kind is not None
        return kind.fields


def read_framing(path: Path) -> Framing:
    """Return the description that a YAML file holds.

    Raises:
        BadInputError: it cannot be read, or a key or value is wrong; the message names it.
    """
    return read_yaml(path, Framing, give="binary or text")


def _check_fields(fields: tuple[Field, ...]) -> None:
    names = [one.name for one in fields if one.name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"field {twice[0]!r} is named twice")
    for group, needed in ((_ACCEL, True), (_GYRO, False), (_FIELD, False)):
        held = [name in names for name in group]
        if not all(held) and (needed or any(held)):
            raise ValueError(f"fields must hold all of {', '.join(group)}")


def _hex(name: str, digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"{name} {digits!r} is not written in pairs of hexadecimal digits") from None
