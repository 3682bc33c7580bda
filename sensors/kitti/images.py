"""Pictures of a KITTI folder: read whole or not at all."""

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


def read_camera_image(path: Path, *, stamp_ns: int, frame_id: str, size: tuple[int, int]) -> Image:
    """Read a camera picture as mono8 or rgb8.

    Args:
        size: (width, height) [px] that the calibration names.

    Raises:
        BadInputError: missing, damaged, not 8 bit, or of another size; the message names the file.
    """
    pixels = _decode(path)
    if pixels.dtype != np.uint8:
        raise BadInputError(f"{path}: a camera image of {pixels.dtype}, expected 8 bit grey or colour")
    if pixels.shape[1::-1] != size:
        raise _wrong_size(path, pixels, size)
    if pixels.ndim == 2:
        return Image(stamp_ns=stamp_ns, frame_id=frame_id, encoding="mono8", data=pixels)
    rgb = np.ascontiguousarray(pixels[:, :, 2::-1])
    return Image(stamp_ns=stamp_ns, frame_id=frame_id, encoding="rgb8", data=rgb)


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) [px] of a picture."""
    pixels = _decode(path)
    return int(pixels.shape[1]), int(pixels.shape[0])


def read_depth_png(path: Path, *, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return KITTI's 16 bit depth picture (value / 256 m, 0 = none) as (H, W) float32 metres, NaN = none."""
    pixels = _decode(path)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise BadInputError(f"{path}: a depth image of {pixels.dtype} {pixels.shape}, expected 16 bit grey")
    if pixels.shape[1::-1] != size:
        raise _wrong_size(path, pixels, size)
    depth = pixels.astype(np.float32) / np.float32(256.0)
    depth[pixels == 0] = np.nan
    return depth


def _wrong_size(path: Path, pixels: npt.NDArray[Any], size: tuple[int, int]) -> BadInputError:
    found, wanted = f"{pixels.shape[1]} x {pixels.shape[0]} px", f"{size[0]} x {size[1]} px"
    return BadInputError(f"{path}: the image is {found}, the calibration is for {wanted}")


def _decode(path: Path) -> npt.NDArray[Any]:
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
