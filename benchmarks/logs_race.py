"""Writing and reading of logs beside the mcap library, rosbags and a plain copy: the same messages, chunks and checks.

All of them end with the file on the disk (fsync). Ours begins with our messages and ends with our messages; the others
are given CDR and give CDR, which is in their favour.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from selfcue.errors import SelfcueError
from selfcue.messages import Image, Imu, Message
from selfcue.record.convert import to_ros
from selfcue.record.definitions import codec, schema_text
from selfcue.record.mcap_file import Compression
from selfcue.record.reader import LogReader
from selfcue.record.writer import LogWriter

CHUNK_BYTES = 1 << 20
OURS, MCAP, ROSBAGS, COPY = "selfcue", "mcap", "rosbags", "plain copy"
_SCHEMAS = {"images": "sensor_msgs/msg/Image", "imu": "sensor_msgs/msg/Imu"}


@dataclass(frozen=True)
class Load:
    """Messages of one kind: ``number`` of them, from a few that take turns."""

    name: str
    messages: list[Message]
    number: int
    cdr: list[bytes] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Of all messages as CDR."""
        return sum(len(self.cdr[i % len(self.cdr)]) for i in range(self.number))

    def stamped(self) -> Iterator[tuple[int, Message]]:
        """Yield log time and message."""
        for i in range(self.number):
            yield 1_000_000 * i, self.messages[i % len(self.messages)]

    def encoded(self) -> Iterator[tuple[int, bytes]]:
        """Yield log time and CDR."""
        for i in range(self.number):
            yield 1_000_000 * i, self.cdr[i % len(self.cdr)]


def images(number: int) -> Load:
    """Return pictures of 640 x 480 rgb8 (0.9 MB) of noise, which no compression shrinks."""
    rng = np.random.default_rng(0)
    data = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(8)]
    return _load(
        "images", [Image(stamp_ns=i, frame_id="camera", encoding="rgb8", data=data[i]) for i in range(8)], number
    )


def inertial(number: int) -> Load:
    """Return inertial samples (0.3 kB)."""
    values = np.random.default_rng(0).normal(size=(512, 6)).tolist()
    found: list[Message] = [
        Imu(stamp_ns=i, frame_id="imu", angular_velocity=tuple(one[:3]), linear_acceleration=tuple(one[3:]))
        for i, one in enumerate(values)
    ]
    return _load("imu", found, number)


def _load(name: str, messages: list[Message], number: int) -> Load:
    encode = codec(_SCHEMAS[name]).encode
    return Load(name, messages, number, [encode(to_ros(message)[1]) for message in messages])


Write = Callable[[Path, Load, Compression, bool], None]
"""Writes a load; ``crc``: with a checksum of each chunk."""


def write_ours(path: Path, load: Load, compression: Compression, crc: bool) -> None:
    """Write our messages with our writer."""
    writer = LogWriter(path, chunk_bytes=CHUNK_BYTES, compression=compression, crc=crc)
    for log_time_ns, message in load.stamped():
        writer.write(load.name, message, log_time_ns)
    writer.close()


def write_mcap(path: Path, load: Load, compression: Compression, crc: bool) -> None:
    """Write CDR with the mcap library."""
    from mcap.writer import CompressionType, Writer

    kind = {"none": CompressionType.NONE, "lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD}[compression]
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, compression=kind, enable_crcs=crc)
        writer.start(profile="ros2")
        name = _SCHEMAS[load.name]
        schema = writer.register_schema(name, "ros2msg", schema_text(name).encode())
        channel = writer.register_channel("/" + load.name, "cdr", schema)
        for i, (log_time_ns, data) in enumerate(load.encoded()):
            writer.add_message(channel, log_time_ns, data, log_time_ns, i)
        writer.finish()  # type: ignore[no-untyped-call]
        file.flush()
        os.fsync(file.fileno())


def write_rosbags(path: Path, load: Load, compression: Compression, crc: bool) -> None:
    """Write CDR with rosbags, whose chunks have 1 MiB, too."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    if crc or compression == "lz4":
        raise SelfcueError("rosbags writes no chunk checksum and no lz4")
    bag = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
    if compression == "zstd":
        bag.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with bag:
        connection = bag.add_connection(
            "/" + load.name, _SCHEMAS[load.name], typestore=get_typestore(Stores.ROS2_HUMBLE)
        )
        for log_time_ns, data in load.encoded():
            bag.write(connection, log_time_ns, data)
    with next(path.glob("*.mcap")).open("rb") as file:
        os.fsync(file.fileno())


def write_plain(path: Path, load: Load, compression: Compression, crc: bool) -> None:  # noqa: ARG001 - it has neither
    """Write the bare bytes."""
    with path.open("wb", buffering=CHUNK_BYTES) as file:
        for _, data in load.encoded():
            file.write(data)
        file.flush()
        os.fsync(file.fileno())


WRITERS: dict[str, Write] = {OURS: write_ours, MCAP: write_mcap, ROSBAGS: write_rosbags, COPY: write_plain}


def read_ours(path: Path) -> int:
    """Read our messages, checksums checked; return how many."""
    with LogReader(path) as log:
        return sum(1 for _ in log.messages())


def read_mcap(path: Path) -> int:
    """Read CDR, checksums checked; return how many messages."""
    from mcap.reader import make_reader

    with path.open("rb") as file:
        return sum(1 for _ in make_reader(file, validate_crcs=True).iter_messages())


def read_rosbags(path: Path) -> int:
    """Read messages of rosbags; return how many."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    with AnyReader([path], default_typestore=get_typestore(Stores.EMPTY)) as bag:
        return sum(1 for one in bag.messages() if bag.deserialize(one[2], one[0].msgtype))


def read_plain(path: Path) -> int:
    """Read the bare bytes."""
    with path.open("rb") as file:
        while file.read(CHUNK_BYTES):
            pass
    return -1


READERS: dict[str, Callable[[Path], int]] = {OURS: read_ours, MCAP: read_mcap, ROSBAGS: read_rosbags, COPY: read_plain}


@dataclass
class Race:
    """Seconds by contender and repeat."""

    load: Load
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, one: str, other: str) -> float:
        """Return how many times as fast as ``other`` ``one`` was: the median over repeats."""
        pairs = zip(self.seconds[one], self.seconds[other], strict=True)
        return float(np.median([theirs / ours for ours, theirs in pairs]))

    def rows(self, what: str) -> list[dict[str, Any]]:
        found = []
        for name, seconds in self.seconds.items():
            middle = float(np.median(seconds))
            found.append({
                "": what, "who": name, "MB/s": self.load.nbytes / middle / 1e6, "messages/s": self.load.number / middle,
            })  # fmt: skip
        return found


def race_writing(
    load: Load, names: list[str], folder: Path, *, compression: Compression, crc: bool, repeats: int, progress: Progress
) -> Race:
    """Let ``names`` write ``load``, in turn, again and again."""
    race = Race(load, {name: [] for name in names})
    task = progress.add_task(f"write {load.name}, {compression}", total=repeats * len(names))
    for repeat in range(repeats):
        for turn in range(len(names)):
            name = names[(turn + repeat) % len(names)]
            path = folder / "written.mcap"
            begin = time.perf_counter()
            WRITERS[name](path, load, compression, crc)
            race.seconds[name].append(time.perf_counter() - begin)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            progress.advance(task)
    return race


def race_reading(load: Load, folder: Path, *, repeats: int, progress: Progress) -> Race:
    """Let all read one file of ours, in turn, again and again."""
    path = folder / "read.mcap"
    write_ours(path, load, "none", crc=True)
    race = Race(load, {name: [] for name in READERS})
    task = progress.add_task(f"read {load.name}", total=repeats * len(READERS))
    for repeat in range(repeats):
        for turn in range(len(READERS)):
            name = list(READERS)[(turn + repeat) % len(READERS)]
            begin = time.perf_counter()
            number = READERS[name](path)
            race.seconds[name].append(time.perf_counter() - begin)
            if number not in (-1, load.number):
                raise SelfcueError(f"{name} read {number} messages of {load.number}")
            progress.advance(task)
    path.unlink()
    return race
