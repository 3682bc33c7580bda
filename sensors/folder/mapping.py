"""The mapping file ``selfcue.yaml`` of a folder: which files are which topics, and when they were measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from selfcue.config.yaml_file import read_yaml

MAPPING = "selfcue.yaml"
Unit = Literal["ns", "us", "ms", "s"]


@dataclass(frozen=True)
class Pictures:
    """Pictures of one camera.

    Attributes:
        files: pattern of their names below the folder, as ``cam0/*.png``; they are taken in the order of their names.
        frame_id: of the messages.
        rate_hz: the first is at ``start_s``, each next one period later; or
        times: a table with one line a picture (CSV, its first column the time, ``#`` comments), in the same order; or
        stamped_names: the name of each file, without its suffix, is its time.
        start_s: of the first, with ``rate_hz`` alone.
        unit: of ``times`` and ``stamped_names``.
    """

    files: str
    frame_id: str = ""
    rate_hz: float = 0.0
    times: str = ""
    stamped_names: bool = False
    start_s: float = 0.0
    unit: Unit = "ns"

    def __post_init__(self) -> None:
        if (self.rate_hz > 0) + bool(self.times) + self.stamped_names != 1:
            raise ValueError("give one of rate_hz (above 0), times and stamped_names")


@dataclass(frozen=True)
class Sound:
    """A WAV file of whole numbers (PCM).

    Attributes:
        file: its name below the folder.
        start_s: time of its first sample.
        block_ms: length of a message.
        frame_id: of the messages.
    """

    file: str
    start_s: float = 0.0
    block_ms: float = 100.0
    frame_id: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.block_ms <= 60_000:
            raise ValueError(f"block_ms is {self.block_ms}; it lies in 1 to 60000")


@dataclass(frozen=True)
class Table:
    """A table (CSV) whose first line names the columns.

    Attributes:
        file: its name below the folder.
        time: column of the time.
        unit: of the time.
        type: Imu, MagneticField, Position, Pose, NavSatFix, Vector, Twist or Scalars.
        fields: columns of each field of the type, in order (``angular_velocity: [gx, gy, gz]``); for Scalars: the
            columns to take under ``values``, or nothing for all.
        scale: what the columns of a field are multiplied with to give the message's unit (0.0174533 for degrees).
        frame_id: of the messages.
        separator: between columns.
        start_s: added to every time.
    """

    file: str
    time: str
    unit: Unit = "s"
    type: str = "Scalars"
    fields: dict[str, list[str]] = field(default_factory=dict)
    scale: dict[str, float] = field(default_factory=dict)
    frame_id: str = ""
    separator: str = ","
    start_s: float = 0.0


@dataclass(frozen=True)
class Mapping:
    """All of a mapping file, by topic.

    Attributes:
        images, audio, tables: what lies in the folder.
        time_base: what the times count from, in a few words.
    """

    images: dict[str, Pictures] = field(default_factory=dict)
    audio: dict[str, Sound] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    time_base: str = "as the mapping file says"


def read_mapping(folder: Path) -> Mapping:
    """Return the mapping of ``folder``.

    Raises:
        BadInputError: it cannot be read, or a key or value is wrong; the message names it.
    """
    return read_yaml(folder / MAPPING, Mapping, give="images, audio or tables")
