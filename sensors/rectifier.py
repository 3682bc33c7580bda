"""Undistortion and rectification of pictures by a calibration: what ROS's ``image_proc`` does to ``image_raw``."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.lens import Lens

_STILL_PX = 1e-3  # maps that move no pixel further than this are left out


class Rectifier:
    """Turn pictures of one calibrated camera into what an ideal camera with projection P would see.

    For a single camera that is undistortion; with R and P of a stereo calibration the rows of both cameras agree.
    Holds no state that a result depends on; may be used from several threads.

    Args:
        info: calibration (K, D, R, P) for the size of the pictures.
    """

    def __init__(self, info: CameraInfo) -> None:
        cv2: Any = require("cv2", extra="vision")
        self._cv2 = cv2
        self._size = (info.width, info.height)
        lens = Lens.from_info(info)
        turn = np.array(info.r).reshape(3, 3)
        projection = np.array(info.p).reshape(3, 4)[:, :3]
        make = cv2.fisheye.initUndistortRectifyMap if lens.model == "equidistant" else cv2.initUndistortRectifyMap
        self._x, self._y = make(lens.matrix, lens.coefficients, turn, projection, self._size, cv2.CV_32FC1)
        columns, rows = np.meshgrid(np.arange(info.width), np.arange(info.height))
        moved_px = max(float(np.abs(self._x - columns).max()), float(np.abs(self._y - rows).max()))
        self.is_identity = moved_px < _STILL_PX
        k = (info.p[0], 0.0, info.p[2], 0.0, info.p[5], info.p[6], 0.0, 0.0, 1.0)
        unturned = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
        self.info = msgspec.structs.replace(info, k=k, d=(), r=unturned, distortion_model="plumb_bob")

    @property
    def maps(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Where in the raw picture each pixel comes from: x and y, each (H, W) float32 [px]."""
        return self._x, self._y

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """(H, W): which pixels of the rectified picture lie inside the raw one; the others are black."""
        width, height = self._size
        inside: npt.NDArray[np.bool_] = (
            (self._x >= 0) & (self._x <= width - 1) & (self._y >= 0) & (self._y <= height - 1)
        )
        return inside

    def apply(self, image: npt.NDArray[Any], *, nearest: bool = False) -> npt.NDArray[Any]:
        """Return the rectified picture, of the same shape and dtype.

        Args:
            image: (H, W) or (H, W, C), uint8, uint16 or float32.
            nearest: take the nearest pixel instead of interpolating: for masks, labels, and depth with holes.

        Raises:
            BadInputError: the picture's size is not the calibration's.
        """
        width, height = self._size
        if image.shape[:2] != (height, width) or image.ndim not in (2, 3):
            raise BadInputError(
                f"rectification: the picture is {image.shape[1] if image.ndim > 1 else 0} x {image.shape[0]} px, its "
                f"calibration is for {width} x {height} px; calibrate at the size that the camera sends"
            )
        if self.is_identity:
            return image
        how = self._cv2.INTER_NEAREST if nearest else self._cv2.INTER_LINEAR
        found: npt.NDArray[Any] = self._cv2.remap(image, self._x, self._y, how, borderMode=self._cv2.BORDER_CONSTANT)
        return found
