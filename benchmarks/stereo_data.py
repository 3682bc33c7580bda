"""Stereo pairs with known disparity: Middlebury's, and a KITTI drive with LiDAR; halves to develop on and to score."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Image
from selfcue.sensors.calibration import stereo_geometry
from selfcue.sensors.images import decode_picture
from selfcue.sensors.kitti.images import read_depth_png
from selfcue.sensors.kitti.reader import open_kitti

DEVELOPMENT, SCORED = "development", "scored"
MIDDLEBURY = {"cones": DEVELOPMENT, "motorcycle": SCORED, "teddy": SCORED}
"""The pairs by name: the first half is developed on, the rest scored."""
FIRST_SCORED_FRAME = 240
"""Frames of the drive before it are developed on."""
FARTHEST_M = 80.0


@dataclass(frozen=True)
class TruePair:
    """One pair with truth.

    Attributes:
        name: of the pair, or the number of the frame.
        part: ``development`` or ``scored``.
        left, right: (H, W) or (H, W, 3) RGB uint8.
        disparity: (H, W) [px], NaN where unknown.
        tolerance: (H, W) [px] up to which a disparity is right.
    """

    name: str
    part: str
    left: npt.NDArray[np.uint8]
    right: npt.NDArray[np.uint8]
    disparity: npt.NDArray[np.float32]
    tolerance: npt.NDArray[np.float32]


def data_folder(name: str) -> Path | None:
    """Return a folder of recorded data; None where SELFCUE_DATA has none."""
    root = os.environ.get("SELFCUE_DATA")
    folder = Path(root or "") / name
    return folder if root and folder.is_dir() else None


def middlebury(folder: Path) -> Iterator[TruePair]:
    """Yield Middlebury's pairs; a disparity is right up to 2 px."""
    for name, part in MIDDLEBURY.items():
        left, right = (np.ascontiguousarray(decode_picture(folder / name / f"{side}.png")[:, :, 2::-1])
                       for side in ("left", "right"))  # fmt: skip
        packed = folder / name / "disp_left.npz"
        if packed.is_file():
            truth = np.load(packed, allow_pickle=False)["disp"].astype(np.float32)
            truth[~np.isfinite(truth)] = np.nan
        else:
            truth = decode_picture(folder / name / "disp_left_x4.png").astype(np.float32) / 4
            truth[truth == 0] = np.nan
        yield TruePair(name, part, left, right, truth, np.full(truth.shape, np.float32(2.0)))


def drive(folder: Path, every: int = 1) -> Iterator[TruePair]:
    """Yield each n-th pair of the drive that has LiDAR; a disparity is right up to 1 px or 5 %."""
    reader = open_kitti(folder)
    layout = reader.layout
    geometry = stereo_geometry(layout.left_info, layout.right_info)
    size = geometry.width, geometry.height
    measured = [frame for frame in reader.frames if frame.lidar is not None]
    for frame in measured[::every]:
        if frame.lidar is None or frame.lidar.suffix != ".png":
            raise BadInputError(f"{folder}: frame {frame.number} has no picture of LiDAR depth")
        images = [Image(stamp_ns=0, encoding="mono8", data=decode_picture(path)) for path in (frame.left, frame.right)]
        depth = read_depth_png(frame.lidar, size=size)
        known = np.isfinite(depth) & (depth > 0) & (depth < FARTHEST_M)
        truth = np.where(known, geometry.focal_baseline / np.where(known, depth, 1.0), np.nan).astype(np.float32)
        part = SCORED if frame.number >= FIRST_SCORED_FRAME else DEVELOPMENT
        tolerance = np.maximum(np.float32(1.0), np.float32(0.05) * truth)
        yield TruePair(str(frame.number), part, images[0].data, images[1].data, truth, tolerance)
