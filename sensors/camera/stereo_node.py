"""The node of devices with two eyes: one device in, a pair with one stamp out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image
from selfcue.node import Link
from selfcue.sensors.calibration import read_camera_info
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Pixels
from selfcue.sensors.camera.oak import OakCamera
from selfcue.sensors.camera.pairs import Pair, PairCamera, SideBySideCamera
from selfcue.sensors.camera.realsense import RealSenseCamera
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.rectifier import Rectifier
from selfcue.sensors.sensor_node import SensorNode


@dataclass(frozen=True)
class StereoCameraParams:
    """Settings of the stereo camera node.

    Attributes:
        device: what it is: both eyes in one picture, an Intel RealSense, or a Luxonis OAK.
        camera: the device; side by side, its width is that of both pictures together; RealSense and OAK are named by
            their serial number or id.
        swapped: side by side: the device puts the right eye's picture on the left.
        topic: prefix of its topics: ``TOPIC/left/image``, ``TOPIC/left/camera_info``, the same for right, and
            ``TOPIC/device``.
        frame_id: coordinate frame of the left, rectified camera.
        left, right: ROS camera_info YAML files of a stereo calibration; empty takes the maker's, where the device has
            one, and else publishes the pictures as they are.
        connection: how a device that goes away is dealt with.
    """

    device: Literal["side_by_side", "realsense", "oak"] = "side_by_side"
    camera: CameraConfig = field(default_factory=lambda: CameraConfig("0"))
    swapped: bool = False
    topic: str = "stereo"
    frame_id: str = "stereo_left_optical"
    left: str = ""
    right: str = ""
    connection: ConnectionConfig = field(default_factory=ConnectionConfig)

    def __post_init__(self) -> None:
        if bool(self.left) != bool(self.right):
            raise ValueError("left and right calibration go together; make them with: selfcue calibrate stereo")


class StereoCameraNode(SensorNode[Pair]):
    """Publish the two eyes of one device, rectified where a calibration is known, with one stamp."""

    Params = StereoCameraParams
    params: StereoCameraParams
    KEEP = 4

    def driver(self) -> PairCamera:
        if self.params.device == "side_by_side":
            self._driver: PairCamera = SideBySideCamera(self.params.camera, swapped=self.params.swapped)
        else:
            kind = {"realsense": RealSenseCamera, "oak": OakCamera}[self.params.device]
            self._driver = kind(self.params.camera)
        return self._driver

    def advertise(self, link: Link) -> None:
        rate_hz, sides = self.params.camera.fps, ("left", "right")
        self._images = [link.advertise(f"{self.topic}/{side}/image", Image, rate_hz=rate_hz) for side in sides]
        self._infos = [link.advertise(f"{self.topic}/{side}/camera_info", CameraInfo, latched=True) for side in sides]
        self._rectifiers: list[Rectifier] = []
        if self.params.left:
            paths = (Path(self.params.left), Path(self.params.right))
            self._rectifiers = [Rectifier(read_camera_info(path, frame_id=self.params.frame_id)) for path in paths]
        self._calibrated = False

    def _calibrate(self, stamp_ns: int) -> None:
        """Publish the calibration once: that of the files, or the maker's, known when the device is open."""
        self._calibrated = True
        maker = None if self._rectifiers else self._driver.infos()
        if maker is not None:
            self._rectifiers = [Rectifier(info) for info in maker]
        for rectifier, publisher in zip(self._rectifiers, self._infos, strict=False):
            publisher.publish(msgspec.structs.replace(rectifier.info, stamp_ns=stamp_ns, frame_id=self.params.frame_id))

    def publish(self, value: Pair, stamp_ns: int) -> None:
        if not self._calibrated:
            self._calibrate(stamp_ns)
        for number, pixels in enumerate((value.left, value.right)):
            shown = self._rectified(number, pixels)
            encoding = "mono8" if shown.ndim == 2 else "rgb8"
            self._images[number].publish(
                Image(stamp_ns=stamp_ns, frame_id=self.params.frame_id, encoding=encoding, data=shown)
            )

    def _rectified(self, number: int, pixels: Pixels) -> Pixels:
        if not self._rectifiers:
            return pixels
        info = self._rectifiers[number].info
        if pixels.shape[:2] != (info.height, info.width):
            raise BadInputError(
                f"{self._driver.name}: each eye has {pixels.shape[1]} x {pixels.shape[0]} px, its calibration is for "
                f"{info.width} x {info.height} px"
            )
        return self._rectifiers[number].apply(pixels)
