"""The node of LiDARs: plug one in, get its turns on the bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from selfcue.config.decode import decode
from selfcue.errors import BadInputError
from selfcue.messages import LaserScan, PointCloud
from selfcue.node import Link
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Driver
from selfcue.sensors.sensor_node import SensorNode
from selfcue.sensors.survey import driver_class


@dataclass(frozen=True)
class LidarParams:
    """Settings of the LiDAR node.

    Attributes:
        driver: lidar_ouster, lidar_velodyne, lidar_rplidar or a plug-in's.
        settings: of that driver; ``source`` is one of them.
        topic: ``TOPIC/points`` (PointCloud), or of a planar scanner ``TOPIC/scan`` (LaserScan).
        hz: turns a second that are promised; health says where they do not come (0: no promise).
        connection: how a sensor that goes away is dealt with.
    """

    driver: str
    settings: dict[str, Any] = field(default_factory=dict)
    topic: str = "lidar"
    hz: float = 0.0
    connection: ConnectionConfig = field(default_factory=ConnectionConfig)

    def __post_init__(self) -> None:
        if not self.topic or self.hz < 0:
            raise ValueError(f"topic {self.topic!r} must not be empty, hz {self.hz} not below 0")


class LidarNode(SensorNode[PointCloud | LaserScan]):
    """Topics out: ``TOPIC/points`` (PointCloud) or ``TOPIC/scan`` (LaserScan), and ``TOPIC/device`` (DeviceStatus).

    A cloud is stamped with its first point; ``time_s`` tells when each other one was measured after it.
    """

    Params = LidarParams
    params: LidarParams

    def driver(self) -> Driver[PointCloud | LaserScan]:
        kind = driver_class(self.params.driver)
        if kind.kind != "lidar" or not hasattr(kind, "Config"):
            raise BadInputError(f"node {self.name!r}: driver {self.params.driver!r} is of kind {kind.kind}, not lidar")
        try:
            config = decode(self.params.settings, kind.Config)
        except ValueError as error:
            raise BadInputError(f"node {self.name!r}: settings{error}") from error
        return kind(config)  # type: ignore[call-arg]  # each driver's own __init__ takes its Config

    def advertise(self, link: Link) -> None:
        kind = driver_class(self.params.driver)
        if getattr(kind, "gives", PointCloud) is LaserScan:
            self._scans = link.advertise(f"{self.topic}/scan", LaserScan, rate_hz=self.params.hz)
        else:
            self._clouds = link.advertise(f"{self.topic}/points", PointCloud, rate_hz=self.params.hz)

    def publish(self, value: PointCloud | LaserScan, stamp_ns: int) -> None:
        stamped = msgspec.structs.replace(value, stamp_ns=stamp_ns)
        if isinstance(stamped, LaserScan):
            self._scans.publish(stamped)
        else:
            self._clouds.publish(stamped)
