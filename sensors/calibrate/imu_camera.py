"""How an inertial sensor sits to a camera: rotation and time offset by turns that both see, place by gravity and swing.

The idea of P. Furgale, J. Rehder, R. Siegwart, "Unified temporal and spatial calibration for multi-sensor systems"
(IROS 2013), without its splines: turns between pictures are compared with integrated rates, and second differences of
the camera's places with accelerations weighed by the triangle that those differences amount to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sensors.calibrate.turning import GyroTurns, best_turn, matrices, vectors

Floats = npt.NDArray[np.float64]

GRAVITY = 9.81
MIN_TURNS = 20
_LONGEST_GAP_S = 0.25  # pictures further apart are not compared
_OFFSET_STEP_S = 0.002
_ACCELERATION_BIAS = 0.3  # [m/s^2] what may be expected of a sensor: keeps bias and gravity apart


@dataclass(frozen=True)
class BoardPath:
    """Where the board was seen: ``times_s`` (N,), ``turns`` (N, 3, 3) and ``places`` (N, 3) [m] of it in the camera."""

    times_s: Floats
    turns: Floats
    places: Floats


@dataclass(frozen=True)
class ImuReadings:
    """``times_s`` (N,), ``rates`` (N, 3) [rad/s] and ``forces`` (N, 3) [m/s^2] (specific force: +9.81 up at rest)."""

    times_s: Floats
    rates: Floats
    forces: Floats


@dataclass(frozen=True)
class ImuSolution:
    """What was found.

    Attributes:
        rotation: (3, 3) takes vectors of the inertial sensor to the camera.
        rotation_std_deg: in its worst direction.
        offset_s: time of the inertial sensor's clock less that of the camera's, at one moment.
        offset_std_s: its standard deviation.
        gyro_bias: (3,) [rad/s].
        correlation: of both turn rates, -1 to 1.
        residual_share: turn rate that is left unexplained, as a share of the turn rate (root mean squares).
        axes_rate: (3,) root mean square turn rate [rad/s] about the strongest, second and weakest axis.
        place: (3,) [m] the inertial sensor's place in the camera; NaN where nothing was to be had.
        place_std: (3,) [m].
        gravity: [m/s^2], measured: the accelerometer's unit and scale show in it.
        pairs: pictures that were compared.
        rates: camera's and inertial sensor's turn rates [rad/s] in the camera's frame, and when: for the picture.
    """

    rotation: Floats
    rotation_std_deg: float
    offset_s: float
    offset_std_s: float
    gyro_bias: Floats
    correlation: float
    residual_share: float
    axes_rate: Floats
    place: Floats
    place_std: Floats
    gravity: float
    pairs: int
    rates: tuple[Floats, Floats, Floats]


def solve_imu_camera(path: BoardPath, imu: ImuReadings, *, max_offset_s: float = 0.5) -> ImuSolution:
    """Return how the inertial sensor sits to the camera.

    Raises:
        BadInputError: the two did not record at one time, or too few pictures show the board in a row.
    """
    first, last, turned = _turns(path, imu, max_offset_s)
    offset_s, correlation = _coarse_offset(first, last, turned, imu, max_offset_s)
    between = GyroTurns(imu.times_s, imu.rates).between(first + offset_s, last + offset_s)
    start = best_turn(between, turned)

    def predicted(x: Floats) -> Floats:
        turns = GyroTurns(imu.times_s, imu.rates, x[4:]).between(first + offset_s + x[3], last + offset_s + x[3])
        found: Floats = turns @ (matrices(x[None, :3])[0] @ start).T
        return found

    x, covariance, weights = _fit(lambda x: predicted(x) - turned, np.zeros(7))
    spans = (last - first)[:, None]
    ours, theirs = turned / spans, predicted(x) / spans
    kept = weights > 0.5
    rotation = matrices(x[None, :3])[0] @ start
    offset = float(offset_s + x[3])
    place, place_std, gravity = _place(path, imu, rotation, offset, x[4:])
    left = float(np.sqrt(np.square(ours - theirs)[kept].mean()) / max(1e-9, np.sqrt(np.square(ours).mean())))
    return ImuSolution(
        rotation=rotation,
        rotation_std_deg=float(np.degrees(np.sqrt(np.linalg.eigvalsh(covariance[:3, :3])[-1]))),
        offset_s=offset,
        offset_std_s=float(np.sqrt(covariance[3, 3])),
        gyro_bias=x[4:],
        correlation=correlation,
        residual_share=left,
        axes_rate=np.linalg.svd(ours, compute_uv=False) / np.sqrt(len(ours)),
        place=place,
        place_std=place_std,
        gravity=gravity,
        pairs=len(first),
        rates=(0.5 * (first + last), ours, theirs),
    )


def _turns(path: BoardPath, imu: ImuReadings, reach_s: float) -> tuple[Floats, Floats, Floats]:
    """Return first and last moment [s] of neighbouring pictures and the camera's turn between them (M, 3) [rad]."""
    if len(path.times_s) < 2 or len(imu.times_s) < 2:
        raise BadInputError("imu-camera: the log has next to no pictures of the board, or no inertial data")
    begin_s, end_s = imu.times_s[0] + reach_s, imu.times_s[-1] - reach_s
    at = path.times_s
    near = (np.diff(at) < _LONGEST_GAP_S) & (at[:-1] >= begin_s) & (at[1:] <= end_s)
    if near.sum() < MIN_TURNS:
        raise BadInputError(
            f"imu-camera: {int(near.sum())} neighbouring pictures of the board while the inertial sensor was recorded, "
            f"{MIN_TURNS} are the least (pictures from {at[0]:.2f} to {at[-1]:.2f} s, inertial data from "
            f"{imu.times_s[0]:.2f} to {imu.times_s[-1]:.2f} s); are both on one clock? keep the board in view, and "
            "record for half a minute"
        )
    relative = path.turns[:-1] @ path.turns[1:].transpose(0, 2, 1)  # R_c0_c1 of R_c_board
    return at[:-1][near], at[1:][near], vectors(relative[near])


def _coarse_offset(
    first: Floats, last: Floats, turned: Floats, imu: ImuReadings, reach_s: float
) -> tuple[float, float]:
    """Return the offset [s] at which both turn rates go together best, and their correlation there.

    Magnitudes alone: they do not depend on how the sensor sits.
    """
    gyro = GyroTurns(imu.times_s, imu.rates)
    ours = np.linalg.norm(turned, axis=1) / (last - first)
    ours = (ours - ours.mean()) / max(1e-12, float(ours.std()))
    offsets = np.arange(-reach_s, reach_s + 1e-9, _OFFSET_STEP_S)
    scores = np.zeros(len(offsets))
    for i, offset in enumerate(offsets):
        theirs = np.linalg.norm(gyro.between(first + offset, last + offset), axis=1) / (last - first)
        scores[i] = (ours * (theirs - theirs.mean())).mean() / max(1e-12, float(theirs.std()))
    best = int(np.argmax(scores))
    return float(offsets[best]), float(scores[best])


def _place(
    path: BoardPath, imu: ImuReadings, rotation: Floats, offset_s: float, gyro_bias: Floats
) -> tuple[Floats, Floats, float]:
    """Return the sensor's place in the camera (3,) [m], its deviation, and the length of gravity [m/s^2].

    For places x at three moments, ``(x2 - x1) / h2 - (x1 - x0) / h1`` is the integral of the acceleration weighed by
    the triangle over the three. With x = camera + turn * place that is linear in place, gravity and bias.
    """
    in_board = path.turns.transpose(0, 2, 1)  # R_board_camera
    places = -np.einsum("nij,nj->ni", in_board, path.places)
    gyro = GyroTurns(imu.times_s, imu.rates, gyro_bias)
    times_s = path.times_s + offset_s
    rows, right = [], []
    for i0, i1, i2 in _triples(path.times_s):
        t0, t1, t2 = times_s[[i0, i1, i2]]
        inside = np.flatnonzero((imu.times_s > t0) & (imu.times_s < t2))
        if len(inside) < 8 or inside[0] == 0 or inside[-1] + 1 == len(imu.times_s):
            continue
        at = imu.times_s[inside]
        triangle = np.interp(at, [t0, t1, t2], [0.0, 1.0, 0.0])
        weight = triangle / triangle.sum() * 0.5 * (t2 - t0)
        turns = in_board[i1] @ rotation @ matrices(gyro.between(np.full(len(at), t1), at))  # R_board_imu

        def second(
            values: Floats, h1: float = t1 - t0, h2: float = t2 - t1, at: tuple[int, ...] = (i0, i1, i2)
        ) -> Floats:
            found: Floats = (values[at[2]] - values[at[1]]) / h2 - (values[at[1]] - values[at[0]]) / h1
            return found

        biased = np.einsum("k,kij->ij", weight, turns)
        rows.append(np.hstack([second(in_board), biased, -np.eye(3) * 0.5 * (t2 - t0)]))
        right.append(np.einsum("k,kij,kj->i", weight, turns, imu.forces[inside]) - second(places))
    if len(rows) < MIN_TURNS:
        return np.full(3, np.nan), np.full(3, np.nan), float("nan")
    design, wanted = np.array(rows), np.array(right)
    x, formal = _linear(design, wanted)
    # Windows overlap, so that their errors go together; and where motion is slow, errors of the turns pull the result
    # by more than any formula says. Both halves of the recording must agree.
    halves = [
        _linear(design[part], wanted[part])[0][:3]
        for part in (slice(None, len(rows) // 2), slice(len(rows) // 2, None))
    ]
    std = np.maximum(np.sqrt(3.0) * formal[:3], 0.5 * np.abs(halves[0] - halves[1]))
    return x[:3], std, float(np.linalg.norm(x[6:]))


def _linear(design: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Return place, bias and gravity (9,), and their formal deviations; the bias is held near 0."""
    prior = 0.01 / _ACCELERATION_BIAS * np.hstack([np.zeros((3, 3)), np.eye(3), np.zeros((3, 3))])

    def misfit(x: Floats) -> Floats:
        found: Floats = np.vstack([design @ x - wanted, (prior @ x)[None]])
        return found

    x, covariance, _ = _fit(misfit, np.zeros(9))
    return x, np.sqrt(np.maximum(np.diag(covariance), 0.0))


def _triples(times_s: Floats, apart_s: float = 0.3) -> list[tuple[int, int, int]]:
    """Return three pictures each, about ``apart_s`` one from the next, without holes between."""
    found = []
    whole = np.concatenate([[0], np.cumsum(np.diff(times_s) >= _LONGEST_GAP_S)])
    for i in range(len(times_s)):
        before, after = (int(np.searchsorted(times_s, times_s[i] + side * apart_s)) for side in (-1, 1))
        if before < i < after < len(times_s) and whole[before] == whole[after]:
            found.append((before, i, after))
    return found


def _fit(misfit: Callable[[Floats], Floats], start: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what makes ``misfit(x)`` (M, 3) least (Gauss-Newton, Huber weights), its covariance, and the weights."""
    x, weights = start, np.ones(0)
    normal: Floats = np.eye(len(start))
    for _ in range(15):
        residual = misfit(x)
        length = np.linalg.norm(residual, axis=1)
        limit = 2.5 * max(1e-12, 1.4826 * float(np.median(length)) / 1.54)  # the median length of 3 normal deviates
        weights = limit / np.maximum(length, limit)
        slopes = np.stack(
            [(misfit(x + step) - misfit(x - step)) / 2e-6 for step in 1e-6 * np.eye(len(x))], axis=-1
        ).reshape(-1, len(x))
        weighted = slopes * np.repeat(weights, 3)[:, None]
        normal = weighted.T @ slopes
        change = np.linalg.lstsq(normal, -weighted.T @ residual.ravel(), rcond=None)[0]
        x = x + change
        if np.abs(change).max() < 1e-10:
            break
    sigma = 1.4826 * float(np.median(np.linalg.norm(misfit(x), axis=1))) / 1.54
    covariance: Floats = np.asarray(np.linalg.pinv(normal), dtype=np.float64) * sigma**2
    return x, covariance, weights
