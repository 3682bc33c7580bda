"""The parts that several conversions share: header, vectors, dicts as parallel arrays, checked choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Message, Quaternion, Vector3

Values: TypeAlias = dict[str, Any]
"""A ROS message by field name."""

NS = 1_000_000_000
MAX_STAMP_NS = (1 << 31) * NS - 1


def header(message: Message) -> Values:
    """Return the ``std_msgs/Header`` of ``message``."""
    sec, nanosec = divmod(checked_stamp(message.stamp_ns), NS)
    return {"stamp": {"sec": sec, "nanosec": nanosec}, "frame_id": message.frame_id}


def checked_stamp(stamp_ns: int) -> int:
    """Return ``stamp_ns`` where a ``builtin_interfaces/Time`` can hold it, else raise BadInputError."""
    if not 0 <= stamp_ns <= MAX_STAMP_NS:
        raise BadInputError(f"stamp {stamp_ns} ns does not fit a ROS time (0 to 2^31 s); check the clock")
    return stamp_ns


def stamp_of(time: Mapping[str, int]) -> int:
    """Return a ``builtin_interfaces/Time`` in nanoseconds."""
    return time["sec"] * NS + time["nanosec"]


def xyz(vector: Vector3) -> Values:
    """Return a vector as ``geometry_msgs/Vector3`` or ``Point``."""
    x, y, z = vector
    return {"x": x, "y": y, "z": z}


def vector_of(values: Mapping[str, float]) -> Vector3:
    """Return a ``geometry_msgs/Vector3`` or ``Point`` as a vector."""
    return values["x"], values["y"], values["z"]


def xyzw(quaternion: Quaternion) -> Values:
    """Return a ``geometry_msgs/Quaternion``."""
    x, y, z, w = quaternion
    return {"x": x, "y": y, "z": z, "w": w}


def quaternion_of(values: Mapping[str, float]) -> Quaternion:
    """Return a ``geometry_msgs/Quaternion`` as x, y, z, w."""
    return values["x"], values["y"], values["z"], values["w"]


def twist(linear: Vector3, yaw_rate: float) -> Values:
    """Return a ``geometry_msgs/Twist`` that turns about z alone."""
    return {"linear": xyz(linear), "angular": {"x": 0.0, "y": 0.0, "z": yaw_rate}}


def split(items: Mapping[str, Any], names: str, values: str) -> Values:
    """Return a dict as two parallel arrays called ``names`` and ``values``."""
    return {names: list(items), values: list(items.values())}


def join(values: Mapping[str, Any], names_field: str, values_field: str) -> dict[str, Any]:
    """Return the dict that ``split`` took apart."""
    names, numbers = values[names_field], values[values_field]
    if len(names) != len(numbers):
        raise ValueError(f"{names_field} has {len(names)} entries, {values_field} has {len(numbers)}")
    return dict(zip(names, numbers.tolist(), strict=True))


def numbers_of(array: Iterable[float]) -> tuple[float, ...]:
    """Return a decoded array of numbers, short (a tuple) or long (numpy), as a tuple of Python numbers."""
    return tuple(array.tolist() if isinstance(array, np.ndarray) else array)


def choice(value: str, allowed: Sequence[str], what: str) -> str:
    """Return ``value`` where it is one of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}, not one of {', '.join(allowed)}")
    return value


def typed(what: str, array: np.ndarray, dtype: str) -> np.ndarray:
    """Return ``array`` where it has ``dtype``: another one would not come back as it was."""
    if array.dtype != np.dtype(dtype):
        raise BadInputError(f"{what} needs an array of {dtype}, got {array.dtype}")
    return array
