"""How a sensor moved: poses over time, from a gyroscope or from odometry, at any moments in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Imu, Odometry

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """Poses of one thing in a frame that stands still.

    Attributes:
        stamps_ns: (K,) int64, rising. positions: (K, 3) [m].
        rotations: (K, 4) unit quaternions x, y, z, w.
    """

    stamps_ns: npt.NDArray[np.int64]
    positions: Floats
    rotations: Floats

    @staticmethod
    def from_odometry(messages: Sequence[Odometry]) -> Motion:
        """Return the poses that odometry said. Raises BadInputError: fewer than two, or stamps that do not rise."""
        return _checked(
            np.array([one.stamp_ns for one in messages], np.int64),
            np.array([one.position for one in messages], np.float64).reshape(-1, 3),
            np.array([one.orientation for one in messages], np.float64).reshape(-1, 4),
        )

    @staticmethod
    def from_gyro(messages: Sequence[Imu]) -> Motion:
        """Return the rotation that a gyroscope measured, from the first message on; the position stays.

        Between two messages the rate is the mean of both. Raises BadInputError as ``from_odometry``.
        """
        stamps_ns = np.array([one.stamp_ns for one in messages], np.int64)
        rates = np.array([one.angular_velocity for one in messages], np.float64).reshape(-1, 3)
        turns = (rates[1:] + rates[:-1]) / 2.0 * (np.diff(stamps_ns) * 1e-9)[:, None]
        rotations = np.zeros((len(messages), 4))
        if len(messages):
            rotations[0, 3] = 1.0
        steps = _of_vector(turns)
        for i, step in enumerate(steps):
            rotations[i + 1] = _times(rotations[i], step)
        return _checked(stamps_ns, np.zeros((len(messages), 3)), rotations)

    def covers(self, first_ns: int, last_ns: int, slack_ns: int = 0) -> bool:
        """Tell whether poses are known from ``first_ns`` to ``last_ns``, but for ``slack_ns`` at both ends."""
        return bool(self.stamps_ns[0] - slack_ns <= first_ns and last_ns <= self.stamps_ns[-1] + slack_ns)

    def at(self, stamps_ns: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return positions (M, 3) and rotations (M, 4) at ``stamps_ns`` (M,): on a line, along the shortest arc.

        Before the first and after the last pose, motion goes on as in the interval beside.
        """
        i = np.clip(np.searchsorted(self.stamps_ns, stamps_ns, side="right") - 1, 0, len(self.stamps_ns) - 2)
        share = ((stamps_ns - self.stamps_ns[i]) / (self.stamps_ns[i + 1] - self.stamps_ns[i]))[:, None]
        positions = self.positions[i] + (self.positions[i + 1] - self.positions[i]) * share
        step = _to_vector(_times(_inverse(self.rotations[i]), self.rotations[i + 1]))
        return positions, _times(self.rotations[i], _of_vector(step * share))


def rotate(rotations: Floats, points: Floats) -> Floats:
    """Return ``points`` (..., 3) turned by unit quaternions (..., 4)."""
    axis, w = rotations[..., :3], rotations[..., 3:]
    aside = 2.0 * np.cross(axis, points)
    return points + w * aside + np.cross(axis, aside)


def relative(positions: Floats, rotations: Floats, to_position: Floats, to_rotation: Floats) -> tuple[Floats, Floats]:
    """Return poses (M, 3), (M, 4) as seen from one pose (3,), (4,)."""
    back = _inverse(to_rotation)
    return rotate(back, positions - to_position), _times(np.broadcast_to(back, rotations.shape), rotations)


def _checked(stamps_ns: npt.NDArray[np.int64], positions: Floats, rotations: Floats) -> Motion:
    if len(stamps_ns) < 2 or (np.diff(stamps_ns) <= 0).any():
        raise BadInputError(f"motion needs two poses or more with rising stamps, got {len(stamps_ns)}")
    lengths = np.linalg.norm(rotations, axis=1, keepdims=True)
    if not (np.isfinite(positions).all() and np.isfinite(rotations).all() and (lengths > 1e-9).all()):
        raise BadInputError("motion holds a pose that is not finite, or a quaternion of length 0")
    return Motion(stamps_ns, positions, rotations / lengths)


def _inverse(q: Floats) -> Floats:
    return np.asarray(q * np.array([-1.0, -1.0, -1.0, 1.0]))


def _times(a: Floats, b: Floats) -> Floats:
    av, aw, bv, bw = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    vector = aw * bv + bw * av + np.cross(av, bv)
    return np.concatenate([vector, aw * bw - (av * bv).sum(-1, keepdims=True)], axis=-1)


def _of_vector(turn: Floats) -> Floats:
    """Return the quaternions of rotation vectors (..., 3) [rad]."""
    angle = np.linalg.norm(turn, axis=-1, keepdims=True)
    return np.concatenate([turn * np.sinc(angle / (2.0 * np.pi)) / 2.0, np.cos(angle / 2.0)], axis=-1)


def _to_vector(q: Floats) -> Floats:
    """Return the rotation vectors of unit quaternions (..., 4), the shorter way round [rad]."""
    q = np.where(q[..., 3:] < 0, -q, q)
    sine = np.linalg.norm(q[..., :3], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., 3:])
    return np.asarray(q[..., :3] * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0))
