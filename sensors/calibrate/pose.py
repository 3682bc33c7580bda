"""Where the board stands to a camera whose lens is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sensors.calibrate.bundle import adjust
from selfcue.sensors.calibrate.finder import BoardView
from selfcue.sensors.lens import Lens

Floats = npt.NDArray[np.float64]

_FLAT_RAY = 4.0  # rays further than 76 degrees off the axis are left out of the first guess


def board_pose(lens: Lens, points: Floats, view: BoardView) -> Floats | None:
    """Return the board's pose (6,): rotation vector [rad] and translation [m] in the camera; None where none fits.

    Args:
        points: (N, 3) all corners of the board [m].
    """
    guess = first_pose(lens, points, view)
    return None if guess is None else refined_pose(lens, points, view, guess)


def first_pose(lens: Lens, points: Floats, view: BoardView) -> Floats | None:
    """Return a near pose (6,) by the plane's homography on undistorted rays (T. Collins, A. Bartoli, IJCV 2014)."""
    cv2: Any = require("cv2", extra="vision")
    rays = lens.rays(view.pixels)
    good = np.isfinite(rays).all(axis=1) & (np.abs(rays).max(axis=1) < _FLAT_RAY)
    if good.sum() < 6:
        return None
    corners = points[view.ids[good]].reshape(-1, 1, 3)
    try:
        solved, turn, shift = cv2.solvePnP(
            corners, np.ascontiguousarray(rays[good]).reshape(-1, 1, 2), np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
    except cv2.error:  # corners on one line, or as good as
        return None
    if not solved:
        return None
    pose = np.concatenate([turn.ravel(), shift.ravel()])
    return pose if np.isfinite(pose).all() and pose[5] > 0 else None


def refined_pose(lens: Lens, points: Floats, view: BoardView, guess: Floats) -> Floats:
    """Return the pose (6,) with the least reprojection error, from a near ``guess``."""
    corners = points[view.ids]

    def evaluate(view_number: int, shared: Floats, pose: Floats) -> tuple[Floats, Floats, Floats]:
        del view_number, shared  # there is one view, and nothing but its pose
        pixels, _, by_pose = lens.project_with_slopes(corners, pose[:3], pose[3:])
        return (pixels - view.pixels).ravel(), np.zeros((2 * len(corners), 0)), by_pose

    found: Floats = adjust(evaluate, np.zeros(0), guess[None], rounds=2, steps=20).poses[0]
    return found


def tilt_deg(pose: Floats) -> float:
    """Return the angle [deg] between the board and the picture's plane, 0 to 90.

    It is what perspective shows, and focal length is learned from; a board off the axis alone does not count.
    """
    cv2: Any = require("cv2", extra="vision")
    normal = cv2.Rodrigues(pose[:3])[0][:, 2]
    return float(np.degrees(np.arccos(np.clip(abs(float(normal[2])), 0.0, 1.0))))
