"""Intel RealSense depth cameras: the rectified infrared pair, by librealsense (package pyrealsense2)."""

from __future__ import annotations

import importlib.util
import time
from typing import Any

import numpy as np

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.calibration import rectified_pair
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.pairs import NumberedPairCamera, OpenedPair, Pair
from selfcue.sensors.driver import Device

_LEFT, _RIGHT = 1, 2  # librealsense's numbers of the infrared streams
_QUEUE = 4


class RealSenseCamera(NumberedPairCamera):
    """The infrared pair of one RealSense device; ``source`` is its serial number."""

    @classmethod
    def find(cls) -> list[Device]:
        if importlib.util.find_spec("pyrealsense2") is None:
            return []
        rs = require("pyrealsense2", extra="realsense")
        info = rs.camera_info
        return [
            Device("stereo", device.get_info(info.serial_number), device.get_info(info.name))
            for device in devices(rs)
            if device.supports(info.serial_number)
        ]

    @property
    def name(self) -> str:
        return f"RealSense {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return self.config.fps or 30.0

    def _open(self) -> OpenedPair:
        rs = require("pyrealsense2", extra="realsense")
        found = [one for one in devices(rs) if one.get_info(rs.camera_info.serial_number) == self.config.source]
        if not found:
            here = ", ".join(one.source for one in self.find()) or "none"
            raise MissingDependencyError(f"{self.name}: not plugged in; serial numbers here: {here}")
        return _Opened(rs, self.name, found[0], self.config, self.asked_hz)


def devices(rs: Any) -> list[Any]:
    """Return the devices that are plugged in."""
    return list(rs.context().query_devices())


class _Opened:
    """A device that streams. Opens all or nothing."""

    def __init__(self, rs: Any, name: str, device: Any, config: CameraConfig, fps: float) -> None:
        self._rs = rs
        able = [one for one in device.query_sensors() if any(_infrared(rs, p) for p in one.get_stream_profiles())]
        if not able:
            raise BadInputError(f"{name}: has no infrared pair")
        self._sensor = able[0]
        profiles = self._sensor.get_stream_profiles()
        left, right = (self._choose(profiles, eye, name, config, fps) for eye in (_LEFT, _RIGHT))
        self.infos = _calibration(left, right)
        self._frames = rs.syncer(_QUEUE)
        try:
            self._sensor.open([left, right])
            self._sensor.start(self._frames)
        except RuntimeError as error:
            raise MissingDependencyError(f"{name}: does not open ({error}); is another program using it?") from error

    def _choose(self, profiles: Any, eye: int, name: str, config: CameraConfig, fps: float) -> Any:
        able = [p.as_video_stream_profile() for p in profiles if _infrared(self._rs, p) and p.stream_index() == eye]
        fits = [
            p
            for p in able
            if p.fps() == round(fps) and (not config.width or (p.width(), p.height()) == (config.width, config.height))
        ]
        if not fits:
            have = ", ".join(sorted({f"{p.width()} x {p.height()} at {p.fps()} Hz" for p in able})) or "nothing"
            raise BadInputError(f"{name}: infrared {eye} has no such size and rate; it has {have}")
        return fits[0]

    def pair(self, timeout_s: float) -> tuple[int, int, Pair] | None:
        """Return number, stamp [monotonic ns] and pictures of the next whole pair; None where none came in time."""
        good, frames = self._frames.try_wait_for_frames(round(timeout_s * 1e3))
        if not good:
            return None
        eyes = {frame.get_profile().stream_index(): frame for frame in frames}
        if set(eyes) != {_LEFT, _RIGHT}:
            return None  # one eye was late: librealsense gives it alone
        left, right = (np.array(eyes[eye].get_data(), copy=True) for eye in (_LEFT, _RIGHT))
        return int(eyes[_LEFT].get_frame_number()), self._stamp_ns(eyes[_LEFT]), Pair(left, right)

    def _stamp_ns(self, frame: Any) -> int:
        now_ns = time.monotonic_ns()
        if frame.get_frame_timestamp_domain() == self._rs.timestamp_domain.hardware_clock:
            return now_ns  # counted by the device alone: nothing ties it to this machine
        return int(frame.get_timestamp() * 1e6) - (time.time_ns() - now_ns)

    def close(self) -> None:
        try:
            self._sensor.stop()
            self._sensor.close()
        except RuntimeError:
            pass  # unplugged: there is nothing left to stop


def _infrared(rs: Any, profile: Any) -> bool:
    return bool(profile.stream_type() == rs.stream.infrared and profile.format() == rs.format.y8)


def _calibration(left: Any, right: Any) -> tuple[CameraInfo, CameraInfo]:
    """Return what the device says of its rectified pair."""
    lens = left.intrinsics
    baseline_m = abs(float(left.get_extrinsics_to(right).translation[0]))
    return rectified_pair(
        width=lens.width, height=lens.height, fx_px=lens.fx, cx_px=lens.ppx, cy_px=lens.ppy, baseline_m=baseline_m
    )
