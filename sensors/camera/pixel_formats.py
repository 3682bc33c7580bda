"""Pixels in a device's buffer, by linuxpy's names of V4L2's formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.optional import require

Pixels = npt.NDArray[np.uint8]
_Decoder = Callable[[bytes, tuple[int, int], Any], Pixels]


class DamagedFrameError(Exception):
    """A buffer is too short or does not decode: what a bad cable or a busy hub does to single frames."""


def _mjpeg(data: bytes, shape: tuple[int, int], cv2: Any) -> Pixels:  # noqa: ARG001 - a JPEG says its size itself
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DamagedFrameError(f"a damaged JPEG of {len(data)} bytes")
    rgb: Pixels = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb


def _packed(channels: int, code: str) -> _Decoder:
    def turn(data: bytes, shape: tuple[int, int], cv2: Any) -> Pixels:
        raw = np.frombuffer(data, np.uint8, count=shape[0] * shape[1] * channels).reshape(*shape, channels)
        rgb: Pixels = cv2.cvtColor(raw, getattr(cv2, code)) if code else raw.copy()
        return rgb

    return turn


def _grey(data: bytes, shape: tuple[int, int], cv2: Any) -> Pixels:  # noqa: ARG001 - one signature for all
    return np.frombuffer(data, np.uint8, count=shape[0] * shape[1]).reshape(shape).copy()


def _nv12(data: bytes, shape: tuple[int, int], cv2: Any) -> Pixels:
    raw = np.frombuffer(data, np.uint8, count=shape[0] * shape[1] * 3 // 2).reshape(shape[0] * 3 // 2, shape[1])
    rgb: Pixels = cv2.cvtColor(raw, cv2.COLOR_YUV2RGB_NV12)
    return rgb


DECODERS: dict[str, _Decoder] = {
    "MJPEG": _mjpeg,
    "JPEG": _mjpeg,
    "YUYV": _packed(2, "COLOR_YUV2RGB_YUY2"),
    "UYVY": _packed(2, "COLOR_YUV2RGB_UYVY"),
    "RGB24": _packed(3, ""),
    "BGR24": _packed(3, "COLOR_BGR2RGB"),
    "NV12": _nv12,
    "GREY": _grey,
}


def decode(data: bytes, pixel_format: str, shape: tuple[int, int]) -> Pixels:
    """Return the picture in a device's buffer. ``shape``: (H, W).

    Raises:
        DamagedFrameError: the buffer is too short, or holds a damaged JPEG.
    """
    cv2 = require("cv2", extra="vision")
    try:
        return DECODERS[pixel_format](data, shape, cv2)
    except ValueError as error:
        raise DamagedFrameError(f"a frame of {len(data)} bytes is too short for {shape[1]} x {shape[0]}") from error
