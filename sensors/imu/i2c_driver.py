"""What drivers of inertial chips on an I2C bus have in common."""

from __future__ import annotations

import struct
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import Vector3
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.driver import Device, DeviceLostError, Reading
from selfcue.sensors.imu.i2c_bus import I2cBus, SmBus
from selfcue.sensors.imu.imu_driver import ImuDriver, whole
from selfcue.sensors.imu.sample import ImuSample

RADIAN = 0.017453292519943295
_TRIES = 3


@dataclass(frozen=True)
class I2cImuConfig:
    """Settings of a chip.

    Attributes:
        bus: number of ``/dev/i2c-NUMBER``.
        address: of the chip; 0: its usual one.
        rate_hz: samples a second; the chip's nearest rate at or above is taken.
        accel_range_g: full scale of the accelerometer.
        gyro_range_dps: full scale of the gyroscope [degrees/s].
    """

    bus: int = 1
    address: int = 0
    rate_hz: float = 100.0
    accel_range_g: int = 8
    gyro_range_dps: int = 1000

    def __post_init__(self) -> None:
        if self.bus < 0 or not 0 <= self.address <= 0x77 or self.rate_hz <= 0:
            raise ValueError(
                f"bus {self.bus} and address {self.address:#x} (at most 0x77) must not be negative, rate_hz "
                f"{self.rate_hz} above 0"
            )


class I2cImu(ImuDriver):
    """A chip that is set up once and then asked for what it measured.

    Args:
        config: settings.
        make_bus: opens the bus; another one in tests.
    """

    Config = I2cImuConfig
    ADDRESS: ClassVar[int]
    IDENTITY: ClassVar[tuple[int, int]]
    """Register that says which chip it is, and the bits of it that count."""
    CHIPS: ClassVar[dict[int, str]]
    """What that register may hold, and the chip's name."""

    def __init__(self, config: I2cImuConfig, make_bus: Callable[[int], I2cBus] = SmBus) -> None:
        self.config = config
        self._make_bus = make_bus
        self._bus: I2cBus | None = None
        self._using = threading.Lock()
        self._ending = threading.Event()
        self._chip = ""
        self._failed = 0
        self._rate_hz = 0.0
        self.address = config.address or self.ADDRESS

    @classmethod
    def from_source(cls, source: str) -> I2cImu:
        """Return a chip's driver for ``BUS`` or ``BUS@ADDRESS``: ``1@0x69``."""
        bus, _, address = source.partition("@")
        try:
            return cls(I2cImuConfig(whole(bus, "bus"), whole(address or "0", "address")))
        except ValueError as error:
            raise BadInputError(f"{source!r}: {error}") from error

    @property
    def name(self) -> str:
        return f"imu {self._chip or type(self).__name__} on I2C {self.config.bus} at {self.address:#04x}"

    @property
    def asked_hz(self) -> float:
        return self._rate_hz or self.config.rate_hz

    @classmethod
    def find(cls) -> list[Device]:
        """Return the buses: asking every address on them could upset what else is there, so no chip is looked for."""
        buses = sorted(Path("/dev").glob("i2c-*")) if Path("/dev").is_dir() else []
        label = f"I2C bus, perhaps with {' or '.join(cls.CHIPS.values())}"
        return [Device(cls.kind, path.name.partition("-")[2], label, {"bus": path.name}) for path in buses]

    def open(self) -> None:
        bus = self._bus = self._make_bus(self.config.bus)
        try:
            register, mask = self.IDENTITY
            found = self._read(register, 1)[0] & mask
            if found not in self.CHIPS:
                known = ", ".join(f"{name} {value:#04x}" for value, name in self.CHIPS.items())
                raise BadInputError(
                    f"{self.name}: register {register:#04x} holds {found:#04x}, which is none of {known}"
                )
            self._chip = self.CHIPS[found]
            self._rate_hz = self.set_up()
        except OSError as error:
            bus.close()
            raise MissingDependencyError(
                f"{self.name}: does not answer ({error}); check wiring, power and address "
                f"(i2cdetect -y {self.config.bus})"
            ) from error
        except BaseException:
            bus.close()
            raise

    @abstractmethod
    def set_up(self) -> float:
        """Reset the chip, set ranges and rate; return the rate [Hz]. OSError where it does not answer."""

    @abstractmethod
    def samples(self) -> list[Reading[ImuSample]]:
        """Return what the chip has measured since it was last asked. OSError where it does not answer."""

    def read(self, timeout_s: float) -> Sequence[Reading[ImuSample]]:
        if self._bus is None:
            raise MissingDependencyError(f"{self.name}: read before it was opened; call open() first")
        until_s = time.monotonic() + timeout_s
        while not self._ending.is_set():
            try:
                found = self.samples()
            except OSError as error:
                self._failed += 1
                if self._failed >= _TRIES:
                    raise DeviceLostError(f"{self.name}: does not answer any more ({error}); check wiring") from error
                found = []
            else:
                self._failed = 0
            left_s = until_s - time.monotonic()
            if found or left_s <= 0:
                return found
            self._ending.wait(min(left_s, 0.5 / self.asked_hz))
        return []

    def close(self) -> None:
        self._ending.set()
        with self._using:
            if self._bus is not None:
                self._bus.close()

    def describe(self) -> dict[str, Any]:
        return {"chip": self._chip, "bus": self.config.bus, "address": hex(self.address), "rate_hz": self._rate_hz}

    # -- for chips ---------------------------------------------------------------------------------------------------

    def _read(self, register: int, count: int) -> bytes:
        with self._using:
            assert self._bus is not None
            if self._ending.is_set():
                raise OSError("closed")
            data = self._bus.read(self.address, register, count)
        if len(data) != count:
            raise OSError(f"{len(data)} bytes instead of {count}")
        return data

    def _write(self, register: int, value: int) -> None:
        with self._using:
            assert self._bus is not None
            if self._ending.is_set():
                raise OSError("closed")
            self._bus.write(self.address, register, value)

    def _await(self, register: int, mask: int, value: int, what: str, *, timeout_s: float = 0.5) -> None:
        """Wait until a register holds ``value`` in ``mask``. OSError where it does not in time."""
        until_s = time.monotonic() + timeout_s
        while self._read(register, 1)[0] & mask != value:
            if time.monotonic() > until_s:
                raise OSError(f"{what} did not end within {timeout_s:g} s")
            self._ending.wait(0.002)

    def _choice(self, what: str, asked: float, known: dict[int, int]) -> int:
        """Return the code of a range. Raises BadInputError where the chip has no such range."""
        if asked not in known:
            raise BadInputError(f"{self.name}: {what} {asked:g} is none of {', '.join(map(str, known))}")
        return known[int(asked)]


def three(data: bytes, at: int, scale: float, *, big: bool = False) -> Vector3:
    """Return three whole numbers of 16 bits, times ``scale``."""
    x, y, z = struct.unpack_from(">hhh" if big else "<hhh", data, at)
    return (x * scale, y * scale, z * scale)


def accel_scale(range_g: float) -> float:
    """Return m/s^2 of one step where 16 bits with sign span +-``range_g``."""
    return range_g * STANDARD_GRAVITY / 32768
