"""Pictures for a calibration from wherever they are: a folder, a video, any log by topic, a live camera or stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue import plugins
from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Image
from selfcue.optional import require
from selfcue.sensors.calibrate.collect import Frame
from selfcue.sensors.driver import Driver, EndOfData
from selfcue.sensors.images import read_image
from selfcue.sensors.readers import LogReader, open_log
from selfcue.sensors.side_by_side import split_side_by_side
from selfcue.sensors.stereo.matcher import image_array
from selfcue.sensors.synchroniser import SyncConfig, Synchroniser

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".ts")


@dataclass(frozen=True)
class PictureSource:
    """Where pictures come from.

    Attributes:
        source: folder, video, log, device index, device path or URL.
        topic: of a log's pictures; empty where the log has one alone.
        every: take each n-th picture only.
    """

    source: str
    topic: str = ""
    every: int = 1

    @property
    def live(self) -> bool:
        """Tell whether it goes on until somebody stops."""
        return self.source.isdigit() or "://" in self.source or self.source.startswith(("/dev/", "gst:"))

    @property
    def pictures(self) -> list[Path]:
        """The files of a folder of pictures, sorted by name; empty for any other source."""
        folder = Path(self.source)
        if self.topic or not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)[:: self.every]

    def frames(self) -> Iterator[Frame]:
        """Yield the pictures.

        Raises:
            BadInputError: nothing is there, or it holds no pictures.
            UsageError: a log with several topics of pictures, none of them named.
        """
        if pictures := self.pictures:
            return (_picture(path) for path in pictures)
        if self.live:
            driver: Driver[npt.NDArray[np.uint8]] = plugins.load(plugins.SENSORS, "camera").from_source(self.source)
            return islice(driver_frames(driver), 0, None, self.every)
        if not self.topic and Path(self.source).suffix.lower() in _VIDEOS:
            return islice(_video(Path(self.source)), 0, None, self.every)
        return islice(self._log(), 0, None, self.every)

    def _log(self) -> Iterator[Frame]:
        if not self.topic and Path(self.source).is_dir() and not any(Path(self.source).iterdir()):
            raise BadInputError(
                f"{self.source}: an empty folder; give one with pictures ({', '.join(_PICTURES)}), or a log"
            )
        log = open_log(self.source)
        topic = self.topic or only_topic(image_topics(log), self.source)
        check_topic(log, topic, self.source)
        for _, name, message in log.messages():
            if name == topic and isinstance(message, Image):
                yield frame_of(message, topic)


@dataclass(frozen=True)
class PairSource:
    """Where pairs come from: two sources, one log with two topics, or one source with both eyes side by side.

    Attributes:
        left, right: sources; ``right`` is empty for one source of both.
        left_topic, right_topic: of a log; empty looks for one with left and one with right in its name.
        side_by_side: ``left`` gives both eyes in one picture.
        max_gap_ms: pictures of a log whose stamps lie further apart are no pair.
        every: take each n-th pair only.
    """

    left: str
    right: str = ""
    left_topic: str = ""
    right_topic: str = ""
    side_by_side: bool = False
    max_gap_ms: float = 2.0
    every: int = 1

    @property
    def live(self) -> bool:
        return PictureSource(self.left).live

    def pairs(self) -> Iterator[tuple[Frame, Frame]]:
        """Yield pairs. Raises as ``PictureSource.frames``, and BadInputError for folders that do not match."""
        return islice(self._all(), 0, None, self.every)

    def _all(self) -> Iterator[tuple[Frame, Frame]]:
        left = PictureSource(self.left, self.left_topic)
        if self.side_by_side:
            return (_halves(frame) for frame in left.frames())
        if not self.right:
            return self._log()
        right = PictureSource(self.right, self.right_topic)
        if left.pictures and right.pictures:
            return _two_folders(left, right)
        return zip(left.frames(), right.frames(), strict=False)

    def _log(self) -> Iterator[tuple[Frame, Frame]]:
        log = open_log(self.left)
        topics = image_topics(log)
        names = {}
        for side, given in (("left", self.left_topic), ("right", self.right_topic)):
            names[side] = given or only_topic(
                [topic for topic in topics if side in topic], self.left, f"--{side}-topic"
            )
            check_topic(log, names[side], self.left)
        sync: Synchroniser[Image] = Synchroniser(SyncConfig(inputs=("left", "right"), max_gap_ms=self.max_gap_ms))
        for _, topic, message in log.messages():
            for side in ("left", "right"):
                if topic == names[side] and isinstance(message, Image):
                    for group in sync.add(side, message):
                        yield frame_of(group["left"], names["left"]), frame_of(group["right"], names["right"])
        if not sync.counts["paired"]:
            raise BadInputError(f"{self.left}: {sync.explain()}")


def driver_frames(driver: Driver[npt.NDArray[np.uint8]]) -> Iterator[Frame]:
    """Open a camera's driver and yield its pictures until it ends, or whoever takes them stops; then close it."""
    driver.open()
    number = 0
    with closing(driver):
        while True:
            try:
                readings = driver.read(timeout_s=1.0)
            except EndOfData:
                return
            for reading in readings:
                stamp_ns = time.monotonic_ns() if driver.domain == "arrival" else reading.stamp_ns
                yield Frame(f"{driver.name} picture {number}", stamp_ns, reading.value)
                number += 1


def _video(path: Path) -> Iterator[Frame]:
    cv2: Any = require("cv2", extra="vision")
    if not path.is_file():
        raise BadInputError(f"{path}: no such video")
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise BadInputError(f"{path}: not a video file that FFmpeg can read; is it whole?")
        rate_hz = capture.get(cv2.CAP_PROP_FPS) or 30.0
        number = 0
        while True:
            good, pixels = capture.read()
            if not good:
                return
            rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            yield Frame(f"{path.name} frame {number}", round(number * 1e9 / rate_hz), rgb)
            number += 1
    finally:
        capture.release()


def image_topics(log: LogReader) -> list[str]:
    """Return the topics of ``log`` that carry pictures."""
    return [topic for topic, kind in sorted(log.topics().items()) if kind is Image]


def check_topic(log: LogReader, topic: str, source: str) -> None:
    """Raise BadInputError where ``log`` has no pictures on ``topic``."""
    topics = image_topics(log)
    if topic not in topics:
        raise BadInputError(
            f"{source}: no pictures on topic {topic!r}; there are some on {', '.join(topics) or 'none'}"
        )


def frame_of(message: Image, topic: str) -> Frame:
    """Return a picture of a log. Raises BadInputError where it is not of 8 bits."""
    return Frame(f"{topic} at {message.stamp_ns * 1e-9:.3f} s", message.stamp_ns, image_array(message, topic))


def only_topic(topics: list[str], source: str, option: str = "--topic", what: str = "pictures") -> str:
    """Return the one of ``topics``. Raises where there is none (BadInputError) or a choice (UsageError)."""
    if not topics:
        raise BadInputError(f"{source}: no topic of {what}; see: selfcue log info {source}")
    if len(topics) > 1:
        raise UsageError(f"{source} has {what} on {', '.join(topics)}; say which with {option}")
    return topics[0]


def _picture(path: Path) -> Frame:
    return frame_named(read_image(path, stamp_ns=0, frame_id=""), path)


def frame_named(message: Image, path: Path) -> Frame:
    """Return a picture of a folder, with its file's name."""
    return Frame(path.name, 0, image_array(message, str(path)))


def _halves(frame: Frame) -> tuple[Frame, Frame]:
    left, right = split_side_by_side(frame.image)
    return Frame(frame.name, frame.stamp_ns, left), Frame(frame.name, frame.stamp_ns, right)


def _two_folders(left: PictureSource, right: PictureSource) -> Iterator[tuple[Frame, Frame]]:
    """Pair by name where names agree, else by order, where there are as many."""
    ones, others = left.pictures, right.pictures
    common = {path.name for path in ones} & {path.name for path in others}
    if common:
        ones, others = ([path for path in paths if path.name in common] for paths in (ones, others))
    elif len(ones) != len(others):
        raise BadInputError(
            f"{left.source} has {len(ones)} pictures and {right.source} {len(others)}, and no names in common; name "
            "the two pictures of a pair alike"
        )
    return ((_picture(one), _picture(other)) for one, other in zip(ones, others, strict=True))
