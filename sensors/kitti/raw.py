"""KITTI raw: ``image_0N/data``, ``timestamps.txt``, calibration of the day, scans and GPS/IMU packets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Odometry
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
from selfcue.sensors.kitti.poses import read_oxts
from selfcue.sensors.kitti.text import FloatArray, datetime_to_ns, numbers, read_keyed, read_lines

LOOKS_FOR = "KITTI raw: image_02/data and image_03/data, or image_00/data and image_01/data"
_PAIRS = (("02", "03"), ("00", "01"))  # colour before grey
_PERIOD_NS = 100_000_000


def claims(path: Path) -> bool:
    """Tell whether ``path`` is the folder of a raw drive."""
    return any((path / f"image_{n}" / "data").is_dir() for pair in _PAIRS for n in pair)


def read(path: Path) -> KittiLayout:
    """Read and check the folder of a raw drive (rectified, as in the ``_sync`` archives)."""
    left, right = _cameras(path)
    pairs = list_pairs(path / f"image_{left}" / "data", path / f"image_{right}" / "data")
    file_numbers = [number for number, _, _ in pairs]
    left_ns, right_ns = (_stamps(path / f"image_{n}", file_numbers) for n in (left, right))
    calibration = _calibration(path)
    scans = list_numbered(path / "velodyne_points" / "data", (".bin",))
    values = read_keyed(calibration, "the camera calibration")
    left_p, right_p = (numbers(values, f"P_rect_{n}", 12, calibration).reshape(3, 4) for n in (left, right))
    rotation = numbers(values, "R_rect_00", 9, calibration).reshape(3, 3)
    odometry = _odometry(path, dict(zip(file_numbers, left_ns, strict=True)))
    frames = tuple(
        KittiFrame(
            number=number,
            left=left_file,
            right=right_file,
            left_ns=left_ns[i],
            right_ns=right_ns[i],
            lidar=scans.get(number),
            odometry=odometry.get(number),
        )
        for i, (number, left_file, right_file) in enumerate(pairs)
    )
    check_stamps(frames, path)
    size = _rectified_size(values, left, pairs[0][1], calibration)
    left_info, right_info = camera_pair(left_p, right_p, size, frames[0].stamp_ns)
    projection = left_p @ _square(rotation) @ _velo_to_cam(calibration.parent) if scans else None
    return KittiLayout("KITTI raw", frames, left_info, right_info, projection)


def _cameras(path: Path) -> tuple[str, str]:
    for left, right in _PAIRS:
        if (path / f"image_{left}" / "data").is_dir() and (path / f"image_{right}" / "data").is_dir():
            return left, right
    found = sorted(folder.name for folder in path.glob("image_0*"))
    raise BadInputError(
        f"{path}: has {', '.join(found)}, which is no stereo pair; image_02 and image_03 or image_00 and image_01 are"
    )


def _stamps(camera: Path, file_numbers: list[int]) -> list[int]:
    """Return a stamp for each file; where there is no ``timestamps.txt``, 10 frames a second from 0."""
    listing = camera / "timestamps.txt"
    if not listing.is_file():
        return [number * _PERIOD_NS for number in file_numbers]
    stamps = [datetime_to_ns(line, listing) for line in read_lines(listing, "the time stamps")]
    if file_numbers and file_numbers[-1] >= len(stamps):
        raise BadInputError(f"{listing}: {len(stamps)} time stamps, but there is an image number {file_numbers[-1]}")
    return [stamps[number] for number in file_numbers]


def _calibration(path: Path) -> Path:
    """Return ``calib_cam_to_cam.txt``: beside the drive as KITTI unpacks, inside it, or in its ``calib`` folder."""
    places = (path / "calib", path, path.resolve().parent)
    for folder in places:
        if (folder / "calib_cam_to_cam.txt").is_file():
            return folder / "calib_cam_to_cam.txt"
    looked = ", ".join(str(folder) for folder in places)
    raise BadInputError(
        f"{path}: calibration is missing: no calib_cam_to_cam.txt in {looked}; unpack the day's _calib.zip"
    )


def _rectified_size(
    values: dict[str, FloatArray], camera: str, first_image: Path, calibration: Path
) -> tuple[int, int]:
    """Return the pictures' size. Raises BadInputError where they are not rectified (the ``_extract`` archives)."""
    size = image_size(first_image)
    if f"S_rect_{camera}" in values:
        width, height = (int(value) for value in numbers(values, f"S_rect_{camera}", 2, calibration))
        if size != (width, height):
            raise BadInputError(
                f"{first_image}: image of {size[0]} x {size[1]} px, {calibration.name} has rectified ones of "
                f"{width} x {height} px; use the drive's rectified archive (_sync)"
            )
    return size


def _velo_to_cam(folder: Path) -> Matrix:
    """Return the (4, 4) transform from the scanner to (unrectified) camera 0."""
    path = folder / "calib_velo_to_cam.txt"
    values = read_keyed(path, "the scanner's calibration")
    transform = np.eye(4)
    transform[:3, :3] = numbers(values, "R", 9, path).reshape(3, 3)
    transform[:3, 3] = numbers(values, "T", 3, path)
    return transform


def _square(rotation: Matrix) -> Matrix:
    square = np.eye(4)
    square[:3, :3] = rotation
    return square


def _odometry(path: Path, stamps_ns: dict[int, int]) -> dict[int, Odometry]:
    """Return the odometry of each frame that has a GPS/IMU packet, stamped like its left image (they are synced)."""
    packets = {n: p for n, p in list_numbered(path / "oxts" / "data", (".txt",)).items() if n in stamps_ns}
    return dict(zip(packets, read_oxts(list(packets.values()), [stamps_ns[n] for n in packets]), strict=True))
