"""Packets as LiDARs send them, made in memory."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from tests.sensors.captures import SECOND

BEAMS, COLUMNS, PER_PACKET = 4, 16, 8
SIZES = {
    "LEGACY": 12,
    "RNG19_RFL8_SIG16_NIR16": 12,
    "RNG19_RFL8_SIG16_NIR16_DUAL": 16,
    "RNG15_RFL8_NIR8": 4,
}


def describe(profile: str) -> dict[str, Any]:
    layout = {"pixels_per_column": BEAMS, "columns_per_frame": COLUMNS, "columns_per_packet": PER_PACKET}
    return {
        "beam_altitude_angles": [20.0, 5.0, -5.0, -20.0],
        "beam_azimuth_angles": [3.0, 1.0, -1.0, -3.0],
        "lidar_origin_to_beam_origin_mm": 15.0,
        "lidar_to_sensor_transform": [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 36.0, 0, 0, 0, 1],
        "imu_to_sensor_transform": [1, 0, 0, 6.0, 0, 1, 0, -11.0, 0, 0, 1, 7.0, 0, 0, 0, 1],
        "data_format": {**layout, "udp_profile_lidar": profile},
        "udp_port_lidar": 7502,
        "udp_port_imu": 7503,
    }


def ouster_packet(profile: str, frame: int, part: int, *, valid: bool = True) -> bytes:
    """Ranges of 1000 mm and more that tell beam and column, strengths that tell the column."""
    legacy = profile == "LEGACY"
    columns = []
    for column in range(part * PER_PACKET, (part + 1) * PER_PACKET):
        stamp = 5 * SECOND + frame * 100_000_000 + column * 1_000_000
        head = (
            struct.pack("<QHHI", stamp, column, frame, 0) if legacy else struct.pack("<QHH", stamp, column, int(valid))
        )
        blocks = []
        for beam in range(BEAMS):
            mm = 1000 + 8 * (10 * column + beam)
            if profile == "RNG15_RFL8_NIR8":
                blocks.append(struct.pack("<HBB", mm // 8 | 0x8000, column, 3))
            elif profile == "LEGACY":
                blocks.append(struct.pack("<IHHHH", mm | 0xF0000000, 9, column, 3, 0))
            elif profile.endswith("DUAL"):
                blocks.append(struct.pack("<IIHHHH", mm | 9 << 24, (mm + 8) | 8 << 24, column, 7, 3, 0))
            else:
                blocks.append(struct.pack("<IBBHHH", mm | 0xFFF80000, 9, 0, column, 3, 0))
        tail = struct.pack("<I", 0xFFFFFFFF if valid else 0) if legacy else b""
        columns.append(head + b"".join(blocks) + tail)
    body = b"".join(columns)
    if legacy:
        return body
    return struct.pack("<HH", 1, frame) + bytes(28) + body + bytes(32)


def vlp16(
    first: float, *, step: float = 0.4, mode: int = 0x37, product: int = 0x22, seed: int = 0, sent_us: int = 5
) -> bytes:
    """One packet whose blocks begin at ``first`` degrees; dual-return blocks come in pairs."""
    rng = np.random.default_rng(seed)
    parts = []
    for block in range(12):
        azimuth = round((first + step * (block // 2 if mode == 0x39 else block)) * 100) % 36_000
        parts.append(b"\xff\xee" + struct.pack("<H", azimuth))
        for _ in range(32):
            distance = 0 if rng.random() < 0.2 else int(rng.integers(1, 60_000))
            parts.append(struct.pack("<HB", distance, int(rng.integers(256))))
    return b"".join(parts) + struct.pack("<IBB", sent_us, mode, product)


def vlp16_stream(count: int, first: float = 0.0, *, sent_us: int = 5) -> list[bytes]:
    """Packets of a VLP-16 that turns 10 times a second: 4.8 degrees and 1327 us from one to the next."""
    return [
        vlp16((first + 4.8 * i) % 360, seed=i, sent_us=(sent_us + round(1327.104 * i)) % 3_600_000_000)
        for i in range(count)
    ]


def there(array: np.ndarray | None) -> np.ndarray:
    """Return an optional array of a cloud that has it."""
    assert array is not None
    return array
