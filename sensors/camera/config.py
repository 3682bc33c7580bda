"""Which camera, and what to ask it for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CameraKind = Literal["device", "stream", "pipeline", "folder", "file"]

PIPELINE = "gst:"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class CameraConfig:
    """Settings of a camera.

    Attributes:
        source: index of a device (``0``), its path (``/dev/v4l/by-id/...`` finds it again wherever it is plugged in), a
            video file, a folder of pictures, a URL (``rtsp://``, ``http://``, ``tcp://``, ``udp://``), or
            ``gst:`` and a GStreamer pipeline that ends in ``appsink``.
        width, height: size to ask a device for [px]; 0 takes what it gives. Another size than asked for is an error.
        fps: rate to ask a device for, and at which a folder of pictures plays; 0 takes the device's own, a video file's
            own, or 30 for a folder.
        pixel_format: V4L2 format to ask a device for (MJPG, YUYV, GREY, ...); empty takes what it gives.
        exposure_us: exposure time of a device; 0 leaves it to the device's own control.
        gain: of a device, in its own units; below 0 leaves it as it is.
        backend: ``v4l2`` stamps frames where the kernel captured them and needs the package linuxpy; ``opencv`` stamps
            them where they were grabbed; ``auto`` takes the first where it is installed.
        rtsp_over: ``tcp`` loses nothing, ``udp`` is a little earlier.
        open_timeout_ms, read_timeout_ms: how long a stream may take to open, and to give the next frame.
    """

    source: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    pixel_format: str = ""
    exposure_us: int = 0
    gain: int = -1
    backend: Literal["auto", "v4l2", "opencv"] = "auto"
    rtsp_over: Literal["tcp", "udp"] = "tcp"
    open_timeout_ms: int = 5000
    read_timeout_ms: int = 1500

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is empty; give a device index, a file, a folder or a URL")
        if (self.width > 0) != (self.height > 0) or self.width < 0 or self.height < 0:
            raise ValueError(f"width {self.width} and height {self.height} go together; give both, or 0 and 0")
        if self.fps < 0 or self.open_timeout_ms <= 0 or self.read_timeout_ms <= 0 or self.exposure_us < 0:
            raise ValueError(
                f"fps {self.fps} and exposure_us {self.exposure_us} must not be negative, open_timeout_ms "
                f"{self.open_timeout_ms} and read_timeout_ms {self.read_timeout_ms} must be above 0"
            )
        if self.pixel_format and len(self.pixel_format) != 4:
            raise ValueError(f"pixel_format {self.pixel_format!r} is no FourCC; for instance MJPG, YUYV or GREY")

    @property
    def kind(self) -> CameraKind:
        """What ``source`` is."""
        if self.source.startswith(PIPELINE):
            return "pipeline"
        if self.source.isdigit() or self.source.startswith("/dev/"):
            return "device"
        if "://" in self.source:
            return "stream"
        return "folder" if Path(self.source).is_dir() else "file"

    @property
    def device(self) -> Path:
        """Path of the device that ``source`` names."""
        return Path(f"/dev/video{self.source}" if self.source.isdigit() else self.source)
