"""How RPLidar scanners (A1, A2, A3) speak over a serial port: requests, answers, samples.

Source: SLAMTEC, "RPLIDAR Interface Protocol and Application Notes", rev. 2. A sample of the plain scan has 5 bytes and
two check bits; the express scan sends capsules of 84 bytes, 32 samples each, with a checksum. Where the notes and the
maker's own SDK differ (the sign of the express scan's angle corrections), the SDK is followed: they are not negative.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple, Protocol

STOP, RESET, SCAN, EXPRESS_SCAN, INFO, HEALTH, MOTOR = 0x25, 0x40, 0x20, 0x82, 0x50, 0x52, 0xF0
DESCRIPTOR_BYTES = 7
INFO_BYTES, HEALTH_BYTES = 20, 3
SCAN_ANSWER, EXPRESS_ANSWER = b"\xa5\x5a\x05\x00\x00\x40\x81", b"\xa5\x5a\x54\x00\x00\x40\x82"
INFO_ANSWER, HEALTH_ANSWER = b"\xa5\x5a\x14\x00\x00\x00\x04", b"\xa5\x5a\x03\x00\x00\x00\x06"
_NODE_BYTES, _CAPSULE_BYTES, _CABINS = 5, 84, 16
_AGREE = 8
_BACK_DEG, _AHEAD_DEG = 10.0, 60.0


class Sample(NamedTuple):
    """One distance.

    Attributes:
        begins: a turn begins with it.
        angle_deg: clockwise from the front.
        range_m: 0 where there was no echo.
        quality: how strong the echo was, 0 to 63; 0 where the scan does not say.
    """

    begins: bool
    angle_deg: float
    range_m: float
    quality: int


class SampleParser(Protocol):
    """Finds samples in a stream of bytes, whatever is between them."""

    skipped: int
    """Bytes that belong to no sample."""

    def feed(self, data: bytes) -> list[Sample]:
        """Take bytes as they come; return the samples that are whole."""
        ...


def request(command: int, payload: bytes = b"") -> bytes:
    """Return the bytes of a request; one with a payload has a checksum."""
    if not payload:
        return bytes([0xA5, command])
    packet = bytes([0xA5, command, len(payload)]) + payload
    check = 0
    for byte in packet:
        check ^= byte
    return packet + bytes([check])


@dataclass(frozen=True)
class ScannerInfo:
    """What a scanner says of itself: model and hardware numbers, firmware as ``1.29``, serial number in hex."""

    model: int
    firmware: str
    hardware: int
    serial: str

    @property
    def label(self) -> str:
        """The family, as the maker prints it on the case; the first digit of the model's number."""
        return f"RPLidar {_FAMILIES.get(self.model >> 4, f'model {self.model:#x}')}"


_FAMILIES = {1: "A1", 2: "A2", 3: "A3", 6: "S1", 7: "S2", 8: "S3"}


def info_of(data: bytes) -> ScannerInfo:
    """Return what the 20 bytes of an INFO answer say."""
    model, minor, major, hardware = struct.unpack_from("4B", data)
    return ScannerInfo(model, f"{major}.{minor:02d}", hardware, data[4:20].hex().upper())


class PlainScan:
    """Samples of 5 bytes. Two check bits are few, so that after a gap several samples in a row have to make sense."""

    def __init__(self) -> None:
        self.skipped = 0
        self._bytes = bytearray()
        self._angle_deg: float | None = None  # of the last sample while in step

    def feed(self, data: bytes) -> list[Sample]:
        self._bytes += data
        found: list[Sample] = []
        at = 0
        while len(self._bytes) - at >= _NODE_BYTES:
            if self._angle_deg is None:
                enough = len(self._bytes) - at >= _AGREE * _NODE_BYTES
                if not enough:
                    break
                if not self._agree(at):
                    at += 1
                    self.skipped += 1
                    continue
            sample = _sample(self._bytes, at)
            if sample is None or not _follows(sample.angle_deg, self._angle_deg):
                self._angle_deg = None
                continue
            self._angle_deg = sample.angle_deg
            found.append(sample)
            at += _NODE_BYTES
        del self._bytes[:at]
        return found

    def _agree(self, at: int) -> bool:
        last: float | None = None
        for place in range(at, at + _AGREE * _NODE_BYTES, _NODE_BYTES):
            sample = _sample(self._bytes, place)
            if sample is None or not _follows(sample.angle_deg, last):
                return False
            last = sample.angle_deg
        return True


def _sample(data: bytearray, at: int) -> Sample | None:
    """Return the sample at ``at``; None where its check bits or its angle are wrong."""
    first, low, high, near, far = data[at : at + _NODE_BYTES]
    begins = first & 1
    angle_deg = ((high << 7) | (low >> 1)) / 64.0
    if begins == (first >> 1) & 1 or not low & 1 or angle_deg >= 361.0:
        return None
    return Sample(bool(begins), angle_deg, ((far << 8) | near) / 4000.0, first >> 2)


def _follows(angle_deg: float, last_deg: float | None) -> bool:
    if last_deg is None:
        return True
    step = (angle_deg - last_deg + 180.0) % 360.0 - 180.0
    return -_BACK_DEG < step < _AHEAD_DEG


class ExpressScan:
    """Capsules of 32 samples. A capsule's angles are known when the next one tells where it begins."""

    def __init__(self) -> None:
        self.skipped = 0
        self._bytes = bytearray()
        self._last: bytes | None = None

    def feed(self, data: bytes) -> list[Sample]:
        self._bytes += data
        found: list[Sample] = []
        at = 0
        while len(self._bytes) - at >= _CAPSULE_BYTES:
            capsule = bytes(self._bytes[at : at + _CAPSULE_BYTES])
            if not _is_capsule(capsule):
                at += 1
                self.skipped += 1
                self._last = None
                continue
            if self._last is not None and not capsule[3] & 0x80:  # the bit says that the scan has just begun
                found += _between(self._last, _start_deg(capsule))
            self._last = capsule
            at += _CAPSULE_BYTES
        del self._bytes[:at]
        return found


def _is_capsule(capsule: bytes) -> bool:
    check = 0
    for byte in capsule[2:]:
        check ^= byte
    return capsule[0] == 0xA0 | check & 15 and capsule[1] == 0x50 | check >> 4


def _start_deg(capsule: bytes) -> float:
    return (int.from_bytes(capsule[2:4], "little") & 0x7FFF) / 64.0


def _between(capsule: bytes, next_deg: float) -> list[Sample]:
    """Return the samples of a capsule that ends where the next begins."""
    start_deg = _start_deg(capsule)
    step_deg = (next_deg - start_deg) % 360.0 / (2 * _CABINS)
    found = []
    for i in range(2 * _CABINS):
        cabin = 4 + 5 * (i // 2)
        word = int.from_bytes(capsule[cabin + 2 * (i % 2) : cabin + 2 * (i % 2) + 2], "little")
        low = capsule[cabin + 4] >> 4 if i % 2 else capsule[cabin + 4] & 15
        straight_deg = start_deg + i * step_deg
        begins = straight_deg % 360.0 < step_deg
        back_deg = ((word & 3) << 4 | low) / 8.0
        found.append(Sample(begins, (straight_deg - back_deg) % 360.0, (word & 0xFFFC) / 4000.0, 0))
    return found
