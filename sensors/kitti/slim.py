"""The slim folder: ``left``, ``right``, ``frames.csv`` with both stamps, ``calib.txt``, depth pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.sensors.kitti.layout import KittiFrame, KittiLayout, Matrix, check_stamps, list_numbered, list_pairs
from selfcue.sensors.kitti.slim_calibration import read_slim_calibration
from selfcue.sensors.kitti.text import read_lines, read_matrix, seconds_to_ns

LOOKS_FOR = "slim KITTI: frames.csv, calib.txt, left and right"
_COLUMNS = ("frame", "t_left_s", "t_right_s")


def claims(path: Path) -> bool:
    """Tell whether ``path`` is a slim folder."""
    return (path / "frames.csv").is_file()


def read(path: Path) -> KittiLayout:
    """Read and check a slim folder. Its GPS/IMU record has no time stamps and is left out."""
    pairs = {number: (left, right) for number, left, right in list_pairs(path / "left", path / "right")}
    depths = list_numbered(path / "lidar_depth", (".png",))
    scans = list_numbered(path / "velodyne", (".bin",))
    frames = []
    for number, left_ns, right_ns in _rows(path / "frames.csv"):
        if number not in pairs:
            raise BadInputError(f"{path / 'left'}: the image of frame {number} is missing; frames.csv lists it")
        left, right = pairs[number]
        lidar = depths.get(number, scans.get(number))
        frames.append(KittiFrame(number, left, right, left_ns, right_ns, lidar))
    unlisted = sorted(set(pairs) - {frame.number for frame in frames})
    if unlisted:
        raise BadInputError(f"{path / 'frames.csv'}: has no row for image {unlisted[0]}, so it has no stamp")
    check_stamps(frames, path / "frames.csv")
    left_info, right_info = read_slim_calibration(path / "calib.txt", frames[0].stamp_ns)
    projection = _projection(path, left_info) if any(f.lidar and f.lidar.suffix == ".bin" for f in frames) else None
    return KittiLayout("slim KITTI", tuple(frames), left_info, right_info, projection)


def _rows(path: Path) -> list[tuple[int, int, int]]:
    """Return (frame, left stamp, right stamp) of each row."""
    reader = csv.DictReader(read_lines(path, "the frame list"))
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise BadInputError(f"{path}: column {missing[0]!r} is missing; it needs {', '.join(_COLUMNS)}")
    rows = []
    for row in reader:
        if not (row["frame"] or "").isdigit():
            raise BadInputError(f"{path}: line {reader.line_num}: frame {row['frame']!r} is not a number")
        rows.append((int(row["frame"]), *(seconds_to_ns(row[key] or "", path) for key in _COLUMNS[1:])))
    if not rows:
        raise BadInputError(f"{path}: lists no frame")
    return [(number, left_ns, right_ns) for number, left_ns, right_ns in rows]


def _projection(path: Path, left: CameraInfo) -> Matrix:
    transform = read_matrix(path / "calib_velo_to_rect_left.txt", 4, "the scanner's calibration")
    if transform.shape != (4, 4):
        raise BadInputError(f"{path / 'calib_velo_to_rect_left.txt'}: {len(transform)} rows, expected 4")
    return np.asarray(np.array(left.p).reshape(3, 4) @ transform)
