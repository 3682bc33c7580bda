"""Which driver reads which source."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from selfcue.sensors.camera.capture import CaptureDevice, FileCamera, PipelineCamera, StreamCamera
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Camera, Pixels
from selfcue.sensors.camera.folder import FolderCamera
from selfcue.sensors.camera.v4l2 import V4l2Camera
from selfcue.sensors.driver import Device, Reading

__all__ = ["AnyCamera", "camera_driver"]


def camera_driver(config: CameraConfig) -> Camera:
    """Return the driver for ``config``; no work."""
    if config.kind == "device":
        return _device(config)
    kinds: dict[str, type[Camera]] = {
        "folder": FolderCamera,
        "file": FileCamera,
        "stream": StreamCamera,
        "pipeline": PipelineCamera,
    }
    return kinds[config.kind](config)


def _device(config: CameraConfig) -> Camera:
    has_linuxpy = importlib.util.find_spec("linuxpy") is not None
    if config.backend == "v4l2" or (config.backend == "auto" and has_linuxpy):
        return V4l2Camera(config)
    return CaptureDevice(config)


class AnyCamera(Camera):
    """Whatever camera a source names, for ``selfcue sensors`` and for who wants one class."""

    def __init__(self, config: CameraConfig) -> None:
        super().__init__(config)
        self._camera = camera_driver(config)
        self.domain = self._camera.domain

    @classmethod
    def find(cls) -> list[Device]:
        return V4l2Camera.find() or CaptureDevice.find()

    @property
    def asked_hz(self) -> float:
        return self._camera.asked_hz

    @property
    def paced(self) -> bool:
        return self._camera.paced

    def open(self) -> None:
        self._camera.open()

    def read(self, timeout_s: float) -> Sequence[Reading[Pixels]]:
        return self._camera.read(timeout_s)

    def close(self) -> None:
        self._camera.close()

    def describe(self) -> dict[str, object]:
        return {"driver": type(self._camera).__name__, **self._camera.describe()}
