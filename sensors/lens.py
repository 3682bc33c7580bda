"""How a lens maps directions to pixels: pinhole with plumb_bob or rational distortion, and fisheye (equidistant)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.calibration import DISTORTION_LENGTHS

Floats = npt.NDArray[np.float64]

COEFFICIENTS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}
"""Number of distortion coefficients that are estimated; order as in ROS: k1 k2 p1 p2 k3 k4 k5 k6, or k1 to k4."""

_SOLVED = (3, 200, 1e-12)  # OpenCV's TermCriteria: both limits


@dataclass(frozen=True)
class Lens:
    """Intrinsics of one camera.

    Attributes:
        width, height: image size [px].
        fx, fy, cx, cy: focal lengths and principal point [px]; the centre of the first pixel is (0, 0).
        d: distortion coefficients in ROS's order; empty means none.
        model: ``plumb_bob``, ``rational_polynomial`` or ``equidistant`` (J. Kannala, S. Brandt, "A generic camera model
            and calibration method for conventional, wide-angle and fish-eye lenses", PAMI 2006).
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    d: tuple[float, ...] = ()
    model: str = "plumb_bob"

    def __post_init__(self) -> None:
        if self.model not in COEFFICIENTS:
            raise BadInputError(f"lens model {self.model!r} is not known; use one of {', '.join(COEFFICIENTS)}")
        if len(self.d) not in (0, *DISTORTION_LENGTHS[self.model]):
            raise BadInputError(
                f"lens model {self.model} has {COEFFICIENTS[self.model]} coefficients, not {len(self.d)}"
            )

    @staticmethod
    def from_info(info: CameraInfo) -> Lens:
        """Return the lens that a calibration describes (its K and D)."""
        k = info.k
        return Lens(info.width, info.height, k[0], k[4], k[2], k[5], info.d, info.distortion_model)

    @property
    def matrix(self) -> Floats:
        """K, (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def coefficients(self) -> Floats:
        """All coefficients of the model, (4 or 5 or 8,), missing ones as 0."""
        padded = np.zeros(COEFFICIENTS[self.model])
        padded[: len(self.d)] = self.d
        return padded

    @property
    def names(self) -> tuple[str, ...]:
        """What ``parameters`` holds."""
        if self.model == "equidistant":
            return ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")
        return ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")[: 4 + COEFFICIENTS[self.model]]

    @property
    def parameters(self) -> Floats:
        """fx, fy, cx, cy and all coefficients."""
        return np.concatenate([[self.fx, self.fy, self.cx, self.cy], self.coefficients])

    def replaced(self, parameters: Floats) -> Lens:
        """Return a lens of the same size and model with these ``parameters``."""
        fx, fy, cx, cy, *d = (float(value) for value in parameters)
        return Lens(self.width, self.height, fx, fy, cx, cy, tuple(d), self.model)

    def project(self, points: Floats, rotation: Floats | None = None, translation: Floats | None = None) -> Floats:
        """Return the pixels (N, 2) of ``points`` (N, 3) [m], moved by a rotation vector [rad] and a translation [m]."""
        return self.project_with_slopes(points, rotation, translation)[0]

    def project_with_slopes(
        self, points: Floats, rotation: Floats | None = None, translation: Floats | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Return pixels (N, 2) and their slopes by ``parameters`` (2 N, P) and by rotation and translation (2 N, 6)."""
        cv2: Any = require("cv2", extra="vision")
        turn = np.zeros(3) if rotation is None else np.asarray(rotation, dtype=np.float64)
        shift = np.zeros(3) if translation is None else np.asarray(translation, dtype=np.float64)
        given = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 1, 3)
        if self.model == "equidistant":
            found, slopes = cv2.fisheye.projectPoints(given, turn, shift, self.matrix, self.coefficients)
            return found.reshape(-1, 2), slopes[:, :8], slopes[:, 8:14]
        found, slopes = cv2.projectPoints(given, turn, shift, self.matrix, self.coefficients)
        return found.reshape(-1, 2), slopes[:, 6 : 10 + COEFFICIENTS[self.model]], slopes[:, :6]

    def rays(self, pixels: npt.NDArray[Any]) -> Floats:
        """Return (x / z, y / z) of the directions (N, 2) that ``pixels`` (N, 2) show; the inverse of ``project``."""
        cv2: Any = require("cv2", extra="vision")
        given = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 1, 2)
        solve = cv2.fisheye.undistortPoints if self.model == "equidistant" else cv2.undistortPoints
        found: Floats = solve(given, self.matrix, self.coefficients, criteria=_SOLVED)
        return found.reshape(-1, 2)

    def border(self, each: int = 40) -> tuple[Floats, Floats, Floats, Floats]:
        """Return ``rays`` along the image's left, right, top and bottom edge, (each, 2)."""
        right, bottom = self.width - 1.0, self.height - 1.0
        x, y = np.linspace(0.0, right, each), np.linspace(0.0, bottom, each)
        edges = [(0.0 * y, y), (0.0 * y + right, y), (x, 0.0 * x), (x, 0.0 * x + bottom)]
        left_ray, right_ray, top_ray, bottom_ray = (self.rays(np.column_stack(edge)) for edge in edges)
        return left_ray, right_ray, top_ray, bottom_ray

    def info(
        self, *, r: Floats | None = None, p: Floats | None = None, frame_id: str = "", stamp_ns: int = 0
    ) -> CameraInfo:
        """Return the lens as ``CameraInfo``; without ``r`` (3, 3) and ``p`` (3, 4) R is unity and P is K."""
        turn = np.eye(3) if r is None else r
        projection = np.column_stack([self.matrix, np.zeros(3)]) if p is None else p
        return CameraInfo(
            stamp_ns=stamp_ns,
            frame_id=frame_id,
            width=self.width,
            height=self.height,
            k=tuple(float(x) for x in self.matrix.ravel()),
            d=self.d,
            r=tuple(float(x) for x in turn.ravel()),
            p=tuple(float(x) for x in projection.ravel()),
            distortion_model=self.model,
        )
