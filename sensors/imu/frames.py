"""Frames out of a stream of bytes: split ones are put together, garbage and damaged ones passed over and counted."""

from __future__ import annotations

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from selfcue.sensors.imu.checksums import CHECKSUMS, xor8
from selfcue.sensors.imu.framing import CODES, BinaryFraming, Framing, TextFraming

Numbers = Sequence[float | int]
"""One for each named field of the framing, in its order, as it was sent."""

_MOST = 1 << 63


class Frames(ABC):
    """Takes bytes, gives the numbers of whole frames.

    Attributes:
        skipped_bytes: that belonged to no frame.
        damaged: frames or lines whose checksum or numbers are wrong.
    """

    def __init__(self) -> None:
        self.skipped_bytes = 0
        self.damaged = 0
        self._held = bytearray()

    @abstractmethod
    def feed(self, data: bytes) -> list[Numbers]:
        """Return the frames that ``data`` completes, in order; how the bytes are cut into pieces changes nothing."""


def frames_of(framing: Framing) -> Frames:
    """Return what reads ``framing``."""
    if framing.binary is not None:
        return BinaryFrames(framing.binary)
    assert framing.text is not None
    return TextFrames(framing.text)


class BinaryFrames(Frames):
    """Reads frames of numbers. After a damaged one the search goes on at its second byte."""

    def __init__(self, framing: BinaryFraming) -> None:
        super().__init__()
        codes = "".join(CODES[one.type] if one.name else f"{one.size}x" for one in framing.fields)
        self._numbers = struct.Struct(("<" if framing.order == "little" else ">") + codes)
        self._sync, self._end, self._size = framing.sync_bytes, framing.end_bytes, framing.size
        self._check_bytes, self._check = CHECKSUMS[framing.checksum]
        self._from = len(self._sync) if framing.checksum_from < 0 else framing.checksum_from
        self._order = framing.checksum_order or framing.order

    def feed(self, data: bytes) -> list[Numbers]:
        self._held += data
        found: list[Numbers] = []
        at = 0
        while True:
            begin = self._held.find(self._sync, at)
            if begin < 0:
                begin = max(at, len(self._held) - self._half_sync())
                self.skipped_bytes += begin - at
                at = begin
                break
            self.skipped_bytes += begin - at
            at = begin
            if len(self._held) - at < self._size:
                break
            numbers = self._frame(bytes(self._held[at : at + self._size]))
            if numbers is None:
                self.skipped_bytes += 1
                at += 1
            else:
                found.append(numbers)
                at += self._size
        del self._held[:at]
        return found

    def _half_sync(self) -> int:
        """Return how many bytes at the end may be the beginning of a frame."""
        for length in range(min(len(self._sync) - 1, len(self._held)), 0, -1):
            if self._held.endswith(self._sync[:length]):
                return length
        return 0

    def _frame(self, frame: bytes) -> Numbers | None:
        if not frame.endswith(self._end):
            return None
        stop = self._size - len(self._end) - self._check_bytes
        if self._check_bytes:
            sent = int.from_bytes(frame[stop : stop + self._check_bytes], self._order)
            if self._check(frame[self._from : stop]) != sent:
                self.damaged += 1
                return None
        numbers = self._numbers.unpack_from(frame, len(self._sync))
        if not all(map(math.isfinite, numbers)):
            self.damaged += 1
            return None
        return numbers


class TextFrames(Frames):
    """Reads lines of words."""

    def __init__(self, framing: TextFraming) -> None:
        super().__init__()
        self._framing = framing
        self._too_long = False

    def feed(self, data: bytes) -> list[Numbers]:
        self._held += data
        found = []
        for line in self._lines():
            text = line.decode("ascii", "replace").strip()
            numbers = self._numbers(text)
            if numbers is not None:
                found.append(numbers)
            else:
                self.skipped_bytes += len(line) + 1
        return found

    def _lines(self) -> Iterator[bytes]:
        most = self._framing.most_bytes
        while (end := self._held.find(b"\n")) >= 0:
            line = bytes(self._held[:end])
            del self._held[: end + 1]
            if self._too_long or len(line) > most:
                self.skipped_bytes += len(line) + 1
                self._too_long = False
            else:
                yield line
        if len(self._held) > most:
            self.skipped_bytes += len(self._held)
            self._held.clear()
            self._too_long = True

    def _numbers(self, text: str) -> Numbers | None:
        """Return the numbers of a line; None where it is another's, garbage or damaged."""
        framing = self._framing
        if framing.head:
            text = text[max(0, text.rfind(framing.head)) :]  # a line that was cut off may stand before it
        if framing.checksum == "nmea":
            body, star, sent = text.partition("*")
            if not text.startswith(framing.head or "$") or not star:
                return None
            if sent[:2].upper() != f"{xor8(body[1:].encode()):02X}":
                self.damaged += 1
                return None
            text = body
        words = text.split(None if framing.separator == " " else framing.separator)
        if framing.head:
            if not words or words[0].strip() != framing.head:
                return None
            words = words[1:]
        if not text:
            return None
        if len(words) < len(framing.fields):
            self.damaged += 1
            return None
        try:
            numbers = [_number(word) for word, one in zip(words, framing.fields, strict=False) if one.name]
        except ValueError:
            self.damaged += 1
            return None
        return numbers


def _number(word: str) -> float | int:
    word = word.strip()
    if len(word) > 40 or "_" in word:
        raise ValueError(word)
    try:
        value: float | int = int(word)
    except ValueError:
        value = float(word)
    if not -_MOST < value < _MOST:  # nor NaN
        raise ValueError(word)
    return value
