"""Calibration of an inertial unit from rests in several positions: scale, misalignment and bias by least squares.

Model (after Tedaldi, Pretto and Menegatti, ICRA 2014, without their separate triangular form): what is measured is
``A true + bias``; ``A`` holds the scales on its diagonal and the misalignments beside it. In each of six positions, one
for each face, the true specific force is 1 g along that axis, so that A and the bias follow from a linear fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Vector3
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.imu.rest import Rest

FACES = ("+x", "-x", "+y", "-y", "+z", "-z")
_MOST_TILT_DEG = 15.0


@dataclass(frozen=True)
class ImuCalibration:
    """What makes true values of measured ones: ``accel_matrix @ (measured - accel_bias)``, ``measured - gyro_bias``.

    Attributes:
        accel_matrix: 3 x 3, row by row.
        accel_bias: [m/s^2]. gyro_bias: [rad/s].
    """

    accel_matrix: tuple[Vector3, Vector3, Vector3] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    accel_bias: Vector3 = (0.0, 0.0, 0.0)
    gyro_bias: Vector3 = (0.0, 0.0, 0.0)

    def accel(self, measured: Vector3) -> Vector3:
        """Return the true specific force [m/s^2]."""
        x, y, z = (value - bias for value, bias in zip(measured, self.accel_bias, strict=True))
        first, second, third = self.accel_matrix
        return (
            first[0] * x + first[1] * y + first[2] * z,
            second[0] * x + second[1] * y + second[2] * z,
            third[0] * x + third[1] * y + third[2] * z,
        )

    def gyro(self, measured: Vector3) -> Vector3:
        """Return the true angular velocity [rad/s]."""
        x, y, z = measured
        return (x - self.gyro_bias[0], y - self.gyro_bias[1], z - self.gyro_bias[2])


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration and whether to rely on it.

    Attributes:
        calibration: what was found.
        good: it may be used.
        verdict: why, or why not, in one line.
        scale: of each axis: measured per true. misalignment_deg: largest angle by which an axis is off.
        residual: root mean square of what the fit leaves [m/s^2].
        norm_before, norm_after: the same of the specific force's length against gravity, without and with it.
        positions: rests by face.
    """

    calibration: ImuCalibration
    good: bool
    verdict: str
    scale: Vector3
    misalignment_deg: float
    residual: float
    norm_before: float
    norm_after: float
    positions: dict[str, int] = field(default_factory=dict)


def six_positions(
    rests: Sequence[Rest], *, gravity: float = STANDARD_GRAVITY, most_residual: float = 0.1
) -> CalibrationReport:
    """Fit scale, misalignment and bias to rests on all six faces.

    Args:
        rests: in any order, several for a face are welcome; each within 15 degrees of its face (hold it against
            something level: how far the true positions are off goes into the misalignment).
        gravity: at the place [m/s^2].
        most_residual: root mean square of the fit from which it is not good [m/s^2].

    Raises:
        BadInputError: a face is missing, or the positions leave the fit open.
    """
    if not 9.5 < gravity < 10.0:
        raise BadInputError(f"gravity is {gravity} m/s^2; on Earth it lies in 9.76 to 9.84")
    measured = np.array([rest.accel for rest in rests], dtype=np.float64).reshape(-1, 3)
    faces = [_face(row) for row in measured]
    counts = {name: faces.count(name) for name in FACES}
    missing = [name for name, count in counts.items() if not count]
    if missing:
        raise BadInputError(
            f"no rest with {' and '.join(missing)} up: lay the unit still for two seconds on each of its six faces"
        )
    used = np.array([name != "" for name in faces])
    measured = measured[used]
    true = np.array([_direction(name) for name in faces if name]) * gravity
    unknown = np.hstack([true, np.ones((len(true), 1))])
    solved, _, rank, _ = np.linalg.lstsq(unknown, measured, rcond=None)
    if rank < 4:
        raise BadInputError("the positions leave scale and bias open; use all six faces")
    gain, bias = solved[:3].T, solved[3]
    residual = float(np.sqrt(np.mean((unknown @ solved - measured) ** 2)))
    matrix = np.linalg.inv(gain)
    gyro_bias = np.mean([rest.gyro for rest in rests], axis=0)
    calibration = ImuCalibration(_rows(matrix), _vector(bias), _vector(gyro_bias))
    scale = np.linalg.norm(gain, axis=0)
    off_deg = float(np.degrees(np.arccos(np.clip(np.diag(gain) / scale, -1, 1))).max())
    before = _norm_error(measured, gravity)
    after = _norm_error((measured - bias) @ matrix.T, gravity)
    wrong = _wrong(scale, bias, off_deg, residual, most_residual)
    left_out = int((~used).sum())
    note = f", {left_out} rests between faces left out" if left_out else ""
    verdict = wrong or f"good: length of gravity within {after:.3f} m/s^2 (before {before:.3f}){note}"
    return CalibrationReport(calibration, not wrong, verdict, _vector(scale), off_deg, residual, before, after, counts)


def gravity_error(rest: Rest, *, gravity: float = STANDARD_GRAVITY) -> float:
    """Return by which share the length of the specific force at rest is off gravity (0.03: 3 % too long)."""
    return rest.norm / gravity - 1.0


def _face(accel: npt.NDArray[np.float64]) -> str:
    """Return which face is up; empty where none is within 15 degrees."""
    length = float(np.linalg.norm(accel))
    axis = int(np.argmax(np.abs(accel)))
    if not length or abs(accel[axis]) / length < np.cos(np.radians(_MOST_TILT_DEG)):
        return ""
    return ("-" if accel[axis] < 0 else "+") + "xyz"[axis]


def _direction(face: str) -> npt.NDArray[np.float64]:
    found = np.zeros(3)
    found["xyz".index(face[1])] = 1.0 if face[0] == "+" else -1.0
    return found


def _norm_error(accel: npt.NDArray[np.float64], gravity: float) -> float:
    return float(np.sqrt(np.mean((np.linalg.norm(accel, axis=1) - gravity) ** 2)))


def _wrong(
    scale: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], off_deg: float, residual: float, most: float
) -> str:
    """Return why a fit is not to be relied upon; empty where it is."""
    if residual > most:
        return (
            f"not good: the fit leaves {residual:.3f} m/s^2, more than {most:g}; was it still, and level on each face?"
        )
    if np.abs(scale - 1).max() > 0.15 or np.abs(bias).max() > 2.0:
        return (
            f"not good: scale {scale.min():.3f} to {scale.max():.3f} and bias up to {np.abs(bias).max():.2f} m/s^2 are "
            "no matter of calibration; are range and unit right?"
        )
    if off_deg > 5.0:
        return f"not good: an axis is {off_deg:.1f} degrees off; hold the unit against something level and square"
    return ""


def _vector(values: npt.NDArray[np.float64]) -> Vector3:
    x, y, z = values.tolist()
    return (x, y, z)


def _rows(matrix: npt.NDArray[np.float64]) -> tuple[Vector3, Vector3, Vector3]:
    return (_vector(matrix[0]), _vector(matrix[1]), _vector(matrix[2]))
