"""Values along time, for any moment between: interpolated, never guessed far beyond, and safe when time jumps."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Generic, TypeVar

from selfcue.errors import BadInputError
from selfcue.messages import Imu, Vector3

V = TypeVar("V")
JUMP_BACK_S = 1.0
"""A stamp older than the newest by more than this is no late message: time was set back, and the past is void."""


class Timeline(Generic[V]):
    """Stamped values of one thing.

    Args:
        towards: ``towards(a, b, share)``: the value ``share`` (0 to 1) of the way from ``a`` to ``b``.
        keep_s: how much of the past is kept.
        reach_s: how far outside of the kept time the nearest value is still given.

    Attributes:
        jumps: how often time went back, and all that was kept was forgotten.
    """

    def __init__(self, towards: Callable[[V, V, float], V], *, keep_s: float = 10.0, reach_s: float = 0.0) -> None:
        if keep_s <= 0 or reach_s < 0:
            raise BadInputError(f"keep_s {keep_s} must be above 0 and reach_s {reach_s} at least 0")
        self.jumps = 0
        self._towards = towards
        self._keep_ns, self._reach_ns = round(keep_s * 1e9), round(reach_s * 1e9)
        self._stamps: list[int] = []
        self._values: dict[int, V] = {}

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, stamp_ns: int, value: V) -> None:
        """Add a value; one of the same stamp is replaced, a late one is put in its place."""
        if self._stamps and stamp_ns < self._stamps[-1] - JUMP_BACK_S * 1e9:
            self.forget()
        if stamp_ns not in self._values:
            insort(self._stamps, stamp_ns)
        self._values[stamp_ns] = value
        oldest = bisect_left(self._stamps, self._stamps[-1] - self._keep_ns)
        for gone in self._stamps[:oldest]:
            del self._values[gone]
        del self._stamps[:oldest]

    def forget(self) -> None:
        """Forget all that is kept: time jumped, and nothing may be interpolated across (see ``Node.jumped``)."""
        self.jumps += 1
        self._stamps.clear()
        self._values.clear()

    def at(self, stamp_ns: int) -> V:
        """Return the value at ``stamp_ns``. Raises BadInputError that says by how much the time is not covered."""
        if not self._stamps:
            raise BadInputError("nothing is known yet")
        place = bisect_left(self._stamps, stamp_ns)
        if place == len(self._stamps):
            return self._end(self._stamps[-1], stamp_ns, "newest", "after")
        if self._stamps[place] == stamp_ns:
            return self._values[stamp_ns]
        if place == 0:
            return self._end(self._stamps[0], stamp_ns, "oldest", "before")
        before, after = self._stamps[place - 1], self._stamps[place]
        return self._towards(self._values[before], self._values[after], (stamp_ns - before) / (after - before))

    def between(self, from_ns: int, to_ns: int) -> list[tuple[int, V]]:
        """Return what is known from ``from_ns`` to ``to_ns``, both ends interpolated: all that an integral needs.

        Raises:
            BadInputError: an end that is not covered, or ends in the wrong order.
        """
        if to_ns < from_ns:
            raise BadInputError(f"from {from_ns} to {to_ns} ns runs backwards")
        inner = self._stamps[bisect_left(self._stamps, from_ns + 1) : bisect_left(self._stamps, to_ns)]
        ends = [(from_ns, self.at(from_ns))], [(to_ns, self.at(to_ns))] if to_ns > from_ns else []
        return [*ends[0], *((stamp, self._values[stamp]) for stamp in inner), *ends[1]]

    def _end(self, nearest_ns: int, stamp_ns: int, which: str, side: str) -> V:
        if abs(stamp_ns - nearest_ns) <= self._reach_ns:
            return self._values[nearest_ns]
        away_s = abs(stamp_ns - nearest_ns) * 1e-9
        raise BadInputError(
            f"asked for a time {away_s:.3f} s {side} the {which} known ({self._reach_ns * 1e-9:g} s are allowed)"
        )


def imu_towards(a: Imu, b: Imu, share: float) -> Imu:
    """Return the inertial sample ``share`` of the way from ``a`` to ``b``: rates and specific force are linear."""
    return Imu(
        stamp_ns=round(a.stamp_ns + (b.stamp_ns - a.stamp_ns) * share),
        frame_id=a.frame_id,
        source=a.source,
        angular_velocity=_mix(a.angular_velocity, b.angular_velocity, share),
        linear_acceleration=_mix(a.linear_acceleration, b.linear_acceleration, share),
    )


def imu_timeline(*, keep_s: float = 10.0, reach_s: float = 0.0) -> Timeline[Imu]:
    """Return a timeline of inertial samples; ``between`` gives all samples between two pictures."""
    return Timeline(imu_towards, keep_s=keep_s, reach_s=reach_s)


def _mix(a: Vector3, b: Vector3, share: float) -> Vector3:
    x, y, z = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return x, y, z
