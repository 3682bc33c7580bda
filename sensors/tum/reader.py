"""TUM RGB-D folders and TUM trajectory files as a log.

Source: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Image, Pose, Vector
from selfcue.sensors.images import read_image
from selfcue.sensors.streams import Stream, StreamReader
from selfcue.sensors.tables import numbers, read_rows, stamps
from selfcue.sensors.tum.associate import associate

DEPTH_UNITS_PER_M = 5000
_SUFFIXES = (".txt", ".tum", ".freiburg")
_WORLD, _CAMERA = "world", "camera_optical"


class TumReader(StreamReader):
    """A folder of the RGB-D benchmark, or one trajectory file (stamp tx ty tz qx qy qz qw).

    Topics, where their lists are there: ``rgb/image`` (Image), ``depth/image`` (Image 32FC1 [m], NaN where nothing was
    measured), ``accelerometer`` (Vector [m/s^2]), ``groundtruth`` (Pose of the camera). The pose of a trajectory
    file is ``trajectory``. With ``associations.txt`` and without ``rgb.txt`` the pictures are those that it names.

    Raises:
        BadInputError: a missing or damaged list. Pictures are read when their turn comes.
    """

    looks_for: ClassVar[str] = "TUM: rgb.txt, depth.txt or associations.txt, or a trajectory of 8 columns"
    time_base: ClassVar[str] = "the stamps of the lists: seconds since 1970 of the recording computer"

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        if self.path.is_file():
            self._take([_poses(self.path, "trajectory")])
            return
        streams = []
        listed = self.path / "associations.txt"
        if listed.is_file() and not (self.path / "rgb.txt").is_file():
            streams += [_pictures(self.path, listed, 0, "rgb/image"), _pictures(self.path, listed, 2, "depth/image")]
        for name, topic in (("rgb.txt", "rgb/image"), ("depth.txt", "depth/image")):
            if (self.path / name).is_file():
                streams.append(_pictures(self.path, self.path / name, 0, topic))
        if (self.path / "accelerometer.txt").is_file():
            streams.append(_accelerations(self.path / "accelerometer.txt"))
        if (self.path / "groundtruth.txt").is_file():
            streams.append(_poses(self.path / "groundtruth.txt", "groundtruth"))
        self._take(streams)

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` is a folder with the lists of the benchmark, or begins as a trajectory."""
        if path.is_dir():
            return any((path / name).is_file() for name in ("rgb.txt", "depth.txt", "associations.txt"))
        return path.suffix in _SUFFIXES and _begins_as_trajectory(path)

    def pairs(self, max_gap_s: float = 0.02) -> list[tuple[int, int]]:
        """Return (stamp of the colour picture, stamp of the depth picture) of those that belong together.

        Each picture is in one pair at most; the nearest ones find each other first, as the benchmark's tool does it.
        """
        by_topic = {stream.topic: stream.stamps_ns for stream in self._streams}
        nothing: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        rgb, depth = (by_topic.get(topic, nothing) for topic in ("rgb/image", "depth/image"))
        return [(int(rgb[i]), int(depth[j])) for i, j in associate(rgb, depth, round(max_gap_s * 1e9))]


def _begins_as_trajectory(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    for line in head.decode("utf-8", "replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            return len([float(word) for word in words]) == 8
        except ValueError:
            return False
    return False


def _pictures(folder: Path, listing: Path, column: int, topic: str) -> Stream:
    rows = read_rows(listing, "the list of pictures", separator=None)
    stamps_ns = stamps(rows, listing, unit="s", column=column)
    names = []
    for line, words in rows:
        if len(words) <= column + 1:
            raise BadInputError(f"{listing}: line {line} has {len(words)} columns; a file name belongs in {column + 2}")
        name = Path(words[column + 1])
        if name.is_absolute() or ".." in name.parts:
            raise BadInputError(f"{listing}: line {line}: {words[column + 1]!r} lies outside the folder")
        names.append(name)

    def read(i: int) -> Image:
        image = read_image(folder / names[i], stamp_ns=int(stamps_ns[i]), frame_id=_CAMERA)
        if topic != "depth/image":
            return image
        if image.encoding != "16UC1":
            raise BadInputError(f"{folder / names[i]}: a depth image of {image.encoding}, expected 16 bit grey")
        depth = image.data.astype(np.float32) / np.float32(DEPTH_UNITS_PER_M)
        depth[image.data == 0] = np.nan
        return Image(stamp_ns=image.stamp_ns, frame_id=_CAMERA, encoding="32FC1", data=depth)

    return Stream(topic, Image, stamps_ns, read, f"TUM {listing.name}")


def _poses(path: Path, topic: str) -> Stream:
    rows = read_rows(path, "the trajectory", separator=None)
    stamps_ns = stamps(rows, path, unit="s")
    values = numbers(rows, range(1, 8), path).tolist()

    def read(i: int) -> Pose:
        x, y, z, qx, qy, qz, qw = values[i]
        return Pose(stamp_ns=int(stamps_ns[i]), frame_id=_WORLD, position=(x, y, z), orientation=(qx, qy, qz, qw))

    return Stream(topic, Pose, stamps_ns, read, "TUM trajectory")


def _accelerations(path: Path) -> Stream:
    rows = read_rows(path, "the accelerations", separator=None)
    stamps_ns = stamps(rows, path, unit="s")
    values = numbers(rows, range(1, 4), path).tolist()

    def read(i: int) -> Vector:
        x, y, z = values[i]
        return Vector(stamp_ns=int(stamps_ns[i]), frame_id="accelerometer", vector=(x, y, z))

    return Stream("accelerometer", Vector, stamps_ns, read, "TUM accelerometer.txt")
