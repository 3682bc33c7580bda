"""Samples out of a frame's numbers: units, a clock that wraps, a counter that shows what was lost."""

from __future__ import annotations

import math

from selfcue.messages import Vector3
from selfcue.sensors.driver import Reading
from selfcue.sensors.imu.frames import Numbers
from selfcue.sensors.imu.framing import Field, Framing
from selfcue.sensors.imu.sample import UNKNOWN, ImuSample


class Unwrapped:
    """A whole number that begins again at ``wraps_at``, counted on; steps back by less than half of that are kept."""

    def __init__(self, wraps_at: int) -> None:
        self._wraps_at = wraps_at
        self._last: int | None = None
        self._total = 0

    def update(self, number: int) -> int:
        """Return the number as if it had never wrapped."""
        if not self._wraps_at:
            return number
        if self._last is None:
            self._total = number
        else:
            step = (number - self._last) % self._wraps_at
            self._total += step if step < self._wraps_at // 2 else step - self._wraps_at
        self._last = number
        return self._total


class FrameSamples:
    """Makes readings of frames.

    Attributes:
        has_time: the unit stamps its samples; without, they are stamped when they come.
    """

    def __init__(self, framing: Framing) -> None:
        self._fields = [one for one in framing.fields if one.name]
        self._place = {one.name: i for i, one in enumerate(self._fields)}
        self.has_time = "time" in self._place
        self._time = Unwrapped(self._of("time").wraps_at if self.has_time else 0)
        self._counter_wraps = self._of("counter").wraps_at if "counter" in self._place else 0
        self._counter: int | None = None

    def _of(self, name: str) -> Field:
        return self._fields[self._place[name]]

    def reading(self, numbers: Numbers, arrival_ns: int) -> Reading[ImuSample]:
        """Return the reading of one frame that came at ``arrival_ns`` of the monotonic clock."""
        device_ns = self._device_ns(numbers) if self.has_time else None
        place = self._place
        sample = ImuSample(
            accel=self._three("accel", numbers),
            gyro=self._three("gyro", numbers) if "gyro_x" in place else UNKNOWN,
            field=self._three("field", numbers) if "field_x" in place else None,
            temperature_c=self._value("temperature", numbers) if "temperature" in place else math.nan,
            device_ns=device_ns,
            arrival_ns=arrival_ns,
        )
        return Reading(sample, device_ns or 0, self._lost(numbers))

    def _value(self, name: str, numbers: Numbers) -> float:
        i = self._place[name]
        one = self._fields[i]
        return float((numbers[i] * one.scale + one.offset) * one.to_ours)

    def _three(self, what: str, numbers: Numbers) -> Vector3:
        return (
            self._value(f"{what}_x", numbers),
            self._value(f"{what}_y", numbers),
            self._value(f"{what}_z", numbers),
        )

    def _device_ns(self, numbers: Numbers) -> int:
        one, number = self._of("time"), numbers[self._place["time"]]
        if one.wraps_at:
            number = self._time.update(int(number))
        if isinstance(number, int) and one.scale == 1.0 and one.offset == 0.0:
            return number * round(one.to_ours)  # exact: a float has no room for nanoseconds since 1970
        return round((number * one.scale + one.offset) * one.to_ours)

    def _lost(self, numbers: Numbers) -> int:
        """Return how many frames the counter has left out; a step back (a restart, a repeat) has lost nothing."""
        if "counter" not in self._place:
            return 0
        now, before = int(numbers[self._place["counter"]]), self._counter
        self._counter = now
        if before is None:
            return 0
        if not self._counter_wraps:
            return max(0, now - before - 1)
        step = (now - before) % self._counter_wraps
        return step - 1 if 0 < step < self._counter_wraps // 2 else 0
