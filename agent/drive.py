"""Fly straight until something is in the way, then turn a random way until it is not: the behaviour of one body.

The driver knows one number of the world: the obstacle score of the cue that flies now (``selfcue.corridor``), as
inverse depth. Actions::

    fly --obstacle--> turn --free for a while--> fly
    fly --contact or no progress--> back --far enough--> turn
    turn --a whole circle, nowhere free--> seek (the freest heading seen) --> squeeze (fly closer) --obstacle--> turn

Random sides and random least angles are the exploration policy as well (van Hecke et al., arXiv 1603.08047); distances
are computed from speed, latency and braking.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from selfcue.agent.drive_config import DriveConfig
from selfcue.agent.ground import Ground
from selfcue.agent.motion import Action, Headings, Motion, Pose, wrap

_AIM_RAD = math.radians(5)
_PAUSE_NS = 500_000_000  # not flown for so long: what was known of the way is no longer true
_NS = 1_000_000_000


class Driver:
    """Turns one obstacle score after the other into motion. All random choices come from ``generator``."""

    def __init__(self, config: DriveConfig, generator: np.random.Generator) -> None:
        self.config = config
        self._generator = generator
        self._action: Action = "fly"
        self._side = 1
        self._least_turn = 0.0
        self._turned = 0.0
        self._yaw = math.nan
        self._free_since_ns: int | None = None
        self._mark = (math.nan, math.nan)  # where flying or backing off began
        self._mark_ns = 0
        self._stepped_ns = -_NS
        self._headings = Headings()
        self._target_yaw = 0.0
        self._stop_distance_m = config.turn_distance_m
        self._ground = Ground(config.forget_s)
        self._courage = 1.0

    @property
    def action(self) -> Action:
        return self._action

    @property
    def advancing(self) -> bool:
        """Whether the body flies forward (only then can it run into what it sees)."""
        return self._action in ("fly", "squeeze")

    def turn_away(self) -> None:
        """Begin a turn to a random side, now."""
        config = self.config
        self._action = "turn"
        self._side = 1 if self._generator.random() < 0.5 else -1
        self._least_turn = float(self._generator.uniform(config.least_turn_rad, config.most_least_turn_rad))
        self._turned = 0.0
        self._yaw = math.nan
        self._free_since_ns = None
        self._headings = Headings()

    def bump(self, now_ns: int, pose: Pose) -> None:
        """The body touched something: back off; where it already did, that way is closed too: turn."""
        if self._action == "back":
            self.turn_away()
        else:
            self._enter("back", now_ns, pose)

    def step(self, now_ns: int, score: float, pose: Pose, speed_share: float = 1.0) -> Motion:
        """Return the motion for this tick.

        Args:
            now_ns: the system's time.
            score: obstacle score of the cue that flies [1/m].
            pose: from odometry.
            speed_share: share of the forward speed that the state machine grants.
        """
        config = self.config
        if now_ns - self._stepped_ns > _PAUSE_NS:
            self._mark, self._mark_ns = (pose.x, pose.y), now_ns
            self._free_since_ns = None
        self._stepped_ns = now_ns
        self._ground.note(now_ns, pose)
        bored = self._ground.stale_s(now_ns) >= config.bored_s
        self._courage = config.bold_share if bored else 1.0
        if self.advancing:
            self._watch_the_way(now_ns, score, pose)
        elif self._action == "back":
            self._watch_back(now_ns, pose)
        if self._action == "turn":
            self._watch_turn(now_ns, score, pose)
        elif self._action == "seek":
            self._watch_seek(now_ns, pose)
        return self._motion(score, pose, speed_share)

    def _enter(self, action: Action, now_ns: int, pose: Pose) -> None:
        self._action = action
        self._mark, self._mark_ns = (pose.x, pose.y), now_ns

    def _watch_the_way(self, now_ns: int, score: float, pose: Pose) -> None:
        config = self.config
        stop_at = self._stop_distance_m if self._action == "squeeze" else config.turn_distance_m * self._courage
        if score * stop_at >= 1.0:
            self.turn_away()
        elif self._far_from_mark(pose) >= config.stuck_m:
            self._mark, self._mark_ns = (pose.x, pose.y), now_ns
        elif now_ns - self._mark_ns >= config.stuck_s * _NS:
            self._enter("back", now_ns, pose)
            return
        if self._action == "squeeze" and score * config.free_distance_m < 1.0:
            self._action = "fly"

    def _watch_back(self, now_ns: int, pose: Pose) -> None:
        config = self.config
        late = now_ns - self._mark_ns >= 2 * config.back_off_m / config.back_off_speed_m_s * _NS
        if late or self._far_from_mark(pose) >= config.back_off_m:
            self.turn_away()

    def _watch_turn(self, now_ns: int, score: float, pose: Pose) -> None:
        config = self.config
        if not math.isnan(self._yaw):
            self._turned += self._side * wrap(pose.yaw - self._yaw)
        self._yaw = pose.yaw
        self._headings.note(pose.yaw, score)
        # Where it has been lately it asks for a longer way; that shrinks to free_distance_m over half a circle.
        eager = self._ground.known_ahead(now_ns, pose) * max(0.0, 1.0 - self._turned / math.pi)
        wanted_m = config.free_distance_m + eager * (config.eager_distance_m - config.free_distance_m)
        if self._turned < self._least_turn or score * wanted_m * self._courage >= 1.0:
            self._free_since_ns = None
        elif self._free_since_ns is None:
            self._free_since_ns = now_ns
        elif now_ns - self._free_since_ns >= config.free_for_s * _NS:
            self._enter("fly", now_ns, pose)
            return
        if self._turned > 2 * math.pi and self._free_since_ns is None:
            self._choose_freest()

    def _choose_freest(self) -> None:
        """Head for the freest heading of the circle; where even that is too near, turn on."""
        config = self.config
        freest = self._headings.freest()
        if freest is None:
            self.turn_away()
            return
        self._target_yaw, room_m = freest
        stop_m = max(room_m - config.squeeze_margin_m, config.squeeze_least_m)
        if stop_m >= room_m:
            self.turn_away()
            return
        self._stop_distance_m = min(stop_m, config.turn_distance_m)
        self._action = "seek"

    def _watch_seek(self, now_ns: int, pose: Pose) -> None:
        if abs(wrap(self._target_yaw - pose.yaw)) < _AIM_RAD:
            self._enter("squeeze", now_ns, pose)

    def _motion(self, score: float, pose: Pose, speed_share: float) -> Motion:
        config = self.config
        forward = yaw_rate = 0.0
        if self._action == "fly":
            forward = config.speed_m_s * speed_share * self._slow(score)
        elif self._action == "squeeze":
            forward = config.speed_m_s * speed_share * config.slow_share
        elif self._action == "back":
            forward = -config.back_off_speed_m_s
        elif self._action == "turn":
            share = 1.0 if self._free_since_ns is None else config.free_yaw_share
            yaw_rate = self._side * config.yaw_rate_rad_s * share
            if score * config.creep_distance_m * self._courage < 1.0:
                forward = config.speed_m_s * speed_share * config.creep_share
        else:
            error = wrap(self._target_yaw - pose.yaw)
            yaw_rate = math.copysign(min(config.yaw_rate_rad_s, 2.0 * abs(error)), error)
        return Motion(forward, yaw_rate, self._action)

    def _slow(self, score: float) -> float:
        config = self.config
        if score * config.slow_distance_m <= 1.0 or config.slow_distance_m <= config.turn_distance_m:
            return 1.0
        share = (1.0 / score - config.turn_distance_m) / (config.slow_distance_m - config.turn_distance_m)
        return config.slow_share + (1.0 - config.slow_share) * min(max(share, 0.0), 1.0)

    def _far_from_mark(self, pose: Pose) -> float:
        return math.hypot(pose.x - self._mark[0], pose.y - self._mark[1])

    def state(self) -> dict[str, Any]:
        """Return everything but settings and generator, JSON-serialisable."""
        saved = {name: getattr(self, name) for name in _SAVED}
        return {
            **saved,
            "_mark": list(self._mark),
            "_ground": self._ground.state(),
            "_headings": list(self._headings.worst),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` gave."""
        for name in _SAVED:
            setattr(self, name, state[name])
        self._mark = (state["_mark"][0], state["_mark"][1])
        self._ground.load_state(state["_ground"])
        self._headings = Headings(list(state["_headings"]))


_SAVED = (
    "_action",
    "_side",
    "_least_turn",
    "_turned",
    "_yaw",
    "_free_since_ns",
    "_mark_ns",
    "_stepped_ns",
    "_target_yaw",
    "_stop_distance_m",
    "_courage",
)
