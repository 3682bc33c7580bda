"""Pictures of a KITTI folder: read whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Image
from selfcue.sensors.images import as_colour_or_grey, decode_picture


def read_camera_image(path: Path, *, stamp_ns: int, frame_id: str, size: tuple[int, int]) -> Image:
    """Read a camera picture as mono8 or rgb8.

    Args:
        size: (width, height) [px] that the calibration names.

    Raises:
        BadInputError: missing, damaged, not 8 bit, or of another size; the message names the file.
    """
    pixels = decode_picture(path)
    if pixels.dtype != np.uint8:
        raise BadInputError(f"{path}: a camera image of {pixels.dtype}, expected 8 bit grey or colour")
    if pixels.shape[1::-1] != size:
        raise _wrong_size(path, pixels, size)
    return as_colour_or_grey(pixels, stamp_ns=stamp_ns, frame_id=frame_id)


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) [px] of a picture."""
    pixels = decode_picture(path)
    return int(pixels.shape[1]), int(pixels.shape[0])


def read_depth_png(path: Path, *, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return KITTI's 16 bit depth picture (value / 256 m, 0 = none) as (H, W) float32 metres, NaN = none."""
    pixels = decode_picture(path)
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
