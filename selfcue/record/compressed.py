"""Pictures as ``sensor_msgs/CompressedImage`` holds them: JPEG, or PNG, which loses nothing.

OpenCV is imported when the first one comes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import IMAGE_ENCODINGS, Image
from selfcue.optional import require
from selfcue.record.rules import TopicRule

SCHEMA = "sensor_msgs/msg/CompressedImage"
JPEG = {"rgb8": "bgr8", "mono8": "mono8"}
"""What can be written as JPEG, and what image_transport says of the stored colour order."""
PNG = {"rgb8": "bgr8", "mono8": "mono8", "8UC1": "", "16UC1": "", "mono16": ""}
"""The same of PNG."""


def fits(message: Image, rule: TopicRule) -> bool:
    """Return whether ``message`` is to be compressed, and can be."""
    able = JPEG if rule.jpeg is not None else PNG if rule.png is not None else {}
    return message.encoding in able and 0 < message.width < 1 << 16 and 0 < message.height < 1 << 16


def encode(message: Image, rule: TopicRule) -> dict[str, Any]:
    """Return the values of a ``sensor_msgs/CompressedImage`` (without header)."""
    cv2 = require("cv2", extra="vision")
    picture = np.ascontiguousarray(message.data)
    if message.encoding == "rgb8":
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    if rule.jpeg is not None:
        name, order = "jpeg", JPEG.get(message.encoding, "")
        settings = [cv2.IMWRITE_JPEG_QUALITY, rule.jpeg]
    else:
        name, order = "png", PNG.get(message.encoding, "")
        settings = [cv2.IMWRITE_PNG_COMPRESSION, rule.png or 0]
    try:
        done, data = cv2.imencode(".jpg" if name == "jpeg" else ".png", picture, settings)
    except cv2.error as error:
        done, data = False, error
    if not done:
        raise BadInputError(f"image of {message.width} x {message.height} px cannot be written as {name.upper()}")
    return {"format": f"{message.encoding}; {name} compressed {order}", "data": data.reshape(-1)}


def decode(text: str, data: np.ndarray) -> tuple[str, np.ndarray]:
    """Return encoding and picture, ``(H, W, 3)`` rgb8 or ``(H, W)`` of any encoding with one channel.

    ``text`` is the message's ``format``: ``rgb8; jpeg compressed bgr8``, ``16UC1; png compressed`` or plain ``jpeg``,
    ``png``. Where it does not name an encoding that we know, the picture is given as rgb8.
    """
    cv2 = require("cv2", extra="vision")
    encoding = text.partition(";")[0].strip()
    if encoding not in PNG:
        encoding = "rgb8"
    dtype, channels = IMAGE_ENCODINGS[encoding]
    how = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE if dtype == "uint8" else cv2.IMREAD_UNCHANGED
    try:
        picture = cv2.imdecode(data, how) if data.size else None
    except cv2.error as error:
        raise ValueError(f"compressed image ({text!r}, {data.size} bytes) does not decode: {error}") from error
    if picture is None:
        raise ValueError(f"compressed image ({text!r}, {data.size} bytes) does not decode; it is damaged")
    if picture.dtype != np.dtype(dtype) or picture.ndim != (3 if channels == 3 else 2):
        raise ValueError(f"compressed image ({text!r}) holds {picture.shape} {picture.dtype}, which is not {encoding}")
    if channels == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    picture.flags.writeable = False
    return encoding, picture
