"""A camera behind four verbs: open, read, close, describe. Threads and stamps are the grab thread's business."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require

RgbImage = npt.NDArray[np.uint8]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class CameraConfig:
    """Settings of a camera.

    Attributes:
        source: index of a device ("0"), path of a device, of a video file, of a folder of pictures, or a URL
            (rtsp://, http://, tcp://, udp://).
        width, height: size to ask a device for [px]; 0 takes what it gives. Another size than asked for is an error.
        fps: rate to ask a device for, and the rate at which a folder of pictures plays; 0 takes the device's own, a
            video file's own, or 30 for a folder.
        open_timeout_ms, read_timeout_ms: how long a URL may take to open, and to give the next frame.
    """

    source: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    open_timeout_ms: int = 5000
    read_timeout_ms: int = 2000

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is empty; give a device index, a file, a folder or a URL")
        if (self.width > 0) != (self.height > 0) or self.width < 0 or self.height < 0:
            raise ValueError(f"width {self.width} and height {self.height} go together; give both, or 0 and 0")
        if self.fps < 0 or self.open_timeout_ms <= 0 or self.read_timeout_ms <= 0:
            raise ValueError(
                f"fps {self.fps} must not be negative, open_timeout_ms {self.open_timeout_ms} and read_timeout_ms "
                f"{self.read_timeout_ms} must be above 0"
            )

    @property
    def kind(self) -> str:
        """What ``source`` is: ``device``, ``url``, ``folder`` or ``file``."""
        if self.source.isdigit() or self.source.startswith("/dev/"):
            return "device"
        if "://" in self.source:
            return "url"
        return "folder" if Path(self.source).is_dir() else "file"


class Camera:
    """Frames of a device, file, folder or stream, as RGB. Not thread-safe: one thread opens, reads and closes.

    Example::

        camera = Camera(CameraConfig("0"))
        camera.open()
        frame = camera.read()
        camera.close()
    """

    def __init__(self, config: CameraConfig) -> None:
        self.config = config
        self._capture: Any = None
        self._pictures: list[Path] = []
        self._next = 0
        self._size: tuple[int, int] | None = None

    def open(self) -> None:
        """Open the source, all or nothing.

        Raises:
            BadInputError: a file or folder that is not there or holds no pictures, or a size that is not to be had.
            MissingDependencyError: a device or stream that does not answer.
        """
        try:
            if self.config.kind == "folder":
                self._open_folder()
            else:
                self._open_capture()
        except BaseException:
            self.close()
            raise

    @property
    def paced(self) -> bool:
        """The source sets its own pace; files and folders give frames as fast as they are read."""
        return self.config.kind in ("device", "url")

    @property
    def fps(self) -> float:
        """Rate of the source [Hz]; 0 where it does not say."""
        if self.config.fps > 0:
            return self.config.fps
        if self._capture is None:
            return 30.0
        cv2 = require("cv2", extra="vision")
        return float(self._capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> RgbImage | None:
        """Return the next frame, (H, W, 3) uint8 RGB; None at the end of a file or folder.

        Raises:
            MissingDependencyError: a device or stream stopped to give frames.
            BadInputError: a picture is damaged, or frames change their size.
        """
        if self._capture is None and not self._pictures:
            raise MissingDependencyError(f"camera {self.config.source}: read before it was opened; call open() first")
        return self._read_picture() if self._capture is None else self._read_capture()

    def close(self) -> None:
        """Let go of the source; may be called twice."""
        if self._capture is not None:
            self._capture.release()
        self._capture, self._pictures, self._next, self._size = None, [], 0, None

    def _open_folder(self) -> None:
        folder = Path(self.config.source)
        self._pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
        if not self._pictures:
            raise BadInputError(f"{folder}: no pictures in it (looked for {', '.join(_PICTURES)})")

    def _open_capture(self) -> None:
        cv2 = require("cv2", extra="vision")
        config = self.config
        if config.kind == "file" and not Path(config.source).is_file():
            raise BadInputError(f"{config.source}: no such video file, folder or device; give one that exists or a URL")
        if config.kind == "device":
            self._capture = self._device(cv2)
        elif config.kind == "url":
            timeouts = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                config.open_timeout_ms,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                config.read_timeout_ms,
            ]
            self._capture = cv2.VideoCapture(config.source, cv2.CAP_FFMPEG, timeouts)
        else:
            self._capture = cv2.VideoCapture(config.source)
        if not self._capture.isOpened():
            raise self._not_open()
        if config.kind == "device":
            self._ask_device(cv2)

    def _device(self, cv2: Any) -> Any:
        name: int | str = int(self.config.source) if self.config.source.isdigit() else self.config.source
        device = Path(f"/dev/video{name}") if isinstance(name, int) else Path(name)
        if Path("/dev").is_dir() and not device.exists():
            found = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
            raise MissingDependencyError(
                f"camera {self.config.source}: there is no {device}; video devices here: {found}; is it plugged in?"
            )
        return cv2.VideoCapture(name)

    def _ask_device(self, cv2: Any) -> None:
        """Ask for size and rate, and refuse a device that gives another size."""
        config = self.config
        if config.fps > 0:
            self._capture.set(cv2.CAP_PROP_FPS, config.fps)
        if not config.width:
            return
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
        got = tuple(int(self._capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if got != (config.width, config.height):
            raise BadInputError(
                f"camera {config.source}: asked for {config.width} x {config.height} px, got {got[0]} x {got[1]} px; "
                "choose a size that it has (v4l2-ctl --list-formats-ext shows them)"
            )

    def _not_open(self) -> Exception:
        config = self.config
        if config.kind == "file":
            return BadInputError(f"{config.source}: not a video file that FFmpeg can read; is it whole?")
        if config.kind == "url":
            return MissingDependencyError(
                f"camera {config.source}: no stream within {config.open_timeout_ms} ms; check address, port and network"
            )
        return MissingDependencyError(
            f"camera {config.source}: the device does not open; is another program using it, and may this user read it "
            "(group video)?"
        )

    def _read_picture(self) -> RgbImage | None:
        if self._next >= len(self._pictures):
            return None
        path = self._pictures[self._next]
        self._next += 1
        cv2 = require("cv2", extra="vision")
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise BadInputError(f"{path}: the picture is missing or damaged")
        return self._rgb(cv2, bgr, str(path))

    def _read_capture(self) -> RgbImage | None:
        cv2 = require("cv2", extra="vision")
        good, bgr = self._capture.read()
        if good:
            return self._rgb(cv2, bgr, self.config.source)
        if self.config.kind == "file":
            return None
        raise MissingDependencyError(
            f"camera {self.config.source}: gives no frames any more; check cable, power and network"
        )

    def _rgb(self, cv2: Any, bgr: RgbImage, subject: str) -> RgbImage:
        size = (int(bgr.shape[1]), int(bgr.shape[0]))
        wanted = self._size or ((self.config.width, self.config.height) if self.config.width else size)
        if size != wanted:
            raise BadInputError(f"{subject}: frame of {size[0]} x {size[1]} px, expected {wanted[0]} x {wanted[1]} px")
        self._size = size
        rgb: RgbImage = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        return rgb
