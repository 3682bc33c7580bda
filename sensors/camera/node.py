"""The camera node: plug in a camera, get images on the bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, CompressedImage, Image
from selfcue.node import Link
from selfcue.sensors.calibration import read_camera_info
from selfcue.sensors.camera.choose import camera_driver
from selfcue.sensors.camera.compressed import compressed
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Camera, Pixels
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.rectifier import Rectifier
from selfcue.sensors.sensor_node import SensorNode


@dataclass(frozen=True)
class CameraParams:
    """Settings of the camera node.

    Attributes:
        camera: which camera, and what to ask it for.
        topic: prefix of its topics: ``TOPIC/image``, ``TOPIC/camera_info`` and ``TOPIC/device``.
        frame_id: coordinate frame of its images.
        calibration: ROS camera_info YAML file; empty publishes no calibration.
        rectify: publish what an ideal camera would see (undistorted, and for a stereo calibration rectified), with the
            calibration of that camera. Needs ``calibration``.
        jpeg: quality (1 to 100) at which pictures go out as JPEG on ``TOPIC/image/compressed`` instead, for links that
            are too slow for pixels (the node ``image_decoder`` makes images of them again); 0: as they are.
        connection: how a camera that goes away is dealt with.
    """

    camera: CameraConfig = field(default_factory=lambda: CameraConfig("0"))
    topic: str = "camera"
    frame_id: str = "camera_optical"
    calibration: str = ""
    rectify: bool = False
    jpeg: int = 0
    connection: ConnectionConfig = field(default_factory=ConnectionConfig)

    def __post_init__(self) -> None:
        if self.rectify and not self.calibration:
            raise ValueError("rectify needs a calibration; make one with: selfcue calibrate camera")
        if not 0 <= self.jpeg <= 100:
            raise ValueError(f"jpeg is {self.jpeg}; give a quality from 1 to 100, or 0 for pictures as they are")


class CameraNode(SensorNode[Pixels]):
    """Publish what a camera sees: ``TOPIC/image`` (Image rgb8 or mono8) and ``TOPIC/camera_info`` (latched)."""

    Params = CameraParams
    params: CameraParams
    KEEP = 4

    def driver(self) -> Camera:
        return camera_driver(self.params.camera)

    def advertise(self, link: Link) -> None:
        self._info: CameraInfo | None = None
        self._rectifier: Rectifier | None = None
        rate_hz = self.params.camera.fps
        if self.params.jpeg:
            self._jpegs = link.advertise(f"{self.topic}/image/compressed", CompressedImage, rate_hz=rate_hz)
        else:
            self._images = link.advertise(f"{self.topic}/image", Image, rate_hz=rate_hz)
        if not self.params.calibration:
            return
        path = Path(self.params.calibration)
        self._info = read_camera_info(path, stamp_ns=link.now_ns(), frame_id=self.params.frame_id)
        if self.params.rectify:
            self._rectifier = Rectifier(self._info)
            self._info = self._rectifier.info
        self._infos = link.advertise(f"{self.topic}/camera_info", CameraInfo, latched=True)

    def activate(self) -> None:
        if self._info is not None:
            self._infos.publish(self._info)

    def publish(self, value: Pixels, stamp_ns: int) -> None:
        height, width = value.shape[:2]
        if self._info is not None and (width, height) != (self._info.width, self._info.height):
            raise BadInputError(
                f"camera {self.params.camera.source}: frames of {width} x {height} px, but "
                f"{self.params.calibration} is for {self._info.width} x {self._info.height} px"
            )
        pixels = value if self._rectifier is None else self._rectifier.apply(value)
        encoding = "mono8" if pixels.ndim == 2 else "rgb8"
        image = Image(stamp_ns=stamp_ns, frame_id=self.params.frame_id, encoding=encoding, data=pixels)
        if self.params.jpeg:
            self._jpegs.publish(compressed(image, self.params.jpeg))
        else:
            self._images.publish(image)
