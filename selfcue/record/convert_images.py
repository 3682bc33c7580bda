"""Images and their calibration as ROS values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfcue.messages import IMAGE_ENCODINGS, CameraInfo, CompressedImage, Image
from selfcue.record import compressed
from selfcue.record.converter import Converter
from selfcue.record.fields import Values, numbers_of


class ImageConverter(Converter[Image]):
    """Images as they are."""

    kind = Image
    schema = "sensor_msgs/msg/Image"

    def pack(self, message: Image) -> Values:
        data = message.data
        return {
            "height": message.height,
            "width": message.width,
            "encoding": message.encoding,
            "is_bigendian": 0,
            "step": message.width * data.itemsize * (data.shape[2] if data.ndim == 3 else 1),
            "data": np.ascontiguousarray(data, data.dtype.newbyteorder("<")).reshape(-1).view(np.uint8),
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        """Rows may be padded (``step``) and big endian, as ROS allows; ``bgr8`` is turned into ``rgb8``."""
        encoding = values["encoding"]
        wire = "rgb8" if encoding == "bgr8" else encoding
        if wire not in IMAGE_ENCODINGS:
            raise ValueError(f"encoding {encoding!r} is not known; known: {', '.join(sorted(IMAGE_ENCODINGS))}, bgr8")
        name, channels = IMAGE_ENCODINGS[wire]
        dtype = np.dtype(name)
        height, width, step = values["height"], values["width"], values["step"]
        row = width * channels * dtype.itemsize
        data: np.ndarray = values["data"]
        if step < row or data.size != height * step:
            raise ValueError(f"{width} x {height} {encoding} with step {step} does not fit {data.size} bytes")
        pixels = data.reshape(height, step)[:, :row] if step != row else data
        array = _aligned(pixels, dtype.newbyteorder(">" if values["is_bigendian"] else "<"))
        array = array.reshape((height, width, channels) if channels > 1 else (height, width))
        if encoding == "bgr8":
            array = np.ascontiguousarray(array[:, :, ::-1])
        array.flags.writeable = False
        return {"encoding": wire, "data": array}


class JpegConverter(Converter[Image]):
    """JPEG, PNG and their like; read only, for writing is a setting of the topic (see ``rules``)."""

    kind = Image
    schema = compressed.SCHEMA

    def unpack(self, values: Mapping[str, Any]) -> Values:
        encoding, data = compressed.decode(values["format"], values["data"])
        return {"encoding": encoding, "data": data}


class CompressedImageConverter(Converter[CompressedImage]):
    """Pictures that were compressed before they were published: they stay as they are."""

    kind = CompressedImage
    schema = compressed.SCHEMA

    def pack(self, message: CompressedImage) -> Values:
        return {"format": message.format, "data": message.data}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {"format": values["format"], "data": np.asarray(values["data"], dtype=np.uint8)}


class CameraInfoConverter(Converter[CameraInfo]):
    """Calibration; binning and region of interest are ROS's defaults."""

    kind = CameraInfo
    schema = "sensor_msgs/msg/CameraInfo"

    def pack(self, message: CameraInfo) -> Values:
        return {
            "height": message.height,
            "width": message.width,
            "distortion_model": message.distortion_model,
            "d": message.d,
            "k": message.k,
            "r": message.r,
            "p": message.p,
            "binning_x": 0,
            "binning_y": 0,
            "roi": {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False},
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        names = ("d", "k", "r", "p")
        fields: Values = {name: values[name] for name in ("height", "width", "distortion_model")}
        return fields | {name: numbers_of(values[name]) for name in names}


def _aligned(data: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return bytes as flat numbers of ``dtype`` in native order, copied only where memory lies awry."""
    array = np.ascontiguousarray(data).reshape(-1).view(dtype)
    if not array.flags.aligned or not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array
