"""The ideal cameras that a calibration gives: R and P of one camera, and of a pair whose rows agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.lens import Lens

Floats = npt.NDArray[np.float64]

_WIDEST = 1.73  # x / z of 60 degrees off the axis: a flat picture cannot usefully show more of a fisheye


def undistorted_info(lens: Lens, *, frame_id: str = "") -> CameraInfo:
    """Return the calibration of one camera; P shows as much as can be shown without black borders."""
    focal, centre = common_projection([lens], [np.eye(3)])
    p = np.array([[focal, 0, centre[0], 0], [0, focal, centre[1], 0], [0, 0, 1, 0]], dtype=np.float64)
    return lens.info(p=p, frame_id=frame_id)


def rectified_infos(
    left: Lens,
    right: Lens,
    rotation: Floats,
    translation: Floats,
    *,
    frame_ids: tuple[str, str] = ("stereo_left_optical", "stereo_right_optical"),
) -> tuple[CameraInfo, CameraInfo]:
    """Return the calibrations of a pair: each camera turns half of the way (J.-Y. Bouguet), then onto the baseline.

    Args:
        rotation, translation: vectors [rad], [m] that take points of the left camera to the right one.

    Raises:
        BadInputError: the cameras do not stand side by side, or are swapped.
    """
    cv2: Any = require("cv2", extra="vision")
    half_left = cv2.Rodrigues(0.5 * np.asarray(rotation, dtype=np.float64))[0]
    half_right = half_left.T
    shift = half_right @ np.asarray(translation, dtype=np.float64)
    baseline_m = float(np.linalg.norm(shift))
    x = -shift / baseline_m  # from the left camera to the right one
    if x[0] < -0.7:
        raise BadInputError("stereo calibration: left and right are swapped; give the pictures the other way round")
    if x[0] < 0.7:
        raise BadInputError(
            "stereo calibration: the cameras stand above one another, not side by side; turn the rig, or its pictures, "
            "by 90 degrees"
        )
    y = np.array([-x[1], x[0], 0.0]) / np.hypot(x[0], x[1])
    onto = np.stack([x, y, np.cross(x, y)])
    turns = [onto @ half_left, onto @ half_right]
    focal, centre = common_projection([left, right], turns)
    infos = []
    for lens, turn, tx, frame_id in zip((left, right), turns, (0.0, -focal * baseline_m), frame_ids, strict=True):
        p = np.array([[focal, 0, centre[0], tx], [0, focal, centre[1], 0], [0, 0, 1, 0]], dtype=np.float64)
        infos.append(lens.info(r=turn, p=p, frame_id=frame_id))
    return infos[0], infos[1]


def common_projection(lenses: Sequence[Lens], turns: Sequence[Floats]) -> tuple[float, tuple[float, float]]:
    """Return focal length and centre [px] with which no pixel of any turned camera stays black.

    The largest rectangle within the turned edges of all pictures fills a picture of the same size.
    """
    low, high = np.full(2, -np.inf), np.full(2, np.inf)
    for lens, turn in zip(lenses, turns, strict=True):
        edges = [_turned(_limited(edge), turn) for edge in lens.border()]
        low = np.maximum(low, [edges[0][:, 0].max(), edges[2][:, 1].max()])
        high = np.minimum(high, [edges[1][:, 0].min(), edges[3][:, 1].min()])
    size = np.array([lenses[0].width, lenses[0].height])
    if not (high - low > 1e-3).all():
        raise BadInputError("calibration: the cameras have no view in common; do they look the same way?")
    focal = float(((size - 1) / (high - low)).max())
    centre = (size - 1) / 2 - focal * (low + high) / 2
    return focal, (float(centre[0]), float(centre[1]))


def _limited(rays: Floats) -> Floats:
    """Return rays no further than 60 degrees off the axis."""
    length = np.linalg.norm(rays, axis=1, keepdims=True)
    kept: Floats = np.where(length > _WIDEST, rays / length * _WIDEST, rays)
    return kept


def _turned(rays: Floats, turn: Floats) -> Floats:
    moved = np.column_stack([rays, np.ones(len(rays))]) @ turn.T
    flat: Floats = moved[:, :2] / moved[:, 2:]
    return flat
