"""A folder of pictures as a camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.optional import require
from selfcue.sensors.camera.config import PICTURES
from selfcue.sensors.camera.driver import Camera, Pixels
from selfcue.sensors.driver import EndOfData, Reading
from selfcue.sensors.images import decode_picture


class FolderCamera(Camera):
    """The pictures of a folder in the order of their names, at ``fps``."""

    _pictures: tuple[Path, ...] = ()
    _next = 0

    @property
    def asked_hz(self) -> float:
        return self.config.fps or 30.0

    @property
    def paced(self) -> bool:
        return False

    def open(self) -> None:
        require("cv2", extra="vision")
        folder = Path(self.config.source)
        if not folder.is_dir():
            raise BadInputError(f"{folder}: no such folder; give one with pictures")
        pictures = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES))
        if not pictures:
            raise BadInputError(f"{folder}: no pictures in it (looked for {', '.join(PICTURES)})")
        self._pictures, self._next = pictures, 0

    def read(self, timeout_s: float) -> Sequence[Reading[Pixels]]:  # noqa: ARG002 - a file is there or not
        if self._next >= len(self._pictures):
            raise EndOfData
        path = self._pictures[self._next]
        self._next += 1
        pixels = decode_picture(path)
        if pixels.dtype.name != "uint8":
            raise BadInputError(f"{path}: pixels of {pixels.dtype}; a camera's pictures have 8 bits")
        if pixels.ndim == 3:
            cv2 = require("cv2", extra="vision")
            pixels = cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2RGB)
        return [Reading(self._checked(pixels, str(path)))]

    def close(self) -> None:
        self._pictures = ()
