"""Units that send frames by themselves, over a serial port, UDP or TCP, as a small description tells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.driver import Device, DeviceLostError, Reading
from selfcue.sensors.imu.byte_link import ByteLink, find_serial, open_link
from selfcue.sensors.imu.frame_samples import FrameSamples
from selfcue.sensors.imu.frames import Frames, frames_of
from selfcue.sensors.imu.framing import Framing, read_framing
from selfcue.sensors.imu.imu_driver import ImuDriver, options_of, whole
from selfcue.sensors.imu.sample import ImuSample


@dataclass(frozen=True)
class SerialImuConfig:
    """Settings of a serial unit.

    Attributes:
        source: ``/dev/ttyUSB0``, ``serial:NUMBER`` (by the USB device's serial number, wherever it is plugged in),
            ``udp://HOST:PORT`` (listen) or ``tcp://HOST:PORT`` (connect).
        framing: how its bytes are to be read; or
        framing_file: a YAML file that says so.
        baud: of a serial port.
        start_text, start_hex: what to send once it is open, as text or as hexadecimal digits (one of both).
        rate_hz: samples a second that are expected; 0: nothing is promised.
        silence_s: without a whole frame for so long the unit is held to be lost.
    """

    source: str
    framing: Framing | None = None
    framing_file: str = ""
    baud: int = 115200
    start_text: str = ""
    start_hex: str = ""
    rate_hz: float = 0.0
    silence_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is empty; give /dev/..., serial:NUMBER, udp://HOST:PORT or tcp://HOST:PORT")
        if (self.framing is None) == (not self.framing_file):
            raise ValueError("give one of framing and framing_file")
        if self.baud <= 0 or self.rate_hz < 0 or self.silence_s <= 0:
            raise ValueError(f"baud {self.baud} and silence_s {self.silence_s} must be above 0, rate_hz not below")
        if self.start_text and self.start_hex:
            raise ValueError("give one of start_text and start_hex")
        try:
            bytes.fromhex(self.start_hex)
        except ValueError:
            raise ValueError(f"start_hex {self.start_hex!r} is not written in pairs of hexadecimal digits") from None


class SerialImu(ImuDriver):
    """Reads frames or lines of an inertial unit."""

    Config = SerialImuConfig

    def __init__(self, config: SerialImuConfig) -> None:
        self.config = config
        self._link: ByteLink | None = None
        framing = config.framing or read_framing(Path(config.framing_file))
        self._frames: Frames = frames_of(framing)
        self._samples = FrameSamples(framing)
        self.domain = "device" if self._samples.has_time else "arrival"
        self._heard_s = 0.0
        self._readings = self._lost = 0

    @classmethod
    def from_source(cls, source: str) -> SerialImu:
        plain, options = options_of(source, ("framing", "baud"))
        if "framing" not in options:
            raise BadInputError(f"{source!r}: say how its bytes are to be read: {plain}?framing=FILE.yaml")
        return cls(
            SerialImuConfig(plain, framing_file=options["framing"], baud=whole(options.get("baud", "115200"), "baud"))
        )

    @property
    def name(self) -> str:
        return f"imu {self.config.source}"

    @property
    def asked_hz(self) -> float:
        return self.config.rate_hz

    @classmethod
    def find(cls) -> list[Device]:
        return find_serial(cls.kind)

    def open(self) -> None:
        config = self.config
        link = open_link(config.source, baud=config.baud)
        try:
            start = config.start_text.encode() or bytes.fromhex(config.start_hex)
            if start:
                link.write(start)
        except BaseException:
            link.close()
            raise
        self._link, self._heard_s = link, time.monotonic()

    def read(self, timeout_s: float) -> Sequence[Reading[ImuSample]]:
        if self._link is None:
            raise MissingDependencyError(f"{self.name}: read before it was opened; call open() first")
        data = self._link.read(timeout_s)
        arrival_ns = time.monotonic_ns()
        found = [self._samples.reading(numbers, arrival_ns) for numbers in self._frames.feed(data)]
        if found:
            self._heard_s = arrival_ns * 1e-9
            self._readings += len(found)
            self._lost += sum(reading.lost for reading in found)
        elif (silent_s := arrival_ns * 1e-9 - self._heard_s) > self.config.silence_s:
            raise DeviceLostError(
                f"{self.name}: no frame for {silent_s:.1f} s ({self._frames.skipped_bytes} bytes of something else, "
                f"{self._frames.damaged} damaged frames); check power, baud {self.config.baud} and framing"
            )
        return found

    def close(self) -> None:
        if self._link is not None:
            self._link.close()

    def describe(self) -> dict[str, Any]:
        return {
            "source": self.config.source,
            "baud": self.config.baud,
            "clock": self.domain,
            "readings": self._readings,
            "lost": self._lost,
            "skipped_bytes": self._frames.skipped_bytes,
            "damaged_frames": self._frames.damaged,
        }
