"""KITTI's folders as a log: calibration, image pairs, LiDAR depth and odometry as messages, one frame at a time."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, Message, Odometry, type_name
from selfcue.record.entry import TopicInfo
from selfcue.sensors.kitti import odometry, raw, slim
from selfcue.sensors.kitti.images import read_camera_image, read_depth_png
from selfcue.sensors.kitti.layout import KittiFrame, KittiLayout
from selfcue.sensors.kitti.lidar import project, read_scan
from selfcue.sensors.readers import Entry, Moment

_LAYOUTS = (slim, raw, odometry)


class KittiReader:
    """Read KITTI raw, KITTI odometry, or their slim forms.

    Topics: ``stereo/left/camera_info``, ``stereo/right/camera_info`` (latched), ``stereo/left/image``,
    ``stereo/right/image`` (mono8, or rgb8 where the drive has colour), ``lidar/depth`` (32FC1, metres along the left
    camera's optical axis, NaN where nothing was measured; stamped like the left image) and ``odom``, where present.

    Args:
        path: the drive's folder, or one that holds nothing but it.

    Raises:
        BadInputError: no known layout, missing calibration, unpaired frames or wrong stamps. Pictures and scans are
            read when their turn comes; a missing or damaged one raises BadInputError naming the file then.
    """

    looks_for: ClassVar[str] = "; ".join(layout.LOOKS_FOR for layout in _LAYOUTS)

    def __init__(self, path: Path | str) -> None:
        folder = Path(path)
        found = _find(folder)
        if found is None:
            raise BadInputError(f"{folder}: no KITTI layout found; looked for {self.looks_for}")
        module, self.path = found
        self.layout: KittiLayout = module.read(self.path)
        self._stamps: tuple[int, ...] = tuple(frame.stamp_ns for frame in self.layout.frames)

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` looks like a KITTI drive, damaged or whole."""
        return _find(path) is not None

    @property
    def frames(self) -> tuple[KittiFrame, ...]:
        """All frames with their files, none of them read yet."""
        return self.layout.frames

    @property
    def latched_topics(self) -> frozenset[str]:
        return frozenset({"stereo/left/camera_info", "stereo/right/camera_info"})

    @property
    def start_ns(self) -> int:
        return self._stamps[0]

    @property
    def end_ns(self) -> int:
        return self._stamps[-1]

    def topics(self) -> Mapping[str, type[Message]]:
        topics: dict[str, type[Message]] = {}
        for side in ("left", "right"):
            topics[f"stereo/{side}/camera_info"] = CameraInfo
            topics[f"stereo/{side}/image"] = Image
        if any(frame.lidar for frame in self.layout.frames):
            topics["lidar/depth"] = Image
        if any(frame.odometry for frame in self.layout.frames):
            topics["odom"] = Odometry
        return topics

    def contents(self) -> dict[str, TopicInfo]:
        """Return the topics with their counts, without reading a picture."""
        frames = self.layout.frames
        counts = {topic: len(frames) for topic in ("stereo/left/image", "stereo/right/image")}
        counts |= dict.fromkeys(self.latched_topics, 1)
        counts["lidar/depth"] = sum(frame.lidar is not None for frame in frames)
        counts["odom"] = sum(frame.odometry is not None for frame in frames)
        return {
            topic: TopicInfo(topic, type_name(kind), self.layout.kind, counts[topic], ())
            for topic, kind in self.topics().items()
        }

    def moment_stamps(self) -> tuple[int, ...]:
        """Return the stamp of each frame: the later one of its pair."""
        return self._stamps

    def moments(self, start_ns: int | None = None) -> Iterator[Moment]:
        """Yield one moment a frame from ``start_ns`` on: both images of a pair belong together by their number."""
        first = 0 if start_ns is None else bisect.bisect_left(self._stamps, start_ns)
        for index in range(first, len(self._stamps)):
            frame = self.layout.frames[index]
            entries = [*self._calibration()] if index == first else []
            entries.extend(self._frame(frame))
            yield Moment(frame.stamp_ns, tuple(entries))

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        """Yield calibration, then the messages frame by frame."""
        for moment in self.moments(start_ns):
            yield from moment.entries

    def _calibration(self) -> Iterator[Entry]:
        for side, info in (("left", self.layout.left_info), ("right", self.layout.right_info)):
            yield info.stamp_ns, f"stereo/{side}/camera_info", info

    def _frame(self, frame: KittiFrame) -> Iterator[Entry]:
        info = self.layout.left_info
        size = (info.width, info.height)
        if frame.odometry is not None:
            yield frame.odometry.stamp_ns, "odom", frame.odometry
        for side, path, stamp_ns in (("left", frame.left, frame.left_ns), ("right", frame.right, frame.right_ns)):
            image = read_camera_image(path, stamp_ns=stamp_ns, frame_id=f"stereo_{side}_optical", size=size)
            yield stamp_ns, f"stereo/{side}/image", image
        if frame.lidar is not None:
            if frame.lidar.suffix == ".png":
                depth = read_depth_png(frame.lidar, size=size)
            elif self.layout.lidar_projection is not None:
                depth = project(read_scan(frame.lidar), self.layout.lidar_projection, size)
            else:
                raise BadInputError(f"{frame.lidar}: a scan without the scanner's calibration")
            message = Image(stamp_ns=frame.left_ns, frame_id=info.frame_id, encoding="32FC1", data=depth)
            yield frame.left_ns, "lidar/depth", message


def open_kitti(path: Path | str) -> KittiReader:
    """Return a reader for the KITTI folder at ``path``, whatever its layout."""
    return KittiReader(path)


def _find(path: Path) -> tuple[ModuleType, Path] | None:
    """Return (layout module, drive's folder): ``path`` itself, or the only drive inside it up to two folders down."""
    if not path.is_dir():
        return None
    for folders in ([path], sorted(path.glob("*/")), sorted(path.glob("*/*/"))):
        found = [(layout, folder) for folder in folders for layout in _LAYOUTS if layout.claims(folder)]
        if len(found) > 1:
            names = ", ".join(str(folder) for _, folder in found)
            raise BadInputError(f"{path}: holds {len(found)} drives; give one of {names}")
        if found:
            return found[0]
    return None
