"""What a KITTI folder holds, whichever layout it is in: frames, calibration, and what comes beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Odometry

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KittiFrame:
    """One triggered pair and what belongs to it.

    Attributes:
        number: the number in the file names; numbers may have gaps.
        left, right: picture files.
        left_ns, right_ns: their stamps.
        lidar: depth picture (.png) or scan (.bin), where there is one.
        odometry: pose at the left picture, where there is one.
    """

    number: int
    left: Path
    right: Path
    left_ns: int
    right_ns: int
    lidar: Path | None = None
    odometry: Odometry | None = None

    @property
    def stamp_ns(self) -> int:
        """When the whole frame is there: the later of both stamps."""
        return max(self.left_ns, self.right_ns)


@dataclass(frozen=True)
class KittiLayout:
    """A checked KITTI folder.

    Attributes:
        kind: name of the layout.
        frames: in order; their stamps strictly increase.
        left_info, right_info: calibration of the rectified pair.
        lidar_projection: (3, 4) from a scan's points to pixels of the left camera; None where there are no scans.
    """

    kind: str
    frames: tuple[KittiFrame, ...]
    left_info: CameraInfo
    right_info: CameraInfo
    lidar_projection: Matrix | None = None


def list_numbered(folder: Path, suffixes: Iterable[str]) -> dict[int, Path]:
    """Return the files of ``folder`` that are named by a number, sorted by it; {} where the folder is not there."""
    if not folder.is_dir():
        return {}
    found = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.stem.isdigit()]
    return {int(path.stem): path for path in sorted(found, key=lambda path: int(path.stem))}


def list_pairs(left: Path, right: Path) -> list[tuple[int, Path, Path]]:
    """Return (number, left file, right file) of a drive.

    Raises:
        BadInputError: no pictures, or a picture without its partner.
    """
    lefts, rights = (list_numbered(folder, (".png", ".jpg", ".jpeg")) for folder in (left, right))
    if not lefts and not rights:
        raise BadInputError(f"{left} and {right}: no images (NUMBER.png) in them; is the drive unpacked whole?")
    for have, folder, files in (
        ("left", right, sorted(set(lefts) - set(rights))),
        ("right", left, sorted(set(rights) - set(lefts))),
    ):
        if files:
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            name = (lefts if have == "left" else rights)[files[0]].name
            raise BadInputError(
                f"{folder / name}: the image is missing{more}; every frame needs a left and a right image, "
                f"and here only the {have} one is there"
            )
    return [(number, lefts[number], rights[number]) for number in lefts]


def check_stamps(frames: Iterable[KittiFrame], path: Path) -> None:
    """Raise BadInputError where the stamps of the frames do not strictly increase."""
    before: KittiFrame | None = None
    for frame in frames:
        if before is not None and not (frame.left_ns > before.left_ns and frame.right_ns > before.right_ns):
            raise BadInputError(
                f"{path}: the stamps of frame {frame.number} ({frame.left_ns} and {frame.right_ns} ns) are not later "
                f"than those of frame {before.number}; stamps must increase"
            )
        before = frame


def camera_pair(left_p: Matrix, right_p: Matrix, size: tuple[int, int], stamp_ns: int) -> tuple[CameraInfo, CameraInfo]:
    """Return left and right ``CameraInfo`` from two (3, 4) KITTI projection matrices.

    KITTI's matrices refer to camera 0; ours to the left camera of the pair, whose P[3] is then 0.
    """
    fx = float(left_p[0, 0])
    baseline_m = float(left_p[0, 3] - right_p[0, 3]) / fx
    infos = []
    for frame_id, matrix, tx in (
        ("stereo_left_optical", left_p, 0.0),
        ("stereo_right_optical", right_p, -fx * baseline_m),
    ):
        projection = matrix.copy()
        projection[:, 3] = (tx, 0.0, 0.0)
        infos.append(
            CameraInfo(
                stamp_ns=stamp_ns,
                frame_id=frame_id,
                width=size[0],
                height=size[1],
                k=tuple(float(x) for x in matrix[:, :3].ravel()),
                p=tuple(float(x) for x in projection.ravel()),
                d=(0.0,) * 5,
            )
        )
    return infos[0], infos[1]
