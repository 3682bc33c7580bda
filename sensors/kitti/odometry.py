"""KITTI odometry: a sequence folder with ``image_N``, ``calib.txt``, ``times.txt``, poses, or its small form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Odometry
from selfcue.sensors.kitti.images import image_size
from selfcue.sensors.kitti.layout import (
    KittiFrame,
    KittiLayout,
    Matrix,
    camera_pair,
    check_stamps,
    list_numbered,
    list_pairs,
)
from selfcue.sensors.kitti.poses import read_camera_poses
from selfcue.sensors.kitti.slim_calibration import read_slim_calibration
from selfcue.sensors.kitti.text import numbers, read_keyed, read_lines, seconds_to_ns

LOOKS_FOR = "KITTI odometry: calib.txt with image_2 and image_3, image_0 and image_1, or left and right"
_PAIRS = (("image_2", "image_3"), ("image_0", "image_1"), ("left", "right"))  # colour before grey
_PERIOD_NS = 100_000_000


def claims(path: Path) -> bool:
    """Tell whether ``path`` is the folder of an odometry sequence."""
    if (path / "frames.csv").is_file():
        return False
    return any((path / name).is_dir() for pair in _PAIRS for name in pair)


def read(path: Path) -> KittiLayout:
    """Read and check the folder of an odometry sequence."""
    left, right = _cameras(path)
    pairs = list_pairs(path / left, path / right)
    stamps_ns = _stamps(path, [number for number, _, _ in pairs])
    scans = list_numbered(path / "velodyne", (".bin",))
    left_info, right_info, projection = _calibration(path, left, right, pairs[0][1], stamps_ns[0], bool(scans))
    odometry = _odometry(path, [number for number, _, _ in pairs], stamps_ns)
    frames = tuple(
        KittiFrame(
            number=number,
            left=left_file,
            right=right_file,
            left_ns=stamps_ns[i],
            right_ns=stamps_ns[i],
            lidar=scans.get(number) if projection is not None else None,
            odometry=odometry.get(number),
        )
        for i, (number, left_file, right_file) in enumerate(pairs)
    )
    check_stamps(frames, path)
    return KittiLayout("KITTI odometry", frames, left_info, right_info, projection)


def _cameras(path: Path) -> tuple[str, str]:
    for left, right in _PAIRS:
        if (path / left).is_dir() and (path / right).is_dir():
            return left, right
    found = ", ".join(name for pair in _PAIRS for name in pair if (path / name).is_dir())
    raise BadInputError(f"{path}: has {found}, which is no stereo pair; {LOOKS_FOR}")


def _stamps(path: Path, file_numbers: list[int]) -> list[int]:
    """Return one stamp a frame; where there is no ``times.txt``, 10 frames a second from 0."""
    listing = path / "times.txt"
    if not listing.is_file():
        return [number * _PERIOD_NS for number in file_numbers]
    stamps = [seconds_to_ns(line, listing) for line in read_lines(listing, "the time stamps")]
    if file_numbers[-1] >= len(stamps):
        raise BadInputError(f"{listing}: {len(stamps)} time stamps, but there is an image number {file_numbers[-1]}")
    return [stamps[number] for number in file_numbers]


def _calibration(
    path: Path, left: str, right: str, first_image: Path, stamp_ns: int, has_scans: bool
) -> tuple[CameraInfo, CameraInfo, Matrix | None]:
    """Return both cameras' calibration and the scanner's projection where there is one."""
    calibration = path / "calib.txt"
    values = read_keyed(calibration, "the calibration")
    if "P0" not in values:
        return *read_slim_calibration(calibration, stamp_ns), None
    names = {"image_0": "P0", "image_1": "P1", "image_2": "P2", "image_3": "P3", "left": "P0", "right": "P1"}
    left_p, right_p = (numbers(values, names[name], 12, calibration).reshape(3, 4) for name in (left, right))
    infos = camera_pair(left_p, right_p, image_size(first_image), stamp_ns)
    if not has_scans:
        return *infos, None
    transform = np.eye(4)
    transform[:3] = numbers(values, "Tr", 12, calibration).reshape(3, 4)
    return *infos, left_p @ transform


def _odometry(path: Path, file_numbers: list[int], stamps_ns: Sequence[int]) -> dict[int, Odometry]:
    """Return the pose of each frame from ``poses.txt`` or KITTI's ``poses/SEQUENCE.txt``; {} where there is none."""
    for listing in (path / "poses.txt", path.resolve().parents[1] / "poses" / f"{path.resolve().name}.txt"):
        if listing.is_file():
            poses = read_camera_poses(listing, stamps_ns)
            if len(poses) < len(file_numbers):
                raise BadInputError(f"{listing}: {len(poses)} poses for {len(file_numbers)} frames")
            return dict(zip(file_numbers, poses, strict=True))
    return {}
