"""What every message has, and the shapes that messages share."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np

Array: TypeAlias = np.ndarray
Vector3: TypeAlias = tuple[float, float, float]
Quaternion: TypeAlias = tuple[float, float, float, float]
"""x, y, z, w, as in ROS."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that every message has.

    Attributes:
        stamp_ns: time of measurement, nanoseconds on the system's clock.
        frame_id: coordinate frame of the data (REP-105).
        seq: counts the messages of one publisher on one topic, from 0; the bus fills it in.
        source: name of the node that published it; the bus fills it in.
    """

    stamp_ns: int
    frame_id: str = ""
    seq: int = 0
    source: str = ""
