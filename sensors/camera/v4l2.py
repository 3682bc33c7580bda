"""V4L2 devices by linuxpy: frames stamped by the kernel, lost ones counted, devices known by their serial number."""

from __future__ import annotations

import errno
import importlib.util
import select
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require
from selfcue.sensors.camera.capture import other_size, require_device
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Camera, Pixels
from selfcue.sensors.camera.pixel_formats import DECODERS, DamagedFrameError, decode
from selfcue.sensors.driver import Device, DeviceLostError, Domain, Reading
from selfcue.sensors.guarded import Guarded

BY_ID = Path("/dev/v4l/by-id")
_BUFFERS = 4
_TIMESTAMP_MASK, _TIMESTAMP_MONOTONIC = 0xE000, 0x2000  # V4L2_BUF_FLAG_TIMESTAMP_* in the kernel's videodev2.h
_MANUAL_EXPOSURE = 1  # V4L2_EXPOSURE_MANUAL


class V4l2Camera(Camera):
    """One V4L2 capture device."""

    domain: Domain = "monotonic"

    def __init__(self, config: CameraConfig) -> None:
        super().__init__(config)
        self._opened: Guarded[_Opened] = Guarded(lambda opened: opened.close())
        self._last = -1
        self._about: dict[str, Any] = {}

    @classmethod
    def find(cls) -> list[Device]:
        if importlib.util.find_spec("linuxpy") is None:
            return []
        video = require("linuxpy.video.device", extra="v4l2")
        found = []
        for device in video.iter_video_capture_devices():
            try:
                with device:
                    about = {"bus": device.info.bus_info, "driver": device.info.driver}
                    found.append(Device("camera", stable_path(Path(device.filename)), device.info.card, about))
            except OSError:
                continue  # pulled while we looked, or somebody else's
        return found

    def open(self) -> None:
        require_device(self.config)
        opened = _Opened(self.name, self.config)
        self._about = opened.about
        self._last = -1
        self._opened.put(opened)

    @property
    def asked_hz(self) -> float:
        return float(self._about.get("fps", self.config.fps))

    def read(self, timeout_s: float) -> Sequence[Reading[Pixels]]:
        with self._opened.use() as opened:
            if opened is None:
                raise DeviceLostError(f"{self.name}: read while it is not open; call open() first")
            try:
                frame = opened.frame(timeout_s)
            except OSError as error:
                why = "unplugged" if error.errno in (errno.ENODEV, errno.EBADF) else str(error)
                raise DeviceLostError(
                    f"{self.name}: gives no frames any more ({why}); check cable and power"
                ) from error
            except DamagedFrameError:
                return []  # its number is missing, so it is counted with the next good one
            if frame is None:
                return []
            stamp_ns, number, pixels = frame
        lost = max(0, number - self._last - 1) if self._last >= 0 else 0
        self._last = number
        return [Reading(self._checked(pixels, self.name), stamp_ns, lost)]

    def close(self) -> None:
        self._opened.close()

    def describe(self) -> dict[str, Any]:
        return super().describe() | self._about


class _Opened:
    """A device that streams. Opens all or nothing."""

    def __init__(self, name: str, config: CameraConfig) -> None:
        video = require("linuxpy.video.device", extra="v4l2")
        self._device = video.Device(config.device)
        try:
            self._device.open()
            self._capture = video.VideoCapture(self._device, size=_BUFFERS)
            self._ask(name, config)
            self._capture.open()
        except OSError as error:
            self._device.close()
            raise MissingDependencyError(
                f"{name}: the device does not open ({error}); is another program using it, and may this user read it "
                "(group video)?"
            ) from error
        except BaseException:
            self._device.close()
            raise
        info = self._device.info
        self.about = {"model": info.card, "bus": info.bus_info, "format": self._format, "fps": self._fps}

    def _ask(self, name: str, config: CameraConfig) -> None:
        have = self._capture.get_format()
        fourcc = config.pixel_format or have.pixel_format
        width, height = (config.width, config.height) if config.width else (have.width, have.height)
        self._capture.set_format(width, height, fourcc)
        got = self._capture.get_format()
        if config.width and (got.width, got.height) != (config.width, config.height):
            raise BadInputError(other_size(name, config, got.width, got.height))
        self._format, self._shape = got.pixel_format.name, (int(got.height), int(got.width))
        if self._format not in DECODERS:
            raise BadInputError(f"{name}: gives {self._format}; choose a pixel_format of {', '.join(DECODERS)}")
        if config.fps > 0:
            self._capture.set_fps(config.fps)
        self._fps = float(self._capture.get_fps())
        if config.exposure_us:
            self._control(name, "auto_exposure", _MANUAL_EXPOSURE)
            self._control(name, "exposure_time_absolute", max(1, round(config.exposure_us / 100)))
        if config.gain >= 0:
            self._control(name, "gain", config.gain)

    def _control(self, name: str, control: str, value: int) -> None:
        controls = {one.config_name: one for one in self._device.controls.values()}
        if control not in controls:
            raise BadInputError(f"{name}: has no control {control!r}; it has {', '.join(sorted(controls)) or 'none'}")
        controls[control].value = value

    def frame(self, timeout_s: float) -> tuple[int, int, Pixels] | None:
        """Return stamp [monotonic ns], number and pixels of the next frame; None where none came in time."""
        readable, _, _ = select.select([self._device], [], [], timeout_s)
        if not readable:
            return None
        frame = self._capture.buffer.raw_read()
        stamp_ns = frame.buff.timestamp.secs * 1_000_000_000 + frame.buff.timestamp.usecs * 1000
        if frame.buff.flags & _TIMESTAMP_MASK != _TIMESTAMP_MONOTONIC:
            stamp_ns = time.monotonic_ns()
        return stamp_ns, int(frame.frame_nb), decode(bytes(frame.data), self._format, self._shape)

    def close(self) -> None:
        try:
            self._capture.close()
        except OSError:
            pass  # unplugged: there is nothing left to stop
        finally:
            self._device.close()


def stable_path(device: Path) -> str:
    """Return the name under ``/dev/v4l/by-id`` that leads to ``device``, which stays with it; else its path."""
    if BY_ID.is_dir():
        for link in sorted(BY_ID.iterdir()):
            if link.resolve() == device.resolve():
                return str(link)
    return str(device)
