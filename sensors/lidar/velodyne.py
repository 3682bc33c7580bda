"""Packets of a Velodyne VLP-16 (Puck, Puck LITE): points as the sensor measured them.

Source: VLP-16 User Manual 63-9243 Rev. D, chapters 6 and 9. A packet has 12 blocks, each an azimuth [0.01 degree] and
two firings of 16 lasers; in dual-return mode blocks come in pairs of one azimuth, the last return and the strongest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud

PORT = 2368
PACKET_BYTES = 1206
FRAME = "velodyne"
_BLOCKS, _FIRINGS, _LASERS = 12, 2, 16
_STEP_M = 0.002
HOUR_US = 3_600_000_000
_FIRING_US, _LASER_US = 55.296, 2.304
_DUAL, _SINGLE = 0x39, (0x37, 0x38)
_VLP16 = 0x22
_NAMES = {0x21: "HDL-32E", 0x24: "Puck Hi-Res", 0x28: "VLP-32C", 0x31: "Velarray", 0xA1: "VLS-128"}
_ELEVATION = np.radians([-15, 1, -13, 3, -11, 5, -9, 7, -7, 9, -5, 11, -3, 13, -1, 15])
"""Of each laser in the order of firing."""
RINGS = np.argsort(np.argsort(_ELEVATION)).astype(np.uint8)
"""Of each laser: its place counted from the lowest."""
_BLOCK = np.dtype([("flag", "<u2"), ("azimuth", "<u2"), ("returns", [("range", "<u2"), ("intensity", "u1")], (32,))])
_FLAG = 0xEEFF


@dataclass(frozen=True)
class Returns:
    """The returns of one packet, in the order of firing.

    Attributes:
        points: (N, 3) float32 [m], x forward, y left, z up.
        intensity: (N,) float32, 0 to 255; above 100: a retro-reflector.
        azimuth: (N,) float64 degrees clockwise seen from above, from the first block's on, so up to 360 and more.
        range_m: (N,) float32.
        ring: (N,) uint8, 0 the lowest laser.
        time_us: (N,) float64 after the packet's first firing.
    """

    points: npt.NDArray[np.float32]
    intensity: npt.NDArray[np.float32]
    azimuth: npt.NDArray[np.float64]
    range_m: npt.NDArray[np.float32]
    ring: npt.NDArray[np.uint8]
    time_us: npt.NDArray[np.float64]


def is_packet(data: bytes) -> bool:
    """Tell whether ``data`` looks like a data packet of a Velodyne."""
    return len(data) == PACKET_BYTES and data[:2] == b"\xff\xee"


def azimuths(data: bytes) -> npt.NDArray[np.float64]:
    """Return the azimuth of each block [degree], unwrapped: never less than the one before.

    Raises:
        BadInputError: see ``decode``.
    """
    return _azimuths(_blocks(data)[0])


def first_azimuth(data: bytes) -> npt.NDArray[np.float64]:
    """Return the azimuth of the first block [degree], (1,), of a packet of any model. Raises BadInputError: damaged."""
    azimuth = int.from_bytes(data[2:4], "little")
    if len(data) != PACKET_BYTES or azimuth >= 36_000:
        raise BadInputError("a Velodyne packet whose blocks are damaged")
    return np.array([azimuth / 100.0])


def decode(data: bytes) -> Returns:
    """Return the returns of a packet; where both of a dual-return pair are the same, one of them.

    A laser without return gives none. The azimuth of each laser is interpolated to its moment of firing.

    Raises:
        BadInputError: no data packet, or of a model or mode that is not known.
    """
    blocks, mode = _blocks(data)
    dual = mode == _DUAL
    base = _azimuths(blocks)
    step = 2 if dual else 1
    gap = np.empty(_BLOCKS)
    gap[:-step] = base[step:] - base[:-step]
    gap[-step:] = gap[-1 - step]  # the block after the packet's last is not known yet
    laser_us = np.arange(_FIRINGS)[:, None] * _FIRING_US + np.arange(_LASERS) * _LASER_US
    azimuth = base[:, None, None] + gap[:, None, None] * (laser_us / (_FIRINGS * _FIRING_US))
    shape = (_BLOCKS, _FIRINGS, _LASERS)
    ranges = blocks["returns"]["range"].reshape(shape)
    strength = blocks["returns"]["intensity"].reshape(shape)
    block_us = np.arange(_BLOCKS) // step * (_FIRINGS * _FIRING_US)
    time_us = block_us[:, None, None] + laser_us
    keep = ranges > 0
    if dual:
        keep[1::2] &= (ranges[1::2] != ranges[::2]) | (strength[1::2] != strength[::2])
    ring = np.broadcast_to(RINGS, shape)[keep]
    elevation = np.broadcast_to(_ELEVATION, shape)[keep]
    range_m = ranges[keep] * _STEP_M
    turn = np.radians(azimuth[keep])
    flat = range_m * np.cos(elevation)
    points = np.stack([flat * np.cos(turn), -flat * np.sin(turn), range_m * np.sin(elevation)], axis=1)
    return Returns(
        points=points.astype(np.float32),
        intensity=strength[keep].astype(np.float32),
        azimuth=azimuth[keep],
        range_m=range_m.astype(np.float32),
        ring=ring,
        time_us=np.asarray(time_us[keep], dtype=np.float64),
    )


class Turns:
    """Counts turns: the number of a packet's turn where it begins, from the azimuths of one packet after the other."""

    def __init__(self) -> None:
        self._turn = 0
        self._last = 0.0

    def of(self, found: npt.NDArray[np.float64]) -> int:
        """Return the turn that a packet with these unwrapped block azimuths begins in."""
        first = float(found[0])
        if first < self._last - 180.0:
            self._turn += 1
        begun = self._turn
        self._turn += int(found[-1] // 360.0)
        self._last = float(found[-1] % 360.0)
        return begun


def cloud(
    parts: list[Returns],
    stamp_ns: int,
    frame_id: str = FRAME,
    source: str = "",
    begun_us: list[float] | None = None,
) -> PointCloud:
    """Return the returns of several packets as one message.

    ``begun_us``: when each packet's first firing was, after ``stamp_ns``; without it the points have no times.
    """
    nothing = np.zeros((0, 3), np.float32)
    time_s = None
    if begun_us is not None:
        times = [(part.time_us + begun) * 1e-6 for part, begun in zip(parts, begun_us, strict=True)]
        time_s = np.concatenate([nothing[:, 0], *times]).astype(np.float32)
    return PointCloud(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        source=source,
        points=np.concatenate([nothing, *(part.points for part in parts)]),
        intensity=np.concatenate([nothing[:, 0], *(part.intensity for part in parts)]),
        time_s=time_s,
        ring=np.concatenate([np.zeros(0, np.uint16), *(part.ring.astype(np.uint16) for part in parts)]),
    )


def sent_us(data: bytes) -> int:
    """Return when a packet's first firing was, after the full hour of the sensor's clock [us]."""
    return int.from_bytes(data[PACKET_BYTES - 6 : PACKET_BYTES - 2], "little")


def after_us(data: list[bytes]) -> list[float]:
    """Return when the first firing of each packet was, after the first packet's; the clock counts an hour."""
    moments = [sent_us(one) for one in data]
    gaps = [(later - moments[0] + HOUR_US // 2) % HOUR_US - HOUR_US // 2 for later in moments]
    return [float(gap) for gap in gaps]


def choose(found: Returns, keep: npt.NDArray[np.bool_]) -> Returns:
    """Return those of a packet's returns where ``keep`` (N,) is set."""
    fields = ("points", "intensity", "azimuth", "range_m", "ring", "time_us")
    return Returns(**{name: getattr(found, name)[keep] for name in fields})


def _blocks(data: bytes) -> tuple[npt.NDArray[np.void], int]:
    """Return the blocks of a packet and its return mode."""
    if len(data) != PACKET_BYTES:
        raise BadInputError(f"a Velodyne data packet has {PACKET_BYTES} bytes, this one {len(data)}")
    mode, product = struct.unpack_from("BB", data, PACKET_BYTES - 2)
    if product != _VLP16:
        name = _NAMES.get(product, f"with product number {product:#x}")
        raise BadInputError(f"a packet of a Velodyne {name}; packets of the VLP-16 can be decoded")
    if mode != _DUAL and mode not in _SINGLE:
        raise BadInputError(f"a Velodyne packet of return mode {mode:#x}; known: strongest, last, dual")
    blocks = np.frombuffer(data, _BLOCK, _BLOCKS)
    if (blocks["flag"] != _FLAG).any() or (blocks["azimuth"] >= 36_000).any():
        raise BadInputError("a Velodyne packet whose blocks are damaged")
    return blocks, mode


def _azimuths(blocks: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    recorded: npt.NDArray[np.int64] = blocks["azimuth"].astype(np.int64)
    steps = np.mod(recorded[1:] - recorded[:-1], 36_000)
    unwrapped = np.concatenate([recorded[:1], recorded[0] + np.cumsum(steps)])
    return np.asarray(unwrapped / 100.0, dtype=np.float64)
