"""The last word before a body: a wish is passed on, limited or refused, by rules in a fixed order. Pure.

The rules, in the order in which they are applied; ``limited_by`` names the first that changed the wish:

1. ``stale_wish``     no wish, or none for ``stale_wish_s``: hover
2. ``bad_wish``       a number in it is not finite: hover
3. ``land``           mode LAND: straight down at ``land_speed_m_s``, whatever the wish says
4. ``hold``           mode HOLD: no translation
5. ``stale_estimate`` the cue that flies has been silent for ``stale_estimate_s``: no translation
6. ``contact``        something was touched within ``contact_s``: not forward
7. ``obstacle``       the trusted cue is ok and sees something: no faster than the body can stop before it
8. ``limits``         speed, climb and yaw rate within their limits

A learner's output reaches an actuator through here alone. This process never imports torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from selfcue.errors import BadInputError
from selfcue.messages import TrustLevel, VelocityCommand

_NS = 1_000_000_000


@dataclass(frozen=True)
class SafetyConfig:
    """Limits of the safety layer.

    Attributes:
        max_speed_m_s: horizontal speed.
        max_climb_m_s: vertical speed, either way.
        max_yaw_rate_rad_s: yaw rate, either way.
        stale_wish_s: a wish older than this is no wish.
        stale_estimate_s: estimates of the cue that flies older than this stop the body; 0 turns the rule off, for
            control runs in simulation only.
        contact_s: no forward motion for this long after a contact.
        land_speed_m_s: speed of descent.
        latency_s, braking_m_s2, radius_m, margin_m: how far before an obstacle the body must begin to brake:
            ``v latency + v^2 / (2 braking) + radius + margin``.
    """

    max_speed_m_s: float = 0.8
    max_climb_m_s: float = 0.5
    max_yaw_rate_rad_s: float = 2.0
    stale_wish_s: float = 0.3
    stale_estimate_s: float = 0.5
    contact_s: float = 0.3
    land_speed_m_s: float = 0.2
    latency_s: float = 0.25
    braking_m_s2: float = 1.0
    radius_m: float = 0.35
    margin_m: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise BadInputError(f"safety setting {name} must be a finite number, 0 or more, got {value}")
        if self.braking_m_s2 == 0:
            raise BadInputError("safety setting braking_m_s2 must be above 0: a body that cannot brake must not fly")


@dataclass(frozen=True)
class Situation:
    """What the safety layer knows, apart from the wish.

    Attributes:
        now_ns: the system's time.
        trust: of the trusted cue, ``lost`` where it has said nothing.
        trusted_ns, student_ns: time of the newest estimate of each cue, None where there was none.
        nearest_m: depth of the nearest thing that the trusted cue sees in the corridor (inf: nothing).
        contact_ns: time of the last contact, None where there was none.
    """

    now_ns: int
    trust: TrustLevel = "lost"
    trusted_ns: int | None = None
    student_ns: int | None = None
    nearest_m: float = math.inf
    contact_ns: int | None = None


@dataclass(frozen=True)
class SafeMotion:
    """Body-frame velocity [m/s], yaw rate [rad/s], mode, and the first rule that changed the wish ('' for none)."""

    linear: tuple[float, float, float]
    yaw_rate: float
    mode: str
    limited_by: str = ""


class SafetyFilter:
    """Applies the rules. Holds settings only: equal inputs, equal outputs."""

    def __init__(self, config: SafetyConfig) -> None:
        self.config = config

    def apply(self, wish: VelocityCommand | None, now: Situation) -> SafeMotion:
        """Return the motion that a body may obey."""
        config = self.config
        if wish is None or now.now_ns - wish.stamp_ns > config.stale_wish_s * _NS:
            return SafeMotion((0.0, 0.0, 0.0), 0.0, "HOLD", "stale_wish")
        if not all(math.isfinite(value) for value in (*wish.linear, wish.yaw_rate)):
            return SafeMotion((0.0, 0.0, 0.0), 0.0, "HOLD", "bad_wish")
        if wish.mode == "LAND":
            down = (0.0, 0.0, -config.land_speed_m_s)
            return SafeMotion(down, 0.0, "LAND", "" if (wish.linear, wish.yaw_rate) == (down, 0.0) else "land")
        motion = SafeMotion(wish.linear, wish.yaw_rate, wish.mode)
        if wish.mode == "HOLD":
            motion = _change(motion, "hold", linear=(0.0, 0.0, 0.0))
        if self._estimates_stale(wish.mode, now):
            motion = _change(motion, "stale_estimate", linear=(0.0, 0.0, 0.0))
        if now.contact_ns is not None and now.now_ns - now.contact_ns <= config.contact_s * _NS:
            motion = _forward_at_most(motion, "contact", 0.0)
        if now.trust == "ok" and _fresh(now.trusted_ns, now.now_ns, config.stale_estimate_s):
            motion = _forward_at_most(motion, "obstacle", self.speed_to_stop_within(now.nearest_m))
        return self._limit(motion)

    def speed_to_stop_within(self, distance_m: float) -> float:
        """Return the highest forward speed [m/s] at which the body still stops before what is ``distance_m`` away.

        Solves ``v latency + v^2 / (2 braking) = distance - radius - margin`` for v; 0 where it is too late.
        """
        config = self.config
        room_m = distance_m - config.radius_m - config.margin_m
        if room_m <= 0:
            return 0.0
        if math.isinf(room_m):
            return math.inf
        braking, latency = config.braking_m_s2, config.latency_s
        return math.sqrt((braking * latency) ** 2 + 2 * braking * room_m) - braking * latency

    def _estimates_stale(self, mode: str, now: Situation) -> bool:
        if self.config.stale_estimate_s == 0:
            return False
        flies_by = now.student_ns if mode.startswith("MONO") else now.trusted_ns
        return not _fresh(flies_by, now.now_ns, self.config.stale_estimate_s)

    def _limit(self, motion: SafeMotion) -> SafeMotion:
        config = self.config
        x, y, z = motion.linear
        speed = math.hypot(x, y)
        if speed > config.max_speed_m_s:
            x, y = x * config.max_speed_m_s / speed, y * config.max_speed_m_s / speed
        linear = (x, y, _clip(z, config.max_climb_m_s))
        return _change(motion, "limits", linear=linear, yaw_rate=_clip(motion.yaw_rate, config.max_yaw_rate_rad_s))


def _change(
    motion: SafeMotion, rule: str, *, linear: tuple[float, float, float], yaw_rate: float | None = None
) -> SafeMotion:
    """Return ``motion`` with new values, and with ``rule``'s name where that is the first change."""
    yaw_rate = motion.yaw_rate if yaw_rate is None else yaw_rate
    changed = (linear, yaw_rate) != (motion.linear, motion.yaw_rate)
    return SafeMotion(linear, yaw_rate, motion.mode, motion.limited_by or (rule if changed else ""))


def _forward_at_most(motion: SafeMotion, rule: str, speed_m_s: float) -> SafeMotion:
    x, y, z = motion.linear
    return _change(motion, rule, linear=(min(x, speed_m_s), y, z))


def _fresh(stamp_ns: int | None, now_ns: int, within_s: float) -> bool:
    return stamp_ns is not None and now_ns - stamp_ns <= within_s * _NS


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
