"""The camera node: plug in a camera, get images on the bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image
from selfcue.node import Link, Node
from selfcue.sensors.calibration import read_camera_info
from selfcue.sensors.camera import Camera, CameraConfig
from selfcue.sensors.grab_thread import GrabThread


@dataclass(frozen=True)
class CameraParams:
    """Settings of the camera node.

    Attributes:
        camera: which camera, and what to ask it for.
        topic: prefix of its topics: ``TOPIC/image`` and ``TOPIC/camera_info``.
        frame_id: coordinate frame of its images.
        calibration: ROS camera_info YAML file; empty publishes no calibration.
        keep: frames that may wait for the node; past it the oldest is lost and counted.
    """

    camera: CameraConfig = field(default_factory=lambda: CameraConfig("0"))
    topic: str = "camera"
    frame_id: str = "camera_optical"
    calibration: str = ""
    keep: int = 4

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"keep is {self.keep}; it must be at least 1")


class CameraNode(Node):
    """Publish what a camera sees: ``TOPIC/image`` (Image rgb8, stamped at grab) and ``TOPIC/camera_info`` (latched).

    Live only: under a simulated or player's clock a camera's frames would have no place in time.
    """

    Params = CameraParams
    params: CameraParams

    def __init__(self, name: str, params: CameraParams) -> None:
        super().__init__(name, params)
        self._grab: GrabThread | None = None
        self._info: CameraInfo | None = None
        self._said_ended = False

    def configure(self, link: Link) -> None:
        if link.lockstep:
            raise BadInputError(
                f"camera {self.params.camera.source}: a camera runs on the wall's clock; set clock: wall in the launch "
                "file, or play a recorded log"
            )
        self._link = link
        self._images = link.advertise(f"{self.params.topic}/image", Image, rate_hz=self.params.camera.fps)
        if self.params.calibration:
            path = Path(self.params.calibration)
            self._info = read_camera_info(path, stamp_ns=link.now_ns(), frame_id=self.params.frame_id)
            self._infos = link.advertise(f"{self.params.topic}/camera_info", CameraInfo, latched=True)
        camera = Camera(self.params.camera)
        camera.open()
        self._grab = GrabThread(camera, link.now_ns, fps=0.0 if camera.paced else camera.fps, keep=self.params.keep)

    def activate(self) -> None:
        if self._info is not None:
            self._infos.publish(self._info)
        if self._grab is not None:
            self._grab.start()

    def step(self, now_ns: int) -> None:  # noqa: ARG002 - frames carry their own stamps
        if self._grab is None:
            return
        for frame in self._grab.take():
            height, width = frame.pixels.shape[:2]
            if self._info is not None and (width, height) != (self._info.width, self._info.height):
                raise BadInputError(
                    f"camera {self.params.camera.source}: frames of {width} x {height} px, but "
                    f"{self.params.calibration} is for {self._info.width} x {self._info.height} px"
                )
            self._images.publish(
                Image(stamp_ns=frame.stamp_ns, frame_id=self.params.frame_id, encoding="rgb8", data=frame.pixels)
            )
        if self._grab.ended and not self._said_ended:
            self._said_ended = True
            self._link.journal("camera_ended", source=self.params.camera.source, dropped=self._grab.dropped)

    def close(self) -> None:
        if self._grab is not None:
            self._grab.stop()
            self._grab = None
