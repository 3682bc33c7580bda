"""LiDARs that send packets: live over UDP, or from a capture at its pace."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from selfcue.errors import MissingDependencyError
from selfcue.messages import PointCloud
from selfcue.sensors.driver import DeviceLostError, Driver, EndOfData, NotDrawableError, Reading
from selfcue.sensors.lidar.packet_clock import PacketClock
from selfcue.sensors.lidar.packet_config import PacketConfig, from_text, packet_source
from selfcue.sensors.lidar.turns import Turn, TurnMaker
from selfcue.sensors.packets import OneSender, Packet, PacketSource

C = TypeVar("C", bound=PacketConfig)


class PacketLidar(Driver[PointCloud], Generic[C]):
    """Gives turns. A reading's stamp is that of its first packet on this machine's clock; the cloud inside carries the
    stamp of the sensor's own.

    Nothing that comes over the network ends it: what is no packet of the sensor, comes twice, too late, out of order
    or from another sender is counted (``counts``).
    """  # noqa: D205 - one thought

    kind = "lidar"
    domain = "monotonic"
    gives = PointCloud
    Config: ClassVar[type[Any]]

    def __init__(self, config: C) -> None:
        self.config = config
        self._source: PacketSource = packet_source(config)
        self._sender = OneSender(config.sender)
        self._clock = PacketClock()
        self._maker: TurnMaker | None = None
        self._others = {"strangers": 0, "garbage": 0}
        self._held: list[Reading[PointCloud]] = []
        self._heard_ns = self._arrived_ns = 0
        self._restarts = 0
        self._ended = False

    @classmethod
    def from_source(cls, source: str) -> PacketLidar[C]:
        return cls(from_text(cls.Config, source))

    @property
    def name(self) -> str:
        return f"lidar {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return 0.0 if self._maker is None else self._maker.turn_hz * (self.config.rate if self._is_file else 1.0)

    @property
    def paced(self) -> bool:
        return self._source.paced

    @property
    def _is_file(self) -> bool:
        return "://" not in self.config.source

    @property
    def counts(self) -> dict[str, int]:
        """What was counted so far (see ``turns.COUNTS``); ``strangers``: packets of other senders; ``dropped``: packets
        that this machine had no room for.
        """  # noqa: D205 - one thought
        own = {} if self._maker is None else dict(self._maker.counts)
        own["garbage"] = own.get("garbage", 0) + self._others["garbage"]
        return own | {"strangers": self._others["strangers"], "dropped": self._source.dropped}

    @abstractmethod
    def _make(self) -> TurnMaker:
        """Return what puts turns together. Raises as ``Driver.open``."""

    def open(self) -> None:
        maker = self._make()
        self._source.open()
        self._maker = maker
        try:
            self._await_first()
        except BaseException:
            self._source.close()
            raise
        self._heard_ns = time.monotonic_ns()

    def _await_first(self) -> None:
        """Wait for a packet of the sensor; what comes meanwhile is kept."""
        if self._is_file or not self.config.first_packet_s:
            return
        end_s = time.monotonic() + self.config.first_packet_s
        while not self._heard_ns:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                raise MissingDependencyError(f"{self.name}: {self._silence(self.config.first_packet_s)}")
            self._held += self._take(self._source.receive(left_s))

    def _silence(self, seconds: float) -> str:
        strange = self._others["garbage"] + self._others["strangers"]
        said = f"no packet for {seconds:.1f} s" + (f", and {strange} of something else" if strange else "")
        return f"{said}; is it on, and does it send to this machine and port?"

    def read(self, timeout_s: float) -> Sequence[Reading[PointCloud]]:
        held, self._held = self._held, []
        if held:
            return held
        if self._maker is None:
            raise DeviceLostError(f"{self.name}: read before it was opened")
        if self._ended:
            raise EndOfData
        try:
            packets = self._source.receive(timeout_s)
        except EndOfData:
            self._ended = True
            found = [self._reading(turn, self._arrived_ns) for turn in self._maker.flush()]
            if not found:
                raise
            return found
        readings = self._take(packets)
        silent_s = (time.monotonic_ns() - self._heard_ns) * 1e-9
        if not readings and not self._is_file and silent_s > self.config.silent_after_s:
            raise DeviceLostError(f"{self.name}: {self._silence(silent_s)}")
        return readings

    def _take(self, packets: Sequence[Packet]) -> list[Reading[PointCloud]]:
        assert self._maker is not None
        readings = []
        for packet in packets:
            self._arrived_ns = packet.arrived_ns
            if not self._maker.is_mine(packet.data):
                self._others["garbage"] += 1
            elif not self._sender.is_from(packet):
                self._others["strangers"] += 1
            else:
                measured_ns, turns = self._maker.feed(packet.data)
                if self._maker.counts["restarts"] != self._restarts:
                    self._restarts = self._maker.counts["restarts"]
                    readings += [self._reading(turn, packet.arrived_ns) for turn in turns]
                    self._clock.begin_anew()
                    turns = []
                if measured_ns is not None:
                    self._heard_ns = time.monotonic_ns()
                    self._clock.heard(measured_ns, packet.arrived_ns)
                readings += [self._reading(turn, packet.arrived_ns) for turn in turns]
        return readings

    def _reading(self, turn: Turn, arrived_ns: int) -> Reading[PointCloud]:
        latest_ns = arrived_ns - (turn.ended_ns - turn.cloud.stamp_ns)  # its last point was here when it was whole
        if self._is_file:  # a capture may run at another pace than the sensor's clock
            latest_ns = arrived_ns - round((turn.ended_ns - turn.cloud.stamp_ns) / (self.config.rate or 1.0))
            return Reading(turn.cloud, latest_ns, turn.lost)
        return Reading(turn.cloud, self._clock.ours(turn.cloud.stamp_ns, latest_ns), turn.lost)

    def close(self) -> None:
        self._source.close()

    def describe(self) -> dict[str, Any]:
        return {"source": self.config.source, "sender": self._sender.sender, **self.counts}

    def draw(self, readings: Sequence[Reading[PointCloud]], axes: Any) -> None:
        """Draw the last turn from above, coloured by height."""
        if not readings:
            raise NotDrawableError(f"{self.name}: no turn came")
        points = readings[-1].value.points
        drawn = axes.scatter(points[:, 0], points[:, 1], s=0.3, c=points[:, 2], cmap="viridis")
        axes.figure.colorbar(drawn, ax=axes, label="height [m]")
        axes.set_aspect("equal")
        axes.set_xlabel("forward [m]")
        axes.set_ylabel("left [m]")
