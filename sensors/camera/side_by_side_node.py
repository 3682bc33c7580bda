"""Stereo devices that send both eyes in one picture: one device in, a pair with one stamp out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image
from selfcue.node import Link, Publisher
from selfcue.sensors.calibration import read_camera_info
from selfcue.sensors.camera.choose import camera_driver
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Camera, Pixels
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.rectifier import Rectifier
from selfcue.sensors.sensor_node import SensorNode
from selfcue.sensors.side_by_side import split_side_by_side

SIDES = ("left", "right")


@dataclass(frozen=True)
class SideBySideParams:
    """Settings of the side-by-side node.

    Attributes:
        camera: the device; its width is that of both pictures together.
        swapped: the device puts the right eye's picture on the left.
        topic: prefix of its topics: ``TOPIC/left/image``, ``TOPIC/left/camera_info``, the same for right, and
            ``TOPIC/device``.
        frame_id: coordinate frame of the left, rectified camera.
        left, right: ROS camera_info YAML files of a stereo calibration; empty publishes the pictures as they are.
        connection: how a device that goes away is dealt with.
    """

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


class SideBySideNode(SensorNode[Pixels]):
    """Publish the two eyes of one device, rectified where a calibration is given, with one stamp."""

    Params = SideBySideParams
    params: SideBySideParams
    KEEP = 4

    @property
    def topic(self) -> str:
        return self.params.topic

    @property
    def connection(self) -> ConnectionConfig:
        return self.params.connection

    def driver(self) -> Camera:
        return camera_driver(self.params.camera)

    def advertise(self, link: Link) -> None:
        self._images: list[Publisher[Image]] = []
        self._rectifiers: list[Rectifier] = []
        self._infos: list[Publisher[CameraInfo]] = []
        for side, path in zip(SIDES, (self.params.left, self.params.right), strict=True):
            self._images.append(link.advertise(f"{self.topic}/{side}/image", Image, rate_hz=self.params.camera.fps))
            if path:
                info = read_camera_info(Path(path), stamp_ns=link.now_ns(), frame_id=self.params.frame_id)
                self._rectifiers.append(Rectifier(info))
                self._infos.append(link.advertise(f"{self.topic}/{side}/camera_info", CameraInfo, latched=True))

    def activate(self) -> None:
        for rectifier, publisher in zip(self._rectifiers, self._infos, strict=True):
            publisher.publish(rectifier.info)

    def publish(self, value: Pixels, stamp_ns: int) -> None:
        eyes = split_side_by_side(value, swapped=self.params.swapped)
        for number, pixels in enumerate(eyes):
            shown = pixels
            if self._rectifiers:
                info = self._rectifiers[number].info
                if pixels.shape[:2] != (info.height, info.width):
                    raise BadInputError(
                        f"camera {self.params.camera.source}: each eye has {pixels.shape[1]} x {pixels.shape[0]} px, "
                        f"its calibration is for {info.width} x {info.height} px"
                    )
                shown = np.ascontiguousarray(self._rectifiers[number].apply(pixels))
            self._images[number].publish(
                Image(
                    stamp_ns=stamp_ns,
                    frame_id=self.params.frame_id,
                    encoding="mono8" if shown.ndim == 2 else "rgb8",
                    data=shown,
                )
            )
