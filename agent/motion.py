"""Small words of motion: where a body is, how it wants to move, and which heading of a circle is the freest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from selfcue.messages import Odometry

Action: TypeAlias = Literal["fly", "turn", "back", "seek", "squeeze"]

_BINS = 36  # one heading every 10 degrees


@dataclass(frozen=True)
class Pose:
    """Where the body is on the ground plan [m] and where it heads [rad]."""

    x: float
    y: float
    yaw: float

    @classmethod
    def of(cls, odometry: Odometry) -> Pose:
        """Return the ground-plan pose of an odometry message."""
        x, y, z, w = odometry.orientation
        yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        return cls(odometry.position[0], odometry.position[1], yaw)


@dataclass(frozen=True)
class Motion:
    """What the driver wants: forward speed [m/s], yaw rate [rad/s] and the action it belongs to."""

    forward_m_s: float
    yaw_rate_rad_s: float
    action: Action


class Headings:
    """Remembers the worst obstacle score seen at each heading of one turn."""

    def __init__(self, worst: list[float] | None = None) -> None:
        self.worst = worst if worst is not None else [math.nan] * _BINS

    def note(self, yaw_rad: float, score_per_m: float) -> None:
        """Take in what is seen while heading ``yaw_rad``."""
        found = min(int((wrap(yaw_rad) + math.pi) / (2 * math.pi) * _BINS), _BINS - 1)
        self.worst[found] = float(np.fmax(self.worst[found], score_per_m))

    def freest(self) -> tuple[float, float] | None:
        """Return the heading [rad] with the most room and that room [m]; None where nothing was noted.

        A heading is as free as its worse neighbour: the edge of a gap is no way through.
        """
        scores = np.array(self.worst)
        scores = np.fmax(np.fmax(scores, np.roll(scores, 1)), np.roll(scores, -1))
        if np.all(np.isnan(scores)):
            return None
        best = int(np.nanargmin(scores))
        return (best + 0.5) * 2 * math.pi / _BINS - math.pi, 1.0 / max(float(scores[best]), 1e-6)


def wrap(angle_rad: float) -> float:
    """Return ``angle_rad`` in [-pi, pi)."""
    return (angle_rad + math.pi) % (2 * math.pi) - math.pi
