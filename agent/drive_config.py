"""Settings of the driver: speeds, distances, patience."""

from __future__ import annotations

import math
from dataclasses import dataclass

from selfcue.errors import BadInputError


@dataclass(frozen=True)
class DriveConfig:
    """Speeds, distances and patience of the driver. All values are above 0.

    Attributes:
        speed_m_s: forward speed in free flight.
        yaw_rate_rad_s: rate of a turn.
        turn_distance_m: an obstacle nearer than this starts a turn.
        free_distance_m: a turn ends where nothing is nearer than this (hysteresis).
        eager_distance_m: over ground that it knows, a turn first asks for this much room; over half a circle that
            shrinks to ``free_distance_m``.
        free_for_s: how long the view must stay free.
        free_yaw_share: share of the yaw rate that is kept while a view is free: the heading moves on, away from the
            edge that it just passed, yet does not sweep over a narrow gap.
        least_turn_rad, most_least_turn_rad: a turn's least angle is drawn uniformly between these.
        slow_distance_m: nearer than this the body slows, down to ``slow_share`` of its speed at ``turn_distance_m``.
        slow_share: see ``slow_distance_m``.
        back_off_m, back_off_speed_m_s: how far and how fast it backs off after a contact.
        latency_s, braking_m_s2, radius_m, margin_m: what ``override_distance_m`` is computed from.
        stuck_s, stuck_m: flying for so long without getting so far counts as a contact.
        creep_distance_m, creep_share: while nothing is nearer than this, the body creeps on through its turn, with
            this share of its speed: the view changes place as well, and a turn is no standstill.
        forget_s: for how long ground that was flown over counts as known.
        bored_s, bold_share: a body that has been over known ground only for ``bored_s`` multiplies its turn, free and
            creep distances by ``bold_share`` until it finds new ground: so it gets out of a pocket of the room.
        squeeze_margin_m: in a squeeze the body goes this far towards the freest thing that it found.
        squeeze_least_m: and never nearer than this.
    """

    speed_m_s: float = 0.5
    yaw_rate_rad_s: float = 1.5
    turn_distance_m: float = 1.4
    free_distance_m: float = 1.6
    eager_distance_m: float = 2.5
    free_for_s: float = 0.3
    free_yaw_share: float = 0.5
    least_turn_rad: float = math.radians(30)
    most_least_turn_rad: float = math.radians(75)
    slow_distance_m: float = 1.7
    slow_share: float = 0.7
    back_off_m: float = 0.4
    back_off_speed_m_s: float = 0.3
    latency_s: float = 0.25
    braking_m_s2: float = 1.0
    radius_m: float = 0.35
    margin_m: float = 0.1
    stuck_s: float = 3.0
    stuck_m: float = 0.15
    creep_distance_m: float = 1.1
    creep_share: float = 0.3
    forget_s: float = 90.0
    bored_s: float = 5.0
    bold_share: float = 0.65
    squeeze_margin_m: float = 0.3
    squeeze_least_m: float = 0.55

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value > 0):
                raise BadInputError(f"drive setting {name} must be a finite number above 0, got {value}")
        if not self.override_distance_m < self.turn_distance_m < self.free_distance_m:
            raise BadInputError(
                f"drive distances must grow: override {self.override_distance_m:.2f} m (computed from speed_m_s, "
                f"latency_s, braking_m_s2, radius_m, margin_m) < turn_distance_m {self.turn_distance_m} "
                f"< free_distance_m {self.free_distance_m}"
            )
        if self.turn_distance_m * self.bold_share <= self.override_distance_m:
            raise BadInputError(
                f"drive setting bold_share {self.bold_share} brings the turn distance down to "
                f"{self.turn_distance_m * self.bold_share:.2f} m, not above the override distance "
                f"{self.override_distance_m:.2f} m; raise it"
            )
        if self.least_turn_rad > self.most_least_turn_rad:
            raise BadInputError(
                f"drive setting least_turn_rad {self.least_turn_rad} exceeds most_least_turn_rad "
                f"{self.most_least_turn_rad}"
            )

    @property
    def override_distance_m(self) -> float:
        """Distance at which the body must brake now: ``v t_lat + v^2 / (2 a) + r + m`` (0.70 m by default)."""
        speed = self.speed_m_s
        return speed * self.latency_s + speed**2 / (2 * self.braking_m_s2) + self.radius_m + self.margin_m
