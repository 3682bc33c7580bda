"""Cameras that OpenCV opens: streams by FFmpeg, pipelines by GStreamer, video files, and devices without linuxpy."""

from __future__ import annotations

import os
import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require
from selfcue.sensors.camera.config import PIPELINE, CameraConfig
from selfcue.sensors.camera.driver import Camera, Pixels
from selfcue.sensors.driver import Device, DeviceLostError, Domain, EndOfData, Reading
from selfcue.sensors.guarded import Guarded

_FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_ffmpeg_lock = threading.Lock()
"""OpenCV takes FFmpeg's options from the environment alone, at the moment at which it opens."""


class CaptureCamera(Camera):
    """A ``cv2.VideoCapture``, stamped where a frame was grabbed, before it is decoded."""

    domain: Domain = "monotonic"

    def __init__(self, config: CameraConfig) -> None:
        super().__init__(config)
        self._capture: Guarded[Any] = Guarded(lambda capture: capture.release())
        self._fps = config.fps

    @property
    def asked_hz(self) -> float:
        return self._fps

    def open(self) -> None:
        cv2 = require("cv2", extra="vision")
        capture = self._open(cv2)
        if not capture.isOpened():
            capture.release()
            raise self._not_open()
        try:
            self._ask(cv2, capture)
        except BaseException:
            capture.release()
            raise
        said = float(capture.get(cv2.CAP_PROP_FPS))
        if self._fps <= 0 and 0 < said <= 1000:
            self._fps = said
        self._capture.put(capture)

    @abstractmethod
    def _open(self, cv2: Any) -> Any:
        """Return a ``cv2.VideoCapture``, which may not be open."""

    @abstractmethod
    def _not_open(self) -> Exception:
        """Return what it means that it is not open."""

    def _ask(self, cv2: Any, capture: Any) -> None:
        """Ask an opened source for what the settings say."""

    def _no_frame(self) -> Exception:
        """Return what it means that no frame came."""
        return DeviceLostError(f"{self.name}: gives no frames any more; check cable, power and network")

    def read(self, timeout_s: float) -> Sequence[Reading[Pixels]]:  # noqa: ARG002 - the capture has its own time-out
        cv2 = require("cv2", extra="vision")
        with self._capture.use() as capture:
            if capture is None:
                raise DeviceLostError(f"{self.name}: read while it is not open; call open() first")
            good = capture.grab()
            stamp_ns = time.monotonic_ns()
            bgr = capture.retrieve()[1] if good else None
        if bgr is None:
            raise self._no_frame()
        pixels: Pixels = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) if bgr.ndim == 3 else bgr
        return [Reading(self._checked(pixels, self.config.source), stamp_ns)]

    def close(self) -> None:
        self._capture.close()


class StreamCamera(CaptureCamera):
    """A camera in the network: RTSP, MJPEG, MPEG-TS and whatever else FFmpeg reads from a URL."""

    def _open(self, cv2: Any) -> Any:
        config = self.config
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            config.open_timeout_ms,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            config.read_timeout_ms,
        ]
        options = f"rtsp_transport;{config.rtsp_over}|fflags;nobuffer|flags;low_delay"
        with _ffmpeg_lock:
            kept = os.environ.get(_FFMPEG_OPTIONS)
            os.environ[_FFMPEG_OPTIONS] = kept or options
            try:
                return cv2.VideoCapture(config.source, cv2.CAP_FFMPEG, timeouts)
            finally:
                if kept is None:
                    del os.environ[_FFMPEG_OPTIONS]

    def _not_open(self) -> Exception:
        return MissingDependencyError(
            f"{self.name}: no stream within {self.config.open_timeout_ms} ms; check address, port and network"
        )


class PipelineCamera(CaptureCamera):
    """A GStreamer pipeline, as CSI cameras need it: ``gst:libcamerasrc ! videoconvert ! appsink``."""

    def _open(self, cv2: Any) -> Any:
        if not any("GStreamer" in line and "YES" in line for line in cv2.getBuildInformation().splitlines()):
            raise MissingDependencyError(
                f"{self.name}: this OpenCV was built without GStreamer (pip's never has it); use the system's: "
                "apt-get install python3-opencv gstreamer1.0-plugins-good"
            )
        pipeline = self.config.source.removeprefix(PIPELINE)
        if "appsink" not in pipeline:
            raise BadInputError(f"{self.name}: the pipeline must end in 'appsink', for instance '... ! appsink drop=1'")
        return cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)

    def _not_open(self) -> Exception:
        return MissingDependencyError(f"{self.name}: the pipeline does not start; try it with gst-launch-1.0")


class FileCamera(CaptureCamera):
    """A video file, played at its own rate or at ``fps``."""

    domain: Domain = "arrival"

    @property
    def paced(self) -> bool:
        return False

    def _open(self, cv2: Any) -> Any:
        if not Path(self.config.source).is_file():
            raise BadInputError(
                f"{self.config.source}: no such video file, folder or device; give one that exists or a URL"
            )
        return cv2.VideoCapture(self.config.source)

    def _not_open(self) -> Exception:
        return BadInputError(f"{self.config.source}: not a video file that FFmpeg can read; is it whole?")

    def _no_frame(self) -> Exception:
        return EndOfData()


class CaptureDevice(CaptureCamera):
    """A V4L2 device by OpenCV alone: no kernel stamps, and a device that is pulled may hang the read."""

    @classmethod
    def find(cls) -> list[Device]:
        return [Device("camera", str(path), path.name) for path in sorted(Path("/dev").glob("video*"))]

    def _open(self, cv2: Any) -> Any:
        require_device(self.config)
        return cv2.VideoCapture(int(self.config.source) if self.config.source.isdigit() else self.config.source)

    def _not_open(self) -> Exception:
        return MissingDependencyError(
            f"{self.name}: the device does not open; is another program using it, and may this user read it (group "
            "video)?"
        )

    def _ask(self, cv2: Any, capture: Any) -> None:
        config = self.config
        if config.pixel_format:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*config.pixel_format))
        if config.fps > 0:
            capture.set(cv2.CAP_PROP_FPS, config.fps)
        if config.exposure_us:
            capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, 1)
            capture.set(cv2.CAP_PROP_EXPOSURE, config.exposure_us / 100)
        if config.gain >= 0:
            capture.set(cv2.CAP_PROP_GAIN, config.gain)
        if config.width:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
            got = tuple(int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            if got != (config.width, config.height):
                raise BadInputError(other_size(self.name, config, got[0], got[1]))


def require_device(config: CameraConfig) -> None:
    """Raise MissingDependencyError where the device is not there; the message lists those that are."""
    if Path("/dev").is_dir() and not config.device.exists():
        found = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise MissingDependencyError(
            f"camera {config.source}: there is no {config.device}; video devices here: {found}; is it plugged in?"
        )


def other_size(name: str, config: CameraConfig, width: int, height: int) -> str:
    """Return what to say of a device that gives another size than it was asked for."""
    return (
        f"{name}: asked for {config.width} x {config.height} px, got {width} x {height} px; choose a size that it has "
        "(v4l2-ctl --list-formats-ext shows them)"
    )
