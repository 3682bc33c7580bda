"""RPLidar scanners on a serial port: the driver."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import LaserScan
from selfcue.sensors.driver import Device, DeviceLostError, Driver, NotDrawableError, Reading
from selfcue.sensors.lidar import rplidar_protocol as protocol
from selfcue.sensors.lidar.packet_config import from_text
from selfcue.sensors.lidar.rplidar_protocol import ExpressScan, PlainScan, SampleParser, ScannerInfo, request
from selfcue.sensors.lidar.scan_turns import ScanTurns
from selfcue.sensors.lidar.scanner_port import ScannerPort, serial_ports

FRAME = "laser"
_BRIDGES = {(0x10C4, 0xEA60)}
"""USB adapters (vendor, product) that come with these scanners; other devices have them too."""
_REACH_M = {1: 12.0, 2: 18.0, 3: 25.0}
_PWM = 660
_ANSWER_S = 1.0


@dataclass(frozen=True)
class RpLidarConfig:
    """Settings of an RPLidar.

    Attributes:
        source: path of the serial port, or ``serial:NUMBER`` for the USB device with that serial number.
        baud: 115200 for an A1 and most A2, 256000 for an A2M12 and an A3.
        express: ask for the express scan: twice the samples, without their strength.
        beams: of a scan, evenly all around.
        range_min_m, range_max_m: what is nearer or farther says nothing; the greatest is the model's where it is 0.
        frame_id: coordinate frame of the scans, x to the scanner's front.
        hz: turns a second that are expected; 0: nothing is promised.
        least_samples: a turn of fewer is counted and not given.
        silent_after_s: without a sample for so long the scanner is held to be lost.
    """

    source: str
    baud: int = 115200
    express: bool = False
    beams: int = 360
    range_min_m: float = 0.15
    range_max_m: float = 0.0
    frame_id: str = FRAME
    hz: float = 0.0
    least_samples: int = 50
    silent_after_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is empty; give /dev/ttyUSB0 or serial:NUMBER")
        if self.baud <= 0 or not 8 <= self.beams <= 36_000 or self.silent_after_s <= 0 or self.hz < 0:
            raise ValueError(
                f"baud {self.baud} and silent_after_s {self.silent_after_s} must be above 0, beams {self.beams} lie in "
                f"8 to 36000, hz {self.hz} not below 0"
            )
        if not 0.0 <= self.range_min_m < (self.range_max_m or math.inf):
            raise ValueError(f"range_min_m {self.range_min_m} must lie below range_max_m {self.range_max_m}")


class RpLidar(Driver[LaserScan]):
    """Gives scans, stamped on this machine's clock when their first beam's bytes came."""

    kind = "lidar"
    domain = "monotonic"
    gives = LaserScan
    Config: ClassVar[type[Any]] = RpLidarConfig

    def __init__(self, config: RpLidarConfig) -> None:
        self.config = config
        self._port: ScannerPort | None = None
        self._info: ScannerInfo | None = None
        self._parser: SampleParser = ExpressScan() if config.express else PlainScan()
        self._turns: ScanTurns | None = None
        self._heard_s = 0.0
        self._ended = False
        self._goodbye = request(protocol.STOP)

    @classmethod
    def from_source(cls, source: str) -> RpLidar:
        return cls(from_text(RpLidarConfig, source))

    @classmethod
    def find(cls) -> list[Device]:
        found = []
        for port in serial_ports():
            if (port.vid, port.pid) in _BRIDGES:
                source = f"serial:{port.serial_number}" if port.serial_number else str(port.device)
                detail = {"port": str(port.device), "usb": f"{port.vid:04x}:{port.pid:04x}"}
                found.append(Device("lidar", source, f"{port.product or 'USB serial port'}, maybe an RPLidar", detail))
        return found

    @property
    def name(self) -> str:
        return f"lidar {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return self.config.hz

    def open(self) -> None:
        port = ScannerPort(self.config.source, self.config.baud)
        try:
            self._begin(port)
        except BaseException:
            port.close(self._goodbye)
            raise
        self._port = port
        if self._ended:
            port.close(self._goodbye)
        self._heard_s = time.monotonic()

    def _begin(self, port: ScannerPort) -> None:
        config = self.config
        port.write(request(protocol.STOP))
        info = self._ask(port, protocol.INFO, protocol.INFO_ANSWER, protocol.INFO_BYTES)
        self._info = protocol.info_of(info)
        health = self._ask(port, protocol.HEALTH, protocol.HEALTH_ANSWER, protocol.HEALTH_BYTES)
        if health[0] == 2:
            port.write(request(protocol.RESET))
            code = int.from_bytes(health[1:3], "little")
            raise MissingDependencyError(f"{self.name}: the scanner reports error {code:#06x} and was reset")
        family = self._info.model >> 4
        if family in (2, 3):  # the A1's motor hangs on the port, the S series turns by itself
            port.write(request(protocol.MOTOR, _PWM.to_bytes(2, "little")))
            self._goodbye = request(protocol.STOP) + request(protocol.MOTOR, bytes(2))
        reach_m = config.range_max_m or _REACH_M.get(family, 40.0)
        self._turns = ScanTurns(config.beams, config.range_min_m, reach_m, config.frame_id, config.least_samples)
        command, answer = (
            (request(protocol.EXPRESS_SCAN, bytes(5)), protocol.EXPRESS_ANSWER)
            if config.express
            else (request(protocol.SCAN), protocol.SCAN_ANSWER)
        )
        port.write(command)
        if port.read_until(answer, 0, _ANSWER_S) is None:
            kind = "an express scan" if config.express else "a scan"
            raise BadInputError(
                f"{self.name}: {self._info.label} does not begin {kind}; firmware {self._info.firmware}"
            )

    def _ask(self, port: ScannerPort, command: int, answer: bytes, size: int) -> bytes:
        port.write(request(command))
        found = port.read_until(answer, size, _ANSWER_S)
        if found is None:
            raise MissingDependencyError(
                f"{self.name}: no RPLidar answers at {self.config.baud} baud; A1 and most A2 have 115200, others 256000"
            )
        return found

    def read(self, timeout_s: float) -> Sequence[Reading[LaserScan]]:
        if self._port is None or self._turns is None:
            raise DeviceLostError(f"{self.name}: read before it was opened")
        data = self._port.read(timeout_s)
        now_s = time.monotonic()
        skipped = self._parser.skipped
        samples = self._parser.feed(data)
        if self._parser.skipped != skipped:
            self._turns.broken()
        if samples:
            self._heard_s = now_s
        elif now_s - self._heard_s > self.config.silent_after_s:
            raise DeviceLostError(f"{self.name}: no sample for {now_s - self._heard_s:.1f} s; does it turn?")
        scans = self._turns.feed(samples, round(now_s * 1e9))
        return [Reading(scan, scan.stamp_ns) for scan in scans]

    def close(self) -> None:
        self._ended = True
        if self._port is not None:
            self._port.close(self._goodbye)

    def describe(self) -> dict[str, Any]:
        info, turns = self._info, self._turns
        if info is None or turns is None:
            return {}
        return {
            "model": info.label,
            "firmware": info.firmware,
            "serial": info.serial,
            "skipped_bytes": self._parser.skipped,
            "partial_turns": turns.partial,
        }

    def draw(self, readings: Sequence[Reading[LaserScan]], axes: Any) -> None:
        """Draw the last scan from above."""
        import numpy as np

        if not readings:
            raise NotDrawableError(f"{self.name}: no scan came")
        scan = readings[-1].value
        angles = scan.angle_min_rad + scan.angle_step_rad * np.arange(len(scan.ranges))
        seen = np.isfinite(scan.ranges)
        ranges = scan.ranges[seen]
        axes.scatter(ranges * np.cos(angles[seen]), ranges * np.sin(angles[seen]), s=2)
        axes.plot(0.0, 0.0, "k^")
        axes.set_aspect("equal")
        axes.set_xlabel("forward [m]")
        axes.set_ylabel("left [m]")
