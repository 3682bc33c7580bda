"""JPEG pictures as ``sensor_msgs/CompressedImage`` holds them. OpenCV is imported when the first one comes."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Image
from selfcue.optional import require

ENCODINGS = {"rgb8": "bgr8", "mono8": "mono8"}
"""What can be written as JPEG, and what image_transport says of the stored colour order."""


def fits(message: Image) -> bool:
    """Return whether ``message`` can become a JPEG."""
    return message.encoding in ENCODINGS and 0 < message.width < 1 << 16 and 0 < message.height < 1 << 16


def encode(message: Image, quality: int) -> dict[str, Any]:
    """Return the values of a ``sensor_msgs/CompressedImage`` (without header). ``quality``: 1 to 100."""
    cv2 = require("cv2", extra="learn")
    picture = np.ascontiguousarray(message.data)
    if message.encoding == "rgb8":
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise BadInputError(f"image of {message.width} x {message.height} px cannot be written as JPEG")
    return {"format": f"{message.encoding}; jpeg compressed {ENCODINGS[message.encoding]}", "data": data.reshape(-1)}


def decode(text: str, data: np.ndarray) -> tuple[str, np.ndarray]:
    """Return encoding and picture, ``(H, W, 3)`` rgb8 or ``(H, W)`` mono8.

    ``text`` is the message's ``format``: ``rgb8; jpeg compressed bgr8`` or plain ``jpeg``, ``png``.
    """
    cv2 = require("cv2", extra="learn")
    mono = text.partition(";")[0].strip() == "mono8"
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if mono else cv2.IMREAD_COLOR) if data.size else None
    except cv2.error as error:
        raise ValueError(f"compressed image ({text!r}, {data.size} bytes) does not decode: {error}") from error
    if picture is None:
        raise ValueError(f"compressed image ({text!r}, {data.size} bytes) does not decode; it is damaged")
    if not mono:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    picture.flags.writeable = False
    return ("mono8" if mono else "rgb8"), picture
