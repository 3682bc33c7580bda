"""Arrays as PNG files for a browser, with nothing but the standard library: a viewer needs no extra install."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]

# Near is warm and far is cold, dark to light, so that it reads in grey too: (share of the range, red, green, blue).
_ANCHORS = np.array(
    [
        (0.0, 24, 18, 66),
        (0.25, 42, 92, 148),
        (0.5, 58, 160, 140),
        (0.75, 214, 190, 74),
        (1.0, 252, 238, 208),
    ]
)
_TABLE = np.stack(
    [np.interp(np.linspace(0, 1, 256), _ANCHORS[:, 0], _ANCHORS[:, i]) for i in (1, 2, 3)], axis=1
).astype(np.uint8)
_EMPTY = np.array((60, 60, 64), np.uint8)
MAX_SIDE_PX = 640


def png(pixels: Rgb) -> bytes:
    """Return a PNG file of ``pixels``, (H, W) grey or (H, W, 3) RGB."""
    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    lines = np.zeros((height, 1 + width * (3 if colour else 1)), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def coloured(values: npt.NDArray[np.floating], valid: npt.NDArray[np.bool_], low: float, high: float) -> Rgb:
    """Return ``values`` (H, W) as RGB, from ``low`` (dark) to ``high`` (light); grey where not ``valid``."""
    span = max(high - low, 1e-9)
    index = np.clip((np.where(valid, values, low) - low) / span * 255.0, 0, 255).astype(np.uint8)
    rgb: Rgb = _TABLE[index]
    return np.where(valid[..., None], rgb, _EMPTY)


def shrunk(pixels: Rgb, most: int = MAX_SIDE_PX) -> Rgb:
    """Return every n-th pixel, so that no side is longer than ``most``."""
    step = -(-max(pixels.shape[:2]) // most)
    return pixels[::step, ::step] if step > 1 else pixels
