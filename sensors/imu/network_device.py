"""One device that sends over the network: order, rate, losses, and its clock against ours."""

from __future__ import annotations

from selfcue.offsets import Offset, OffsetEstimator
from selfcue.sensors.driver import Reading
from selfcue.sensors.imu.network_message import NetworkMessage, RefusedError
from selfcue.sensors.imu.sample import UNKNOWN, ImuSample

_REFRESH_NS = 200_000_000


class NetworkDevice:
    """What is remembered of a device from its first message until it leaves.

    Args:
        most_hz: samples a second that it may send; up to a second's worth at once.
    """

    def __init__(self, most_hz: float, now_ns: int) -> None:
        self._most_hz = most_hz
        self._allowance, self._allowed_ns = most_hz, now_ns
        self._offsets = OffsetEstimator()
        self._offset: Offset | None = None
        self._boot = -1
        self._next = 0
        self._last_us = 0
        self._measured_ns = 0
        self.heard_ns = now_ns
        self.readings = self.lost = 0

    def readings_of(self, message: NetworkMessage, arrived_ns: int) -> list[Reading[ImuSample]]:
        """Return the samples of a message that came at ``arrived_ns`` of the monotonic clock.

        Raises:
            RefusedError: it is late, came before, or more than it may send.
        """
        if message.boot < self._boot:
            raise RefusedError("of an earlier start of the sender")
        if message.boot == self._boot and (message.seq < self._next or message.t_us[0] <= self._last_us):
            raise RefusedError("late or twice")
        self._spend(len(message.t_us), arrived_ns)
        if message.boot > self._boot:
            self._offsets, self._offset = OffsetEstimator(), None
            self._boot, self._next = message.boot, message.seq
        lost, self._next = message.seq - self._next, message.seq + len(message.t_us)
        self._last_us = message.t_us[-1]
        self.heard_ns = arrived_ns
        self._follow(message.t_us[-1] * 1000, arrived_ns)
        found = []
        for i, t_us in enumerate(message.t_us):
            sample = ImuSample(
                accel=message.acc[i],
                gyro=message.gyro[i] if message.gyro else UNKNOWN,
                field=message.field_t(i),
                temperature_c=message.temperature_c,
                device=message.id,
                device_ns=t_us * 1000,
                arrival_ns=arrived_ns,
                measured_ns=self._ours(t_us * 1000, arrived_ns),
            )
            found.append(Reading(sample, t_us * 1000, lost if i == 0 else 0))
        self.readings += len(found)
        self.lost += lost
        return found

    def _spend(self, samples: int, arrived_ns: int) -> None:
        earned = max(0, arrived_ns - self._allowed_ns) * 1e-9 * self._most_hz
        self._allowance, self._allowed_ns = min(self._most_hz, self._allowance + earned), arrived_ns
        if samples > self._allowance:
            raise RefusedError("more samples than allowed")
        self._allowance -= samples

    def _follow(self, device_ns: int, arrived_ns: int) -> None:
        """Take in one more pair of the two clocks: a batch is sent right after its last sample."""
        jump = self._offsets.add_one_way(device_ns, arrived_ns)
        if self._offset is None or jump is not None or arrived_ns - self._offset.at_ns >= _REFRESH_NS:
            self._offset = self._offsets.estimate(arrived_ns)

    def _ours(self, device_ns: int, arrived_ns: int) -> int:
        """Return the monotonic time of a sample; it rises, and lies before the arrival."""
        ours_ns = arrived_ns if self._offset is None else min(self._offset.to_ours(device_ns), arrived_ns)
        self._measured_ns = max(ours_ns, self._measured_ns + 1)
        return self._measured_ns
