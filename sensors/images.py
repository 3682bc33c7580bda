"""Picture files as messages: read whole or not at all."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Image
from selfcue.optional import require

_PNG = b"\x89PNG\r\n\x1a\n"


def read_image(path: Path, *, stamp_ns: int, frame_id: str) -> Image:
    """Read a picture as mono8, rgb8, or (16 bit grey) 16UC1.

    Raises:
        BadInputError: missing, damaged, or of another kind; the message names the file.
    """
    pixels = decode_picture(path)
    if pixels.dtype == np.uint16 and pixels.ndim == 2:
        return Image(stamp_ns=stamp_ns, frame_id=frame_id, encoding="16UC1", data=pixels)
    if pixels.dtype != np.uint8:
        raise BadInputError(f"{path}: an image of {pixels.dtype} {pixels.shape}; 8 bit, or 16 bit grey, can be read")
    return as_colour_or_grey(pixels, stamp_ns=stamp_ns, frame_id=frame_id)


def as_colour_or_grey(pixels: npt.NDArray[Any], *, stamp_ns: int, frame_id: str) -> Image:
    """Return 8 bit pixels in OpenCV's order as mono8 or rgb8; an alpha channel is left out."""
    if pixels.ndim == 2:
        return Image(stamp_ns=stamp_ns, frame_id=frame_id, encoding="mono8", data=pixels)
    rgb = np.ascontiguousarray(pixels[:, :, 2::-1])
    return Image(stamp_ns=stamp_ns, frame_id=frame_id, encoding="rgb8", data=rgb)


def decode_picture(path: Path) -> npt.NDArray[Any]:
    """Return the pixels as OpenCV has them: (H, W) or (H, W, 3 or 4) in BGR order, of the file's own depth.

    Raises:
        BadInputError: missing, cut off or altered; the message names the file.
    """
    cv2 = require("cv2", extra="vision")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInputError(f"{path}: the image is missing") from None
    except OSError as error:
        raise BadInputError(f"{path}: the image cannot be read ({error})") from error
    if path.suffix.lower() == ".png":
        _check_png(path, content)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if pixels is None:
        raise BadInputError(f"{path}: the image is damaged ({len(content)} bytes that do not decode)")
    decoded: npt.NDArray[Any] = pixels
    return decoded


def _check_png(path: Path, content: bytes) -> None:
    """Raise BadInputError where a PNG is cut off or altered: OpenCV returns such pictures half empty."""
    if not content.startswith(_PNG):
        raise BadInputError(f"{path}: the image is damaged (it does not begin as a PNG file does)")
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        end = at + 12 + length
        if end > len(content):
            break
        kind = content[at + 4 : at + 8]
        (checksum,) = struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(memoryview(content)[at + 4 : end - 4]) != checksum:
            raise BadInputError(f"{path}: the image is damaged (wrong checksum in the part at byte {at})")
        if kind == b"IEND":
            return
        at = end
    raise BadInputError(f"{path}: the image is damaged (cut off after {len(content)} bytes)")
