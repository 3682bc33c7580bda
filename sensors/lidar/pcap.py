"""UDP packets of a network capture (classic pcap); what a LiDAR sent, as it came.

Format: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/; IPv4 and UDP after RFC 791 and RFC 768.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from selfcue.errors import BadInputError

_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""First bytes: byte order, and nanoseconds of one step of the fraction."""
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_HEAD, _RECORD_HEAD = 24, 16
_MAX_RECORD = 1 << 18
_ETHERNET, _RAW, _SLL = 1, 101, 113
_LINK_BYTES = {_ETHERNET: 14, _RAW: 0, 228: 0, _SLL: 16}
_IPV4, _VLANS, _UDP = 0x0800, (0x8100, 0x88A8), 17
_MAX_FRAGMENTED = 64


class Datagram(NamedTuple):
    """One UDP datagram: when it was captured, from and to which port, and what it carried."""

    time_ns: int
    source_port: int
    port: int
    data: bytes


def is_pcap(path: Path) -> bool:
    """Tell whether ``path`` begins as a capture of either format."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return False
    return start in _MAGICS or start == _PCAPNG


class Capture:
    """Reads the UDP datagrams of a capture in the order of the file; fragments are put together.

    Attributes:
        torn: bytes of a half record at the end; known when the whole file was read.

    Raises:
        BadInputError: no classic pcap, or of a link layer other than Ethernet, raw IP or Linux cooked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = 0
        try:
            with path.open("rb") as file:
                start = file.read(_HEAD)
        except OSError as error:
            raise BadInputError(f"{path} cannot be read ({error.strerror})") from error
        if start[:4] == _PCAPNG:
            raise BadInputError(f"{path} is a pcapng capture; make it classic with: editcap -F pcap IN OUT")
        if start[:4] not in _MAGICS or len(start) < _HEAD:
            raise BadInputError(f"{path} is damaged or no pcap capture (it begins with {start[:8].hex()})")
        self._order, self._step_ns = _MAGICS[start[:4]]
        (link,) = struct.unpack(f"{self._order}I", start[20:24])
        self._link = link & 0xFFFF
        if self._link not in _LINK_BYTES:
            raise BadInputError(f"{path}: link layer {self._link} is not known; capture Ethernet (1), IP or 'any'")

    def __iter__(self) -> Generator[Datagram, None, None]:
        fragments: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
        for time_ns, frame in self._records():
            packet = self._ip(frame)
            if packet is None:
                continue
            whole = _put_together(packet, fragments)
            if whole is None or len(whole) < 8:
                continue
            source_port, port, length, _ = struct.unpack_from(">HHHH", whole)
            if 8 <= length <= len(whole):
                yield Datagram(time_ns, source_port, port, whole[8:length])

    def _records(self) -> Iterator[tuple[int, bytes]]:
        head = struct.Struct(f"{self._order}IIII")
        with self.path.open("rb") as file:
            file.seek(_HEAD)
            while start := file.read(_RECORD_HEAD):
                if len(start) < _RECORD_HEAD:
                    self.torn = len(start)
                    return
                seconds, fraction, size, _ = head.unpack(start)
                if size > _MAX_RECORD or fraction * self._step_ns >= 1_000_000_000:
                    raise BadInputError(
                        f"{self.path} is damaged: the record at byte {file.tell() - _RECORD_HEAD} has {size} bytes and "
                        f"the fraction {fraction}"
                    )
                frame = file.read(size)
                if len(frame) < size:
                    self.torn = _RECORD_HEAD + len(frame)
                    return
                yield seconds * 1_000_000_000 + fraction * self._step_ns, frame

    def _ip(self, frame: bytes) -> bytes | None:
        """Return the IPv4 packet of UDP in a frame; None where it holds something else."""
        at = _LINK_BYTES[self._link]
        if self._link in (_ETHERNET, _SLL):
            if len(frame) < at:
                return None
            kind = int.from_bytes(frame[at - 2 : at], "big")
            while kind in _VLANS and len(frame) >= at + 4:
                kind = int.from_bytes(frame[at + 2 : at + 4], "big")
                at += 4
            if kind != _IPV4:
                return None
        packet = frame[at:]
        if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != _UDP:
            return None
        size = int.from_bytes(packet[2:4], "big")
        return packet[:size] if 20 <= size <= len(packet) else None


def _put_together(packet: bytes, fragments: dict[bytes, dict[int, tuple[bytes, bool]]]) -> bytes | None:
    """Return the payload of an IPv4 packet; of a fragment only when it is the last that was missing."""
    body = packet[(packet[0] & 15) * 4 :]
    flags = int.from_bytes(packet[6:8], "big")
    offset, more = (flags & 0x1FFF) * 8, bool(flags & 0x2000)
    if not offset and not more:
        return body
    key = packet[4:6] + packet[12:20]
    parts = fragments.setdefault(key, {})
    parts[offset] = (body, more)
    if len(fragments) > _MAX_FRAGMENTED:
        fragments.pop(next(iter(fragments)))  # one of its fragments was never captured
    whole, last = b"", False
    while len(whole) in parts and not last:
        part, more = parts[len(whole)]
        if not part:
            return None
        whole, last = whole + part, not more
    if not last:
        return None
    fragments.pop(key, None)
    return whole
