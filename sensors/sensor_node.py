"""The base of every adapter's node: it opens the driver, publishes what comes, and says how the device is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from selfcue.errors import BadInputError
from selfcue.measurements import DeviceState, DeviceStatus
from selfcue.node import Link, Node, Publisher
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Driver
from selfcue.sensors.sensor_thread import SensorThread, ThreadStatus

V = TypeVar("V")

_STATES: dict[str, DeviceState] = {"up": "up", "waiting": "waiting", "ended": "ended", "failed": "failed"}


class SensorNode(Node, ABC, Generic[V]):
    """Publishes the readings of one device, and ``TOPIC/device`` (DeviceStatus, latched).

    Live only: under a simulated or player's clock a device's readings would have no place in time. A subclass names its
    topics in ``advertise``, makes its driver in ``driver`` and its messages in ``publish``.
    """

    KEEP = 16
    """Readings that may wait for the node's next step."""

    def configure(self, link: Link) -> None:
        driver = self.driver()
        if link.lockstep:
            raise BadInputError(
                f"{driver.name}: a device runs on the wall's clock; set clock: wall in the launch file, or play a "
                "recorded log"
            )
        self._link, self._clock = link, driver.domain
        self._device: Publisher[DeviceStatus] = link.advertise(f"{self.topic}/device", DeviceStatus, latched=True)
        self._told: tuple[DeviceState, int, int] | None = None
        self._told_ns = 0
        self.advertise(link)
        self._thread: SensorThread[V] = SensorThread(self.driver, link.now_ns, self.connection, keep=self.KEEP)
        self._thread.start()

    @property
    def topic(self) -> str:
        """Prefix of the node's topics: the parameter ``topic``, where a subclass has no other."""
        topic: str = self.params.topic
        return topic

    @property
    def connection(self) -> ConnectionConfig:
        """How a device that goes away is dealt with: the parameter ``connection``, where a subclass has no other."""
        connection: ConnectionConfig = self.params.connection
        return connection

    @abstractmethod
    def driver(self) -> Driver[V]:
        """Return a new driver; no work. Called again for every try to open the device."""

    @abstractmethod
    def advertise(self, link: Link) -> None:
        """Announce the topics, with the rates that were asked for."""

    @abstractmethod
    def publish(self, value: V, stamp_ns: int) -> None:
        """Publish one reading.

        Raises:
            BadInputError: it cannot be used, and no later one will be.
        """

    def step(self, now_ns: int) -> None:
        for reading in self._thread.take():
            self.publish(reading.value, reading.stamp_ns)
        self._tell(now_ns)

    def close(self) -> None:
        thread: SensorThread[V] | None = getattr(self, "_thread", None)
        if thread is not None:
            thread.stop()

    def _tell(self, now_ns: int) -> None:
        """Say how the device is where that has changed, and once a second."""
        status = self._thread.status()
        state = _STATES.get(status.state, "opening")
        key = (state, status.reconnects, status.hangs)
        if key == self._told and now_ns - self._told_ns < 1_000_000_000:
            return
        if self._told is not None and key != self._told:
            self._note(state, status)
        self._told, self._told_ns = key, now_ns
        self._device.publish(
            DeviceStatus(
                stamp_ns=now_ns,
                device=status.name,
                state=state,
                reason=status.error,
                reconnects=status.reconnects,
                hangs=status.hangs,
                readings=status.readings,
                lost=status.lost,
                dropped=status.dropped,
                age_s=status.age_s,
                asked_hz=status.asked_hz,
                measured_hz=status.measured_hz,
                clock=self._clock,
                clock_jumps=status.clock_jumps,
                clock_uncertainty_ns=status.clock_uncertainty_ns,
            )
        )

    def _note(self, state: DeviceState, status: ThreadStatus) -> None:
        """Put a change into the journal and the node's log."""
        self._link.journal(
            "device", device=status.name, state=state, reason=status.error, lost=status.lost, dropped=status.dropped
        )
        self.log.log(20 if state in ("up", "ended") else 30, "device=%s state=%s %s", status.name, state, status.error)
