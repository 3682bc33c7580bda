"""An autopilot's inertial unit over MAVLink: serial, UDP and TCP, through pymavlink's parser."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import Imu, MagneticField
from selfcue.optional import require
from selfcue.sensors.driver import Device, DeviceLostError, Domain, Reading
from selfcue.sensors.imu.byte_link import ByteLink, find_serial, open_link
from selfcue.sensors.imu.frame_samples import Unwrapped
from selfcue.sensors.imu.imu_driver import ImuDriver, options_of, whole
from selfcue.sensors.imu.sample import ImuSample
from selfcue.sensors.tlog.typed import Make, typed_of

MavlinkMessage = Literal["", "HIGHRES_IMU", "SCALED_IMU", "SCALED_IMU2", "SCALED_IMU3", "RAW_IMU"]
BEST_FIRST = ("HIGHRES_IMU", "SCALED_IMU", "RAW_IMU", "SCALED_IMU2", "SCALED_IMU3")
"""SI units first, then units that the standard gives, then those that only the autopilot's make gives."""
_NO_AUTOPILOT = 8
_ACCEL_AND_GYRO, _MAGNETOMETER = 0x3F, 0x1C0
_SET_INTERVAL = 511


@dataclass(frozen=True)
class MavlinkImuConfig:
    """Settings of an autopilot's link.

    Attributes:
        source: ``/dev/ttyACM0``, ``serial:NUMBER``, ``udp://HOST:PORT`` (listen there) or ``tcp://HOST:PORT``.
        baud: of a serial port.
        system: number of the system to listen to; 0: the first autopilot that is heard.
        message: HIGHRES_IMU, SCALED_IMU, SCALED_IMU2, SCALED_IMU3 or RAW_IMU; empty: the best that is heard within
            ``choose_s`` of the first.
        choose_s: see ``message``.
        rate_hz: what to ask the autopilot for (its answer is what it can); 0: take what it sends.
        own_system: number under which heartbeats go out, once a second; 0: none are sent. Many autopilots send
            nothing to a port on which they hear nobody.
        open_s: how long a heartbeat of the system may take to come.
        silence_s: without an inertial message for so long it is held to be lost.
    """

    source: str
    baud: int = 57600
    system: int = 0
    message: MavlinkMessage = ""
    choose_s: float = 1.0
    rate_hz: float = 0.0
    own_system: int = 255
    open_s: float = 6.0
    silence_s: float = 3.0

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is empty; give /dev/..., serial:NUMBER, udp://HOST:PORT or tcp://HOST:PORT")
        if not (0 <= self.system <= 255 and 0 <= self.own_system <= 255):
            raise ValueError(f"system {self.system} and own_system {self.own_system} lie in 0 to 255")
        if self.baud <= 0 or self.rate_hz < 0 or min(self.choose_s, self.open_s, self.silence_s) <= 0:
            raise ValueError("baud, choose_s, open_s and silence_s must be above 0, rate_hz not below")


class MavlinkImu(ImuDriver):
    """Reads one kind of inertial message of one system.

    Stamps are the autopilot's (``time_usec``, ``time_boot_ms``), axes ours (x forward, y left, z up), units SI:
    ``selfcue.sensors.tlog.typed`` says which make's RAW_IMU has any.
    """

    domain: Domain = "device"
    Config = MavlinkImuConfig

    def __init__(self, config: MavlinkImuConfig) -> None:
        self.config = config
        self._link: ByteLink | None = None
        self._parser: Any = None
        self._system = config.system
        self._autopilot: int | None = None
        self._name = ""
        self._makes: dict[type, Make] = {}
        self._boot_ms = Unwrapped(1 << 32)
        self._heard: Counter[str] = Counter()
        self._first_s = self._sample_s = self._beat_s = 0.0

    @classmethod
    def from_source(cls, source: str) -> MavlinkImu:
        plain, options = options_of(source, ("baud",))
        return cls(MavlinkImuConfig(plain, baud=whole(options.get("baud", "57600"), "baud")))

    @property
    def name(self) -> str:
        return f"imu mavlink {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return self.config.rate_hz

    @classmethod
    def find(cls) -> list[Device]:
        return find_serial(cls.kind)

    def open(self) -> None:
        dialect = require("pymavlink.dialects.v20.ardupilotmega", extra="mavlink")
        self._parser = dialect.MAVLink(None, srcSystem=self.config.own_system or 255, srcComponent=190)
        self._parser.robust_parsing = True
        link = open_link(self.config.source, baud=self.config.baud)
        try:
            self._await_heartbeat(link, dialect)
        except BaseException:
            link.close()
            raise
        self._link, self._sample_s = link, time.monotonic()

    def read(self, timeout_s: float) -> Sequence[Reading[ImuSample]]:
        if self._link is None:
            raise MissingDependencyError(f"{self.name}: read before it was opened; call open() first")
        self._beat(self._link)
        data = self._link.read(timeout_s)
        arrival_ns = time.monotonic_ns()
        found = []
        for message in self._messages(data):
            sample = self._sample(message, arrival_ns)
            if sample is not None:
                found.append(Reading(sample, sample.device_ns or 0))
        now_s = arrival_ns * 1e-9
        if found:
            self._sample_s = now_s
        elif now_s - self._sample_s > self.config.silence_s:
            kinds = ", ".join(sorted(self._heard)) or "nothing"
            raise DeviceLostError(
                f"{self.name}: no {self.config.message or 'inertial message'} of system {self._system} for "
                f"{now_s - self._sample_s:.1f} s (it sent {kinds[:120]}); set rate_hz, or its stream rates"
            )
        return found

    def close(self) -> None:
        if self._link is not None:
            self._link.close()

    def describe(self) -> dict[str, Any]:
        return {
            "system": self._system,
            "autopilot": self._autopilot,
            "message": self._name,
            "packets": 0 if self._parser is None else self._parser.total_packets_received,
            "bad_packets": 0 if self._parser is None else self._parser.total_receive_errors,
        }

    # -- inside ----------------------------------------------------------------------------------------------------

    def _messages(self, data: bytes) -> list[Any]:
        """Return the whole messages of the chosen system that ``data`` completes."""
        found = self._parser.parse_buffer(data) or [] if data else []
        good = [one for one in found if one.get_type() != "BAD_DATA"]
        for one in good:
            if one.get_type() == "HEARTBEAT" and one.autopilot != _NO_AUTOPILOT:
                if self._system == 0:
                    self._system = one.get_srcSystem()
                if one.get_srcSystem() == self._system:
                    self._autopilot = int(one.autopilot)
        return [one for one in good if self._system and one.get_srcSystem() == self._system]

    def _await_heartbeat(self, link: ByteLink, dialect: Any) -> None:
        until_s = time.monotonic() + self.config.open_s
        while self._autopilot is None:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                wanted = f"of system {self.config.system}" if self.config.system else "of any autopilot"
                raise MissingDependencyError(
                    f"{self.name}: no heartbeat {wanted} within {self.config.open_s:g} s; check wiring, baud "
                    f"{self.config.baud} and whether the autopilot sends MAVLink there"
                )
            self._beat(link)
            self._messages(link.read(min(left_s, 0.2)))
        if self.config.rate_hz > 0:
            for name in (self.config.message,) if self.config.message else BEST_FIRST[:3]:
                number = getattr(dialect, f"MAVLINK_MSG_ID_{name}")
                interval_us = 1e6 / self.config.rate_hz
                ask = self._parser.command_long_encode(
                    self._system, 1, _SET_INTERVAL, 0, number, interval_us, 0, 0, 0, 0, 0
                )
                link.write(ask.pack(self._parser))

    def _beat(self, link: ByteLink) -> None:
        """Send a ground station's heartbeat where one is due."""
        now_s = time.monotonic()
        if self.config.own_system and now_s - self._beat_s >= 1.0:
            beat = self._parser.heartbeat_encode(6, _NO_AUTOPILOT, 0, 0, 4).pack(self._parser)
            if link.write(beat):
                self._beat_s = now_s

    def _sample(self, message: Any, arrival_ns: int) -> ImuSample | None:
        name = str(message.get_type())
        self._heard[name] += 1
        if name not in BEST_FIRST or (self.config.message and name != self.config.message):
            return None
        if not self._name:
            self._choose(name, arrival_ns * 1e-9)
        if name != self._name or not self._makes:
            return None
        updated = getattr(message, "fields_updated", _ACCEL_AND_GYRO | _MAGNETOMETER)
        if updated & _ACCEL_AND_GYRO != _ACCEL_AND_GYRO:
            return None  # the rest of it repeats an older one
        imu, field = self._makes[Imu](message, 0), self._makes[MagneticField](message, 0)
        assert isinstance(imu, Imu)
        assert isinstance(field, MagneticField)
        return ImuSample(
            accel=imu.linear_acceleration,
            gyro=imu.angular_velocity,
            field=field.field if any(field.field) and updated & _MAGNETOMETER else None,
            temperature_c=_temperature_c(name, message),
            device_ns=self._device_ns(message),
            arrival_ns=arrival_ns,
        )

    def _choose(self, name: str, now_s: float) -> None:
        """Settle on a kind of message: the asked one, or the best of those heard for long enough."""
        self._first_s = self._first_s or now_s
        if not self.config.message and name != BEST_FIRST[0] and now_s - self._first_s < self.config.choose_s:
            return
        for one in BEST_FIRST:
            makes = {kind: make for _, kind, make in typed_of(one, self._autopilot, "")}
            if self._heard[one] and makes:
                self._name, self._makes = one, makes
                return
        raise BadInputError(
            f"{self.name}: {name} of autopilot make {self._autopilot} has no known unit; "
            "have it send HIGHRES_IMU or SCALED_IMU"
        )

    def _device_ns(self, message: Any) -> int:
        time_us = getattr(message, "time_usec", None)
        if time_us is not None:
            return int(time_us) * 1000
        return self._boot_ms.update(int(message.time_boot_ms)) * 1_000_000


def _temperature_c(name: str, message: Any) -> float:
    """Return the unit's temperature; 0 in all but HIGHRES_IMU means that it does not say."""
    value = float(getattr(message, "temperature", 0))
    if name == "HIGHRES_IMU":
        return value
    return value * 0.01 if value else math.nan
