"""Detectors that look at a unit while it rests: bias, scale, and whether its axes still point where they did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from selfcue.messages import Imu, Vector3
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.imu.rest import Rest, RestConfig, RestFinder, angle_deg
from selfcue.sensors.watch import Fault


class BiasWatch:
    """``bias``: the gyroscope turns at rest; ``scale``: gravity has the wrong length at rest.

    Both hold until a rest shows otherwise.

    Args:
        gyro_most: [rad/s]. norm_share: of gravity.
        lasts_s: a rest must go on for so long beyond its first window.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"bias": 2.0, "scale": 2.0}

    def __init__(
        self,
        *,
        gyro_most: float = 0.02,
        norm_share: float = 0.03,
        lasts_s: float = 0.9,
        rest: RestConfig | None = None,
    ) -> None:
        self._gyro_most, self._norm_share, self._lasts_ns = gyro_most, norm_share, round(lasts_s * 1e9)
        self._finder = RestFinder(rest)
        self._since_ns: dict[str, int] = {}
        self._bad: dict[str, bool] = {"bias": False, "scale": False}
        self._gyro = self._norm = math.nan
        self._rest_ns = -1

    def update(self, message: Imu) -> None:
        rest = self._finder.update(message.stamp_ns, message.linear_acceleration, message.angular_velocity)
        if rest is None:
            return
        self._gyro, self._norm = math.hypot(*rest.gyro), rest.norm
        if rest.start_ns > self._rest_ns:  # not the same rest that still goes on
            self._since_ns.clear()
        self._rest_ns = rest.end_ns
        self._judge("bias", wrong=self._gyro > self._gyro_most, now_ns=rest.end_ns)
        off = abs(self._norm / STANDARD_GRAVITY - 1.0)
        self._judge("scale", wrong=off > self._norm_share, now_ns=rest.end_ns)

    def _judge(self, name: str, *, wrong: bool, now_ns: int) -> None:
        """Change the verdict where the rest has said the same for long enough."""
        if wrong == self._bad[name]:
            self._since_ns.pop(name, None)
        elif now_ns - self._since_ns.setdefault(name, now_ns) >= self._lasts_ns:
            self._bad[name] = wrong
            self._since_ns.pop(name)

    def faults(self, now_ns: int) -> list[Fault]:  # noqa: ARG002 - rests count
        return [Fault(name, "suspect", self.evidence()) for name, bad in self._bad.items() if bad]

    def evidence(self) -> dict[str, float]:
        return {"rest_gyro": self._gyro, "rest_norm": self._norm}

    def meta(self) -> dict[str, Any]:
        return {
            "finder": self._finder.meta(),
            "since_ns": self._since_ns,
            "bad": self._bad,
            "last": [self._gyro, self._norm, self._rest_ns],
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._finder.load_meta(meta["finder"])
        self._since_ns, self._bad = dict(meta["since_ns"]), dict(meta["bad"])
        self._gyro, self._norm, self._rest_ns = meta["last"]


class AxesWatch:
    """``axes``: between two rests gravity jumped in the unit's axes, by more than the gyroscope says that it turned.

    Axes swapped by a driver or a setting, and a unit that was mounted anew while nobody heard it turn, look like that;
    an arm that moved does not. What leaves gravity where it was (a turn about the vertical) cannot be seen.

    Args:
        most_deg: jump from which it counts.
        drift_deg_per_s: added to that for each second between the rests, for the gyroscope's errors.
        apart_s: rests further apart than this are not compared.
        hold_s: for which a jump counts.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"axes": 1.2}

    def __init__(
        self,
        *,
        most_deg: float = 20.0,
        drift_deg_per_s: float = 1.0,
        apart_s: float = 15.0,
        hold_s: float = 5.0,
        rest: RestConfig | None = None,
    ) -> None:
        self._most_deg, self._drift, self._apart_s, self._hold_s = most_deg, drift_deg_per_s, apart_s, hold_s
        self._finder = RestFinder(rest)
        self._up: Vector3 | None = None
        self._bias: Vector3 = (0.0, 0.0, 0.0)
        self._up_ns = self._last_ns = 0
        self._jump = (-1, 0.0)
        self._turn_deg = 0.0

    def update(self, message: Imu) -> None:
        step_s = (message.stamp_ns - self._last_ns) * 1e-9
        self._last_ns = message.stamp_ns
        gyro = message.angular_velocity
        if self._up is not None:
            if step_s > 0.2 or gyro[0] != gyro[0]:
                self._up = None  # nobody knows how it turned
            else:
                self._up = _turned(self._up, gyro, self._bias, step_s)
        rest = self._finder.update(message.stamp_ns, message.linear_acceleration, gyro)
        if rest is not None:
            self._compare(rest)

    def _compare(self, rest: Rest) -> None:
        """Compare a rest with what the last one and the gyroscope make one expect, and go on from it.

        A window that begins before the last comparison still holds samples from before a jump, so the next comes
        when it holds none.
        """
        if rest.start_ns <= self._up_ns:
            return
        if self._up is not None:
            apart_s = (rest.start_ns - self._up_ns) * 1e-9
            self._turn_deg = angle_deg(self._up, rest.accel)
            if apart_s <= self._apart_s and self._turn_deg > self._most_deg + self._drift * apart_s:
                self._jump = (rest.end_ns, self._turn_deg)
        self._up, self._bias, self._up_ns = rest.accel, rest.gyro, rest.end_ns

    def faults(self, now_ns: int) -> list[Fault]:
        jump_ns, jump_deg = self._jump
        if jump_ns < 0 or now_ns - jump_ns > self._hold_s * 1e9:
            return []
        return [Fault("axes", "suspect", {"gravity_jump_deg": jump_deg})]

    def evidence(self) -> dict[str, float]:
        return {"gravity_off_deg": self._turn_deg}

    def meta(self) -> dict[str, Any]:
        return {
            "finder": self._finder.meta(),
            "up": self._up,
            "bias": self._bias,
            "stamps_ns": [self._up_ns, self._last_ns],
            "jump": list(self._jump),
            "turn_deg": self._turn_deg,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._finder.load_meta(meta["finder"])
        self._up = None if meta["up"] is None else _three(meta["up"])
        self._bias = _three(meta["bias"])
        self._up_ns, self._last_ns = meta["stamps_ns"]
        self._jump, self._turn_deg = (meta["jump"][0], meta["jump"][1]), meta["turn_deg"]


def _three(values: Any) -> Vector3:
    x, y, z = values
    return (float(x), float(y), float(z))


def _turned(up: Vector3, gyro: Vector3, bias: Vector3, step_s: float) -> Vector3:
    """Return a vector of the world, seen from the unit after it has turned for ``step_s`` (Rodrigues' formula)."""
    x, y, z = (-(value - zero) * step_s for value, zero in zip(gyro, bias, strict=True))
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return up
    x, y, z = x / angle, y / angle, z / angle
    cos, sin = math.cos(angle), math.sin(angle)
    along = (x * up[0] + y * up[1] + z * up[2]) * (1 - cos)
    return (
        up[0] * cos + (y * up[2] - z * up[1]) * sin + x * along,
        up[1] * cos + (z * up[0] - x * up[2]) * sin + y * along,
        up[2] * cos + (x * up[1] - y * up[0]) * sin + z * along,
    )
