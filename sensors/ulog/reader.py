"""PX4 flight logs (ULog) as a source of messages, read through pyulog.

Format: https://docs.px4.io/main/en/dev_log/ulog_file_format.html
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError, SelfcueError
from selfcue.messages import JournalEvent, Scalars
from selfcue.optional import require
from selfcue.sensors.streams import Stream, StreamReader
from selfcue.sensors.ulog.typed import typed_streams

MAGIC = b"ULog\x01\x12\x35"
_HEADER_BYTES = 16
_HEAD = struct.Struct("<HB")
_TYPES = frozenset(b"ABCDFILMOPQRS")
_MAX_US = (1 << 63) // 1000 - 1


class UlogReader(StreamReader):
    """A ``.ulg`` file.

    Every recorded topic is there number for number as ``ulog/NAME`` (Scalars; further instances ``ulog/NAME/1``),
    with the units of PX4's definitions and its own axes. Beside that, in our units and axes (x forward, y left, z up):
    ``imu`` (Imu of sensor_combined), ``mag`` (MagneticField), ``gps/fix`` (NavSatFix; height above the ellipsoid).
    ``ulog/log`` has the autopilot's words (JournalEvent), ``ulog/parameters`` its settings (JournalEvent, latched)
    and ``ulog/parameter`` their changes.

    Raises:
        BadInputError: no ULog, or nothing of it can be read.
        MissingDependencyError: pyulog is not installed.
    """

    looks_for: ClassVar[str] = "a PX4 .ulg"
    time_base: ClassVar[str] = "since the autopilot's boot"

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        log = _load(self.path)
        self.loss = "; ".join(_losses(self.path, log))
        self._start_us = int(log.start_timestamp)
        streams = [self._dataset(one) for one in log.data_list if len(one.data["timestamp"])]
        streams += typed_streams(log.data_list, lambda one: self._stamps(one.data["timestamp"], one.name))
        streams += self._words(log)
        self._take(streams)

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` begins as a ULog."""
        try:
            with path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC
        except OSError:
            return False

    def _stamps(self, timestamps_us: npt.NDArray[np.uint64], what: str) -> npt.NDArray[np.int64]:
        """Return microseconds as nanoseconds; 0 says that nothing was set, and is taken as the beginning of the log."""
        if len(timestamps_us) and int(timestamps_us.max()) > _MAX_US:
            raise BadInputError(
                f"{self.path}: {what}: the time {int(timestamps_us.max())} us is out of range; the log is damaged"
            )
        us = np.where(timestamps_us == 0, np.uint64(self._start_us), timestamps_us)
        stamps: npt.NDArray[np.int64] = us.astype(np.int64) * 1000
        return stamps

    def _dataset(self, one: Any) -> Stream:
        topic = f"ulog/{one.name}" + (f"/{one.multi_id}" if one.multi_id else "")
        columns = list(one.data.items())
        stamps_ns = self._stamps(one.data["timestamp"], topic)

        def read(i: int) -> Scalars:
            return Scalars(stamp_ns=int(stamps_ns[i]), values={name: float(column[i]) for name, column in columns})

        return Stream(topic, Scalars, stamps_ns, read, f"ULog {one.name}")

    def _words(self, log: Any) -> Iterator[Stream]:
        """Yield what the autopilot said, its parameters and their changes."""
        said = [(one.timestamp, one.log_level_str(), one.message, 0) for one in log.logged_messages]
        for tagged in log.logged_messages_tagged.values():
            said += [(one.timestamp, one.log_level_str(), one.message, one.tag) for one in tagged]
        details: list[dict[str, str | int | float | bool]] = [
            {"level": level, "text": text, "tag": tag} for _, level, text, tag in said
        ]
        yield self._events("ulog/log", "autopilot", [one[0] for one in said], details)
        changes: list[dict[str, str | int | float | bool]] = [
            {name: value} for _, name, value in log.changed_parameters
        ]
        yield self._events("ulog/parameter", "parameter", [one[0] for one in log.changed_parameters], changes)
        if log.initial_parameters:
            yield self._events("ulog/parameters", "parameters", [log.start_timestamp], [dict(log.initial_parameters)])

    def _events(
        self,
        topic: str,
        kind: str,
        times_us: list[int],
        details: list[dict[str, str | int | float | bool]],
    ) -> Stream:
        stamps_ns = self._stamps(np.array(times_us, dtype=np.uint64), topic)

        def read(i: int) -> JournalEvent:
            return JournalEvent(stamp_ns=int(stamps_ns[i]), source="autopilot", kind=kind, detail=details[i])

        latched = topic == "ulog/parameters"
        return Stream(topic, JournalEvent, stamps_ns, read, "ULog text", "autopilot", latched)


def _load(path: Path) -> Any:
    pyulog = require("pyulog", extra="logs")
    try:
        with redirect_stdout(io.StringIO()):  # pyulog prints what it thinks of damaged files
            return pyulog.ULog(str(path), disable_str_exceptions=True)
    except SelfcueError:
        raise
    except Exception as error:  # pyulog fails on damaged files in as many ways as there are bytes
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadInputError(f"{path} is damaged or no ULog ({reason})") from error


def _losses(path: Path, log: Any) -> Iterator[str]:
    """Yield what the log misses: the logger's dropouts, damaged parts, a torn end."""
    if log.dropouts:
        total_ms = sum(one.duration for one in log.dropouts)
        yield f"the logger dropped out {len(log.dropouts)} times, {total_ms} ms in all"
    torn = _torn_bytes(path)
    if torn is None or log.file_corruption:
        yield "parts of the file are damaged; what could be read is there"
    elif torn:
        yield f"the file was not finished: {torn} torn bytes at its end"


def _torn_bytes(path: Path) -> int | None:
    """Return how many bytes of a half message the file ends with; None where its messages do not follow each other."""
    data = path.read_bytes()
    at = _HEADER_BYTES
    while at + _HEAD.size <= len(data):
        size, kind = _HEAD.unpack_from(data, at)
        if kind not in _TYPES:
            return None
        if at + _HEAD.size + size > len(data):
            break
        at += _HEAD.size + size
    return len(data) - at
