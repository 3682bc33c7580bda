"""The node of inertial units: plug one in, get Imu messages on the bus."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfcue.config.decode import decode
from selfcue.errors import BadInputError
from selfcue.messages import Imu, MagneticField, Scalars
from selfcue.node import Link, Publisher
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Driver
from selfcue.sensors.imu.calibration import ImuCalibration
from selfcue.sensors.imu.calibration_file import read_imu_calibration
from selfcue.sensors.imu.clock_lag import ClockLag
from selfcue.sensors.imu.clock_watch import LAG
from selfcue.sensors.imu.imu_driver import ImuDriver
from selfcue.sensors.imu.sample import ImuSample
from selfcue.sensors.sensor_node import SensorNode
from selfcue.sensors.survey import driver_class

_TEMPERATURE_NS = 1_000_000_000


@dataclass(frozen=True)
class ImuParams:
    """Settings of the IMU node.

    Attributes:
        driver: imu_serial, imu_mavlink, imu_mpu6050, imu_bmi160, imu_lsm6ds, imu_network or a plug-in's.
        settings: of that driver.
        topic: ``TOPIC`` (Imu), and where the unit has them ``TOPIC/mag`` (MagneticField), ``TOPIC/temperature`` and
            ``TOPIC/clock`` (Scalars); of a driver with several devices ``TOPIC/ID`` and so on.
        frame_id: of the messages.
        calibration: file of a calibration that is applied to all samples; empty: none.
        connection: how a unit that goes away is dealt with.
    """

    driver: str
    settings: dict[str, Any] = field(default_factory=dict)
    topic: str = "imu"
    frame_id: str = "imu_link"
    calibration: str = ""
    connection: ConnectionConfig = field(default_factory=ConnectionConfig)

    def __post_init__(self) -> None:
        if not self.topic:
            raise ValueError("topic is empty")


class _Outlet:
    """Publishes what one unit measures."""

    def __init__(self, link: Link, topic: str, frame_id: str, rate_hz: float) -> None:
        self._link, self._topic, self._frame_id = link, topic, frame_id
        self._imu: Publisher[Imu] = link.advertise(topic, Imu, rate_hz=rate_hz)
        self._mag: Publisher[MagneticField] | None = None
        self._scalars: dict[str, Publisher[Scalars]] = {}
        self._lag = ClockLag()
        self._temperature_ns = 0

    def publish(self, sample: ImuSample, stamp_ns: int, calibration: ImuCalibration) -> None:
        self._imu.publish(
            Imu(
                stamp_ns=stamp_ns,
                frame_id=self._frame_id,
                angular_velocity=calibration.gyro(sample.gyro),
                linear_acceleration=calibration.accel(sample.accel),
            )
        )
        if sample.field is not None:
            if self._mag is None:
                self._mag = self._link.advertise(f"{self._topic}/mag", MagneticField)
            self._mag.publish(MagneticField(stamp_ns=stamp_ns, frame_id=self._frame_id, field=sample.field))
        if math.isfinite(sample.temperature_c) and stamp_ns - self._temperature_ns >= _TEMPERATURE_NS:
            self._temperature_ns = stamp_ns
            self._say("temperature", stamp_ns, {"temperature_c": sample.temperature_c})
        if sample.device_ns is not None:
            lag_ms = self._lag.update(sample.device_ns, sample.arrival_ns, stamp_ns)
            if lag_ms is not None:
                self._say("clock", stamp_ns, {LAG: lag_ms})

    def _say(self, what: str, stamp_ns: int, values: dict[str, float]) -> None:
        if what not in self._scalars:
            self._scalars[what] = self._link.advertise(f"{self._topic}/{what}", Scalars)
        self._scalars[what].publish(Scalars(stamp_ns=stamp_ns, frame_id=self._frame_id, values=values))


class ImuNode(SensorNode[ImuSample]):
    """Topics out: see ``ImuParams.topic``, and ``TOPIC/device`` (DeviceStatus)."""

    Params = ImuParams
    params: ImuParams
    KEEP = 4096

    def __init__(self, name: str, params: ImuParams) -> None:
        super().__init__(name, params)
        self._outlets: dict[str, _Outlet] = {}
        self._calibration = ImuCalibration()

    def driver(self) -> Driver[ImuSample]:
        kind = driver_class(self.params.driver)
        if not issubclass(kind, ImuDriver):
            raise BadInputError(f"node {self.name!r}: driver {self.params.driver!r} is of kind {kind.kind}, not imu")
        try:
            config = decode(self.params.settings, kind.Config)
        except ValueError as error:
            raise BadInputError(f"node {self.name!r}: settings{error}") from error
        return kind(config)  # type: ignore[call-arg]  # each driver's own __init__ takes its Config

    def advertise(self, link: Link) -> None:
        self._ahead_ns = link.now_ns() - time.monotonic_ns()
        if self.params.calibration:
            self._calibration = read_imu_calibration(Path(self.params.calibration))

    def publish(self, value: ImuSample, stamp_ns: int) -> None:
        if value.measured_ns is not None:
            stamp_ns = value.measured_ns + self._ahead_ns
        outlet = self._outlets.get(value.device)
        if outlet is None:
            topic = f"{self.topic}/{value.device}" if value.device else self.topic
            outlet = self._outlets[value.device] = _Outlet(self._link, topic, self.params.frame_id, self._rate_hz)
            self._link.journal("imu_device", device=value.device or self.topic, topic=topic)
        outlet.publish(value, stamp_ns, self._calibration)

    @property
    def _rate_hz(self) -> float:
        """What the unit promises; 0 where it promises nothing."""
        return self._thread.status().asked_hz
