"""The lens of one camera from views of the board: first guess, adjustment, views that do not fit, held-out views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.optional import require
from selfcue.sensors.calibrate.bundle import Adjusted, adjust, rms
from selfcue.sensors.calibrate.finder import BoardView
from selfcue.sensors.calibrate.pose import board_pose, first_pose, tilt_deg
from selfcue.sensors.lens import COEFFICIENTS, Lens

Floats = npt.NDArray[np.float64]

MIN_VIEWS = 4
_OUTLIER_SIGMAS = 5.0
LEAST_OUTLIER_PX = 0.3  # no view is left out for less
_HOLD_OUT = 5  # each fifth view


@dataclass(frozen=True)
class LensSolution:
    """A lens, and how well it is known.

    Attributes:
        lens: what was found.
        std: (P,) standard deviation of each of ``lens.parameters``.
        views: the views that were used.
        poses: (V, 6) of the board in the camera.
        residuals: for each view (N, 2) [px].
        rejected: views that did not fit, with their error [px].
        held_out_rms_px: error on views that a second fit did not see; NaN where there are too few.
    """

    lens: Lens
    std: Floats
    views: tuple[BoardView, ...]
    poses: Floats
    residuals: tuple[Floats, ...]
    rejected: tuple[tuple[BoardView, float], ...]
    held_out_rms_px: float

    @property
    def rms_px(self) -> float:
        """Root mean square reprojection error over all corners."""
        return rms(self.residuals)

    @property
    def view_rms_px(self) -> list[float]:
        """The same for each view."""
        return [rms([one]) for one in self.residuals]

    @property
    def tilts_deg(self) -> list[float]:
        """How far the board was tilted in each view."""
        return [tilt_deg(pose) for pose in self.poses]


def solve_lens(views: Sequence[BoardView], points: Floats, model: str) -> LensSolution:
    """Return the lens of ``model`` that fits the views best; views that do not fit the others are left out.

    Args:
        points: (N, 3) corners of the board [m].

    Raises:
        BadInputError: too few views, sizes differ, or the views do not determine a lens.
    """
    check_views(views)
    guess = _first_lens(views, points, model)
    kept, rejected, found = list(views), [], None
    for _ in range(5):
        kept, found = _fit(kept, points, guess)
        errors = found.view_rms_px
        middle = float(np.median(errors))
        spread = 1.4826 * float(np.median(np.abs(errors - middle)))
        limit = max(middle + _OUTLIER_SIGMAS * spread, 1.5 * middle, LEAST_OUTLIER_PX)
        worst = [i for i, error in enumerate(errors) if error > limit]
        if not worst or len(kept) - len(worst) < max(MIN_VIEWS, 0.6 * len(views)):
            break
        rejected += [(kept[i], float(errors[i])) for i in worst]
        guess = guess.replaced(found.shared)
        kept = [view for i, view in enumerate(kept) if i not in worst]
    if found is None:
        raise BadInputError(_UNDETERMINED)
    lens = guess.replaced(found.shared)
    std = np.sqrt(np.maximum(np.diag(found.covariance), 0.0))
    held_out = _held_out(kept, points, lens)
    return LensSolution(lens, std, tuple(kept), found.poses, found.residuals, tuple(rejected), held_out)


def check_views(views: Sequence[BoardView], subject: str = "calibration") -> None:
    """Raise BadInputError where there are too few views, or of different sizes."""
    sizes = sorted({(view.width, view.height) for view in views})
    if len(sizes) > 1:
        listed = " and ".join(f"{width} x {height}" for width, height in sizes)
        raise BadInputError(f"{subject}: pictures of {listed} px; take all with one setting of one camera")
    if len(views) < MIN_VIEWS:
        raise BadInputError(
            f"{subject}: {len(views)} usable view{'' if len(views) == 1 else 's'} of the board, {MIN_VIEWS} are the "
            "least and 15 or more are good; show the board in more places and tilted more ways"
        )


_UNDETERMINED = (
    "calibration: the views do not determine a lens; tilt the board (30 to 45 degrees, each way) and bring it near "
    "enough to fill a third of the picture"
)


def _first_lens(views: Sequence[BoardView], points: Floats, model: str) -> Lens:
    width, height = views[0].width, views[0].height
    if model == "equidistant":
        return _first_fisheye(views, points)
    cv2: Any = require("cv2", extra="vision")
    corners = [points[view.ids].astype(np.float32) for view in views]
    pixels = [view.pixels.astype(np.float32).reshape(-1, 1, 2) for view in views]
    # The first guess stays stiff; the adjustment frees what this leaves at zero.
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    try:
        _, k, d, _, _ = cv2.calibrateCamera(corners, pixels, (width, height), None, None, flags=flags)
    except cv2.error as error:
        raise BadInputError(_UNDETERMINED) from error
    d = np.concatenate([np.ravel(d)[:5], np.zeros(8)])[: COEFFICIENTS[model]]
    sane = np.isfinite(k).all() and 0.05 * width < k[0, 0] < 50 * width and np.isfinite(d).all()
    if not sane:
        raise BadInputError(_UNDETERMINED)
    return Lens(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2], tuple(float(x) for x in d), model)


def _first_fisheye(views: Sequence[BoardView], points: Floats) -> Lens:
    """Return the best of several focal lengths with all coefficients 0; the board's poses tell which fits."""
    width, height = views[0].width, views[0].height
    found: tuple[float, Lens] | None = None
    for field_deg in (200, 180, 160, 140, 120, 100, 80, 60, 45):
        focal = width / np.radians(field_deg)
        lens = Lens(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2, (0.0,) * 4, "equidistant")
        errors = []
        for view in views[:: max(1, len(views) // 12)]:
            pose = first_pose(lens, points, view)
            if pose is not None:
                errors.append(rms([lens.project(points[view.ids], pose[:3], pose[3:]) - view.pixels]))
        if len(errors) >= MIN_VIEWS and (found is None or float(np.median(errors)) < found[0]):
            found = float(np.median(errors)), lens
    if found is None:
        raise BadInputError(_UNDETERMINED)
    return found[1]


def _fit(views: Sequence[BoardView], points: Floats, guess: Lens) -> tuple[list[BoardView], Adjusted]:
    """Return the views that have a pose, and the adjustment over them."""
    posed = [(view, pose) for view in views if (pose := first_pose(guess, points, view)) is not None]
    if len(posed) < MIN_VIEWS:
        raise BadInputError(_UNDETERMINED)
    kept = [view for view, _ in posed]

    def evaluate(i: int, shared: Floats, pose: Floats) -> tuple[Floats, Floats, Floats]:
        pixels, by_lens, by_pose = guess.replaced(shared).project_with_slopes(points[kept[i].ids], pose[:3], pose[3:])
        return (pixels - kept[i].pixels).ravel(), by_lens, by_pose

    found = adjust(evaluate, guess.parameters, np.array([pose for _, pose in posed]))
    if not (np.isfinite(found.shared).all() and found.shared[0] > 0 and found.shared[1] > 0):
        raise BadInputError(_UNDETERMINED)
    return kept, found


def _held_out(views: Sequence[BoardView], points: Floats, lens: Lens) -> float:
    """Return the error on each fifth view of a lens that was fitted to the others; only its pose is fitted there."""
    test = list(views)[::_HOLD_OUT]
    rest = [view for i, view in enumerate(views) if i % _HOLD_OUT]
    if len(rest) < 2 * MIN_VIEWS:
        return float("nan")
    _, found = _fit(rest, points, lens)
    fitted = lens.replaced(found.shared)
    residuals = []
    for view in test:
        pose = board_pose(fitted, points, view)
        if pose is not None:
            residuals.append(fitted.project(points[view.ids], pose[:3], pose[3:]) - view.pixels)
    return rms(residuals)
