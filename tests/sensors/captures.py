"""Network captures made in memory."""

from __future__ import annotations

import struct
from collections.abc import Iterable

SECOND = 1_000_000_000
START_S = 1_700_000_000


def ip(payload: bytes, *, flags: int = 0, number: int = 7) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, flags, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"
    )
    return head + payload


def udp(port: int, data: bytes) -> bytes:
    return struct.pack(">HHHH", 4000, port, 8 + len(data), 0) + data


def ethernet(packet: bytes, *, vlan: bool = False) -> bytes:
    return bytes(12) + (b"\x81\x00\x00\x05" if vlan else b"") + b"\x08\x00" + packet


def pcap(frames: Iterable[bytes], *, magic: bytes = b"\xd4\xc3\xb2\xa1", link: int = 1) -> bytes:
    order = ">" if magic[0] == 0xA1 else "<"
    parts = [magic + struct.pack(f"{order}HHiIII", 2, 4, 0, 0, 65535, link)]
    for i, frame in enumerate(frames):
        parts.append(struct.pack(f"{order}IIII", START_S, i * 1000, len(frame), len(frame)) + frame)
    return b"".join(parts)
