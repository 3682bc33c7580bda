"""Two cameras from views of one board: both lenses, and where the right one stands to the left one, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.calibrate.bundle import adjust, rms
from selfcue.sensors.calibrate.finder import BoardView
from selfcue.sensors.calibrate.pose import first_pose
from selfcue.sensors.calibrate.rectify import rectified_infos
from selfcue.sensors.calibrate.solve import LEAST_OUTLIER_PX, LensSolution, solve_lens
from selfcue.sensors.lens import Lens

Floats = npt.NDArray[np.float64]
Pair = tuple[BoardView | None, BoardView | None]

MIN_PAIRS = 4


@dataclass(frozen=True)
class StereoSolution:
    """A calibrated pair.

    Attributes:
        left, right: each camera by itself, with the lens of the joint adjustment.
        rotation, translation: vectors [rad], [m] that take points of the left camera to the right one.
        translation_std, rotation_std: (3,) [m], [rad].
        rms_px: reprojection error of the joint adjustment.
        infos: left and right calibration with R and P.
        row_rms_px: how far the rows of a corner differ in the rectified pair.
        size_error: median relative error of the distance between neighbouring corners, measured by the pair.
        pairs: pairs of views that show the board to both cameras.
        rejected: pairs that did not fit, with their error [px].
    """

    left: LensSolution
    right: LensSolution
    rotation: Floats
    translation: Floats
    rotation_std: Floats
    translation_std: Floats
    rms_px: float
    infos: tuple[CameraInfo, CameraInfo]
    row_rms_px: float
    size_error: float
    pairs: tuple[tuple[BoardView, BoardView], ...]
    rejected: tuple[tuple[BoardView, float], ...]

    @property
    def baseline_m(self) -> float:
        return float(np.linalg.norm(self.translation))


def solve_stereo(pairs: Sequence[Pair], points: Floats, model: str) -> StereoSolution:
    """Return the calibration of two cameras.

    Args:
        pairs: for each moment the view of the left and of the right camera; a view of one camera alone helps its lens.
        points: (N, 3) corners of the board [m].

    Raises:
        BadInputError: too few views or pairs, different sizes, or cameras that do not stand side by side.
    """
    views = [[pair[i] for pair in pairs if pair[i] is not None] for i in (0, 1)]
    alone = []
    for side, found in zip(("left", "right"), views, strict=True):
        try:
            alone.append(solve_lens([view for view in found if view is not None], points, model))
        except BadInputError as error:
            raise BadInputError(f"{side} camera: {error}") from None
    if (alone[0].lens.width, alone[0].lens.height) != (alone[1].lens.width, alone[1].lens.height):
        raise BadInputError(
            "stereo calibration: the two cameras send pictures of different sizes; ask both for one size"
        )
    good = [{id(view) for view in one.views} for one in alone]
    kept = [
        pair
        for pair in (tuple(v if id(v) in good[i] else None for i, v in enumerate(pair)) for pair in pairs)
        if any(view is not None for view in pair)
    ]
    rejected: list[tuple[BoardView, float]] = []
    joint = _Joint(kept, points, alone[0].lens, alone[1].lens)
    for _ in range(4):
        wrong = joint.misfits()
        if not wrong or joint.both - len(wrong) < max(MIN_PAIRS, int(0.6 * joint.both)):
            break
        rejected += [(joint.first_view(i), error) for i, error in wrong]
        bad = {i for i, _ in wrong}
        kept = [pair for i, pair in enumerate(joint.moments) if i not in bad]
        joint = _Joint(kept, points, alone[0].lens, alone[1].lens)
    return joint.solution(alone, rejected)


class _Joint:
    """One adjustment over both lenses, the transform between them, and the board's poses in the left camera."""

    def __init__(self, moments: Sequence[Any], points: Floats, left: Lens, right: Lens) -> None:
        self._cv2: Any = require("cv2", extra="vision")
        self._points, self._lenses = points, (left, right)
        self._split = (len(left.parameters), len(left.parameters) + len(right.parameters))
        own = [[first_pose(lens, points, view) if view else None for lens, view in zip(self._lenses, pair, strict=True)]
               for pair in moments]  # fmt: skip
        usable = [i for i, poses in enumerate(own) if any(pose is not None for pose in poses)]
        self.moments = [moments[i] for i in usable]
        self._own = [own[i] for i in usable]
        self.both = sum(all(pose is not None for pose in poses) for poses in self._own)
        if self.both < MIN_PAIRS:
            raise BadInputError(
                f"stereo calibration: {self.both} moments at which both cameras see the board, {MIN_PAIRS} are the "
                "least and 15 or more are good; hold the board where both see it, and give pictures taken together"
            )
        between = self._first_between()
        backwards = self._inverse(between)
        poses = [
            self._chain(right_pose, backwards) if left_pose is None and right_pose is not None else left_pose
            for left_pose, right_pose in self._own
        ]
        shared = np.concatenate([left.parameters, right.parameters, between])
        self.found = adjust(self._evaluate, shared, np.array(poses))

    def misfits(self) -> list[tuple[int, float]]:
        """Return the moments at which both cameras see the board and that do not fit the others, with their error."""
        errors = self.found.view_rms_px
        middle = float(np.median(errors))
        spread = 1.4826 * float(np.median(np.abs(errors - middle)))
        limit = max(middle + 5.0 * spread, 1.5 * middle, LEAST_OUTLIER_PX)
        return [(i, float(e)) for i, e in enumerate(errors) if e > limit and all(self.moments[i])]

    def first_view(self, i: int) -> BoardView:
        view: BoardView = next(view for view in self.moments[i] if view is not None)
        return view

    def solution(self, alone: Sequence[LensSolution], rejected: list[tuple[BoardView, float]]) -> StereoSolution:
        shared, std = self.found.shared, np.sqrt(np.maximum(np.diag(self.found.covariance), 0.0))
        a, b = self._split
        lenses = [self._lenses[0].replaced(shared[:a]), self._lenses[1].replaced(shared[a:b])]
        infos = rectified_infos(lenses[0], lenses[1], shared[b : b + 3], shared[b + 3 :])
        sides = [
            replace(one, lens=lens, std=its) for one, lens, its in zip(alone, lenses, (std[:a], std[a:b]), strict=True)
        ]
        pairs = tuple((left, right) for left, right in self.moments if left is not None and right is not None)
        rows, size = _quality(pairs, self._points, lenses, infos)
        return StereoSolution(
            sides[0], sides[1], shared[b : b + 3], shared[b + 3 :], std[b : b + 3], std[b + 3 :], self.found.rms_px,
            infos, rows, size, pairs, tuple(rejected),
        )  # fmt: skip

    def _evaluate(self, i: int, shared: Floats, pose: Floats) -> tuple[Floats, Floats, Floats]:
        a, b = self._split
        left, right = self.moments[i]
        residuals, by_shared, by_pose = [], [], []
        if left is not None:
            lens = self._lenses[0].replaced(shared[:a])
            pixels, by_lens, by_own = lens.project_with_slopes(self._points[left.ids], pose[:3], pose[3:])
            residuals.append((pixels - left.pixels).ravel())
            by_shared.append(np.hstack([by_lens, np.zeros((len(by_lens), len(shared) - a))]))
            by_pose.append(by_own)
        if right is not None:
            lens = self._lenses[1].replaced(shared[a:b])
            turn, shift, *slopes = self._cv2.composeRT(pose[:3], pose[3:], shared[b : b + 3], shared[b + 3 :])
            by_board = np.block([[slopes[0], slopes[1]], [slopes[4], slopes[5]]])
            by_between = np.block([[slopes[2], slopes[3]], [slopes[6], slopes[7]]])
            pixels, by_lens, by_own = lens.project_with_slopes(self._points[right.ids], turn.ravel(), shift.ravel())
            residuals.append((pixels - right.pixels).ravel())
            by_shared.append(np.hstack([np.zeros((len(by_lens), a)), by_lens, by_own @ by_between]))
            by_pose.append(by_own @ by_board)
        return np.concatenate(residuals), np.vstack(by_shared), np.vstack(by_pose)

    def _chain(self, first: Floats, then: Floats) -> Floats:
        turn, shift = self._cv2.composeRT(first[:3], first[3:], then[:3], then[3:])[:2]
        return np.concatenate([turn.ravel(), shift.ravel()])

    def _inverse(self, pose: Floats) -> Floats:
        turn = self._cv2.Rodrigues(pose[:3])[0].T
        return np.concatenate([-pose[:3], -turn @ pose[3:]])

    def _first_between(self) -> Floats:
        """Return the transform of the pair that agrees best with all others."""
        found = [self._chain(self._inverse(left), right) for left, right in self._own
                 if left is not None and right is not None]  # fmt: skip
        every = np.array(found)
        scale = np.array([1.0, 1.0, 1.0, *([1.0 / max(1e-3, float(np.median(np.abs(every[:, 3:]))))] * 3)])
        apart = np.linalg.norm((every[:, None] - every[None]) * scale, axis=2)
        best: Floats = every[int(np.argmin(np.median(apart, axis=1)))]
        return best


def _quality(
    pairs: Sequence[tuple[BoardView, BoardView]], points: Floats, lenses: Sequence[Lens], infos: Sequence[CameraInfo]
) -> tuple[float, float]:
    """Return the row difference [px] in the rectified pair and the relative error of distances it measures."""
    rows, errors = [], []
    focal, baseline_m = infos[0].p[0], infos[1].baseline_m
    for views in pairs:
        common = np.intersect1d(views[0].ids, views[1].ids)
        if len(common) < 4:
            continue
        at = []
        for view, lens, info in zip(views, lenses, infos, strict=True):
            rays = lens.rays(view.pixels[np.searchsorted(view.ids, common)])
            turned = np.column_stack([rays, np.ones(len(rays))]) @ np.array(info.r).reshape(3, 3).T
            at.append(turned[:, :2] / turned[:, 2:])
        rows.append(np.column_stack([focal * (at[0][:, 1] - at[1][:, 1]), np.zeros(len(common))]))
        depth = baseline_m / (at[0][:, 0] - at[1][:, 0])
        space = np.column_stack([at[0], np.ones(len(common))]) * depth[:, None]
        measured = np.linalg.norm(np.diff(space, axis=0), axis=1)
        true = np.linalg.norm(np.diff(points[common], axis=0), axis=1)
        errors.append(np.abs(measured / true - 1.0))
    return rms(rows), float(np.median(np.concatenate(errors))) if errors else float("nan")
