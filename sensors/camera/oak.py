"""Luxonis OAK cameras: left and right grey pictures, undistorted on the device, by DepthAI 3 (package depthai)."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from typing import Any

import numpy as np

from selfcue.errors import MissingDependencyError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.calibrate.rectify import rectified_infos
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.pairs import NumberedPairCamera, OpenedPair, Pair
from selfcue.sensors.driver import Device
from selfcue.sensors.lens import Lens

_SIZE = (640, 400)


class OakCamera(NumberedPairCamera):
    """The grey pair of one OAK device; ``source`` is its id, as ``selfcue sensors list`` prints it."""

    @classmethod
    def find(cls) -> list[Device]:
        if importlib.util.find_spec("depthai") is None:
            return []
        dai = require("depthai", extra="oak")
        return [Device("stereo", one.getDeviceId(), one.name) for one in dai.Device.getAllAvailableDevices()]

    @property
    def name(self) -> str:
        return f"OAK {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return self.config.fps or 20.0

    def _open(self) -> OpenedPair:
        dai = require("depthai", extra="oak")
        here = [one.source for one in self.find()]
        if self.config.source not in here:
            raise MissingDependencyError(
                f"{self.name}: not plugged in; ids here: {', '.join(here) or 'none'} (Linux needs Luxonis' udev rule)"
            )
        return _Opened(dai, self.name, self.config, self.asked_hz)


class _Opened:
    """A device whose pipeline runs. Opens all or nothing."""

    def __init__(self, dai: Any, name: str, config: CameraConfig, fps: float) -> None:
        size = (config.width, config.height) if config.width else _SIZE
        try:
            self._device = dai.Device(dai.DeviceInfo(config.source))
        except RuntimeError as error:
            raise MissingDependencyError(f"{name}: does not open ({error}); is another program using it?") from error
        try:
            self._pipeline = dai.Pipeline(self._device)
            sockets = (dai.CameraBoardSocket.CAM_B, dai.CameraBoardSocket.CAM_C)
            self._queues = [self._eye(dai, socket, size, fps) for socket in sockets]
            self.infos = pair_infos(self._device.readCalibration(), sockets, size)
            self._pipeline.start()
        except BaseException:
            self._device.close()
            raise
        self._held: list[Any] = [None, None]

    def _eye(self, dai: Any, socket: Any, size: tuple[int, int], fps: float) -> Any:
        camera = self._pipeline.create(dai.node.Camera).build(socket)
        output = camera.requestOutput(size, type=dai.ImgFrame.Type.GRAY8, fps=fps, enableUndistortion=True)
        return output.createOutputQueue(maxSize=4, blocking=False)

    def pair(self, timeout_s: float) -> tuple[int, int, Pair] | None:
        """Return number, stamp [monotonic ns] and pictures of the next whole pair; None where none came in time."""
        for eye, queue in enumerate(self._queues):
            if self._held[eye] is None:
                self._held[eye] = queue.get(timedelta(seconds=timeout_s))
            if self._held[eye] is None:
                return None
        left, right = self._held
        numbers = left.getSequenceNum(), right.getSequenceNum()
        for eye, number in enumerate(numbers):
            if number <= min(numbers):
                self._held[eye] = None
        if numbers[0] != numbers[1]:
            return None  # one eye dropped a frame: the other waits for it
        stamp_ns = round(left.getTimestamp().total_seconds() * 1e9)
        return int(numbers[0]), stamp_ns, Pair(*(np.array(eye.getFrame(), dtype=np.uint8) for eye in (left, right)))

    def close(self) -> None:
        self._pipeline.stop()
        self._device.close()


def pair_infos(calibration: Any, sockets: tuple[Any, Any], size: tuple[int, int]) -> tuple[CameraInfo, CameraInfo]:
    """Return the calibration of pictures that the device has undistorted: what remains is to turn them into line.

    Args:
        calibration: DepthAI's ``CalibrationHandler``.
        size: width and height of the pictures [px].
    """
    cv2: Any = require("cv2", extra="vision")
    lenses = []
    for socket in sockets:
        k = np.array(calibration.getCameraIntrinsics(socket, *size))
        lenses.append(Lens(*size, k[0, 0], k[1, 1], k[0, 2], k[1, 2], (0.0,) * 5))
    turn = np.array(calibration.getCameraExtrinsics(*sockets, useSpecTranslation=False))  # translation in centimetres
    rotation = cv2.Rodrigues(turn[:3, :3])[0].reshape(3)
    return rectified_infos(lenses[0], lenses[1], rotation, turn[:3, 3] * 0.01)
