"""MAVLink telemetry logs (``.tlog`` of MAVProxy, QGroundControl, Mission Planner), decoded through pymavlink."""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import JournalEvent, Message, Scalars
from selfcue.optional import require
from selfcue.record.entry import TopicInfo
from selfcue.sensors.streams import Stream, StreamReader
from selfcue.sensors.tlog.records import MAX_US, TIME_BYTES, Buffer, Records, head, scan
from selfcue.sensors.tlog.typed import typed_of

_HEARTBEAT = 0
_INVALID_AUTOPILOT = 8
_SINCE_US = 946_684_800_000_000
"""Records before the year 2000 are none: the quick look takes other files for telemetry otherwise."""


class TlogReader(StreamReader):
    """A telemetry log of one or several systems.

    Every message is there as ``mavlink/NAME``, from ``SYSTEM.COMPONENT``: Scalars with the units of MAVLink's
    definition, arrays as ``name[0]``, or, where it holds text, a JournalEvent. Beside that, in our units and axes
    (x forward, y left, z up), for each that is sent: ``imu/highres_imu``, ``imu/scaled_imu``, ``imu/scaled_imu2``,
    ``imu/scaled_imu3``, ``imu/raw_imu`` (of ArduPilot, which sends it in milli-g and mrad/s; the standard gives it no
    unit), ``mag/...`` of the same names, and ``gps/fix``, ``gps2/fix`` (height above mean sea level).

    Raises:
        BadInputError: no telemetry, or no record of it is whole.
        MissingDependencyError: pymavlink is not installed.
    """

    looks_for: ClassVar[str] = "a MAVLink .tlog"
    time_base: ClassVar[str] = "arrival at the ground station, microseconds since 1970; time_boot_ms is in the messages"

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self._dialect: Any = require("pymavlink.dialects.v20.ardupilotmega", extra="logs")
        self._data = _mapped(self.path)
        self._decoder: Any = self._dialect.MAVLink(None)
        records = scan(self._data, self._crc_extra, self._crc)
        if not records.offsets:
            raise BadInputError(f"{self.path} is damaged or no telemetry log: no record of it is whole")
        self.loss = "; ".join(_losses(records))
        autopilots = self._autopilots(records)
        streams: list[Stream] = []
        unknown: Counter[tuple[int, str]] = Counter()
        for key, offsets in sorted(records.offsets.items()):
            number, system, component = key
            source = f"{system}.{component}"
            if number not in self._dialect.mavlink_map:
                unknown[number, source] += len(offsets)
                continue
            stamps_ns = np.array(records.times_us[key], dtype=np.int64) * 1000
            places = np.array(offsets, dtype=np.int64)
            streams += self._streams_of(number, source, stamps_ns, places, autopilots.get((system, component)))
        for (number, system, component), count in records.strange.items():
            unknown[number, f"{system}.{component}"] += count
        self._take(streams, _unknown(unknown))

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` begins with a record, or is called .tlog."""
        if path.suffix.lower() == ".tlog":
            return path.is_file()
        try:
            with path.open("rb") as file:
                start = file.read(512)
        except OSError:
            return False
        time_us = int.from_bytes(start[:TIME_BYTES], "big")
        packet = head(start, TIME_BYTES)
        if packet is None or not _SINCE_US <= time_us <= MAX_US:
            return False
        return head(start, 2 * TIME_BYTES + packet.size) is not None

    # -- inside ----------------------------------------------------------------------------------------------------

    def _crc_extra(self, number: int) -> int | None:
        kind = self._dialect.mavlink_map.get(number)
        return None if kind is None else int(kind.crc_extra)

    def _crc(self, data: Buffer, extra: int) -> int:
        crc = self._dialect.x25crc(bytes(data))
        crc.accumulate(bytes([extra]))
        return int(crc.crc)

    def _decode(self, place: int) -> Any:
        packet = head(self._data, place)
        assert packet is not None
        try:
            return self._decoder.decode(bytearray(self._data[place : place + packet.size]))
        except Exception as error:  # pymavlink raises struct.error, MAVError and more
            raise BadInputError(f"{self.path}: the packet at byte {place} does not decode ({error})") from error

    def _autopilots(self, records: Records) -> dict[tuple[int, int], int]:
        """Return the make of each autopilot, as it says in its heartbeat."""
        found = {}
        for (number, system, component), offsets in records.offsets.items():
            if number == _HEARTBEAT:
                make = int(self._decode(offsets[0]).autopilot)
                if make != _INVALID_AUTOPILOT:
                    found[system, component] = make
        return found

    def _streams_of(
        self,
        number: int,
        source: str,
        stamps_ns: npt.NDArray[np.int64],
        places: npt.NDArray[np.int64],
        autopilot: int | None,
    ) -> Iterator[Stream]:
        kind = self._dialect.mavlink_map[number]
        name = str(kind.msgname)
        text = "char" in kind.fieldtypes

        def stream(topic: str, made: type[Message], make: Callable[[Any, int], Message]) -> Stream:
            def read(i: int) -> Message:
                return make(self._decode(int(places[i])), int(stamps_ns[i]))

            return Stream(topic, made, stamps_ns, read, f"MAVLink {name}", source)

        def plain(found: Any, stamp_ns: int) -> Message:
            values = dict(_flat(found))
            if text:
                return JournalEvent(stamp_ns=stamp_ns, source=source, kind=name, detail=values)
            numbers = {key: float(value) for key, value in values.items()}
            return Scalars(stamp_ns=stamp_ns, source=source, values=numbers)

        yield stream(f"mavlink/{name}", JournalEvent if text else Scalars, plain)
        for topic, made, make in typed_of(name, autopilot, source):
            yield stream(topic, made, make)


def _mapped(path: Path) -> Any:
    """Return the bytes of a file without reading it into memory."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path} cannot be read ({error})") from error


def _flat(message: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a message, arrays element by element."""
    for name in message.fieldnames:
        value = getattr(message, name)
        if isinstance(value, bytes):
            value = value.rstrip(b"\0").decode("utf-8", "replace")
        if isinstance(value, (list, tuple)):
            yield from ((f"{name}[{i}]", one) for i, one in enumerate(value))
        else:
            yield name, value


def _unknown(counts: Mapping[tuple[int, str], int]) -> dict[str, TopicInfo]:
    """Return what cannot be decoded: messages of no known number, or that do not fit the definition of theirs."""
    found: dict[str, TopicInfo] = {}
    for (number, source), count in sorted(counts.items()):
        topic = f"mavlink/{number}"
        before = found[topic] if topic in found else TopicInfo(topic, "", "", 0, ())
        schema = f"MAVLink message {number}, unknown, damaged or of another definition"
        found[topic] = TopicInfo(topic, "", schema, before.count + count, (*before.sources, source))
    return found


def _losses(records: Records) -> Iterator[str]:
    if records.skipped:
        yield f"{records.skipped} bytes between the records are damaged"
    if records.torn:
        yield f"the file was not finished: {records.torn} torn bytes at its end"
