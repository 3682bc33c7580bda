"""An I2C bus as chips need it: read and write registers. Drivers get one handed in, so that tests can be the bus."""

from __future__ import annotations

from typing import Any, Protocol

from selfcue.errors import MissingDependencyError
from selfcue.optional import require


class I2cBus(Protocol):
    """A bus; OSError where a chip does not answer."""

    def read(self, address: int, register: int, count: int) -> bytes:
        """Return ``count`` bytes from ``register`` on, in one transfer."""
        ...

    def write(self, address: int, register: int, value: int) -> None:
        """Set one register."""
        ...

    def close(self) -> None: ...


class SmBus:
    """Linux' ``/dev/i2c-NUMBER`` through smbus2."""

    def __init__(self, number: int) -> None:
        smbus2 = require("smbus2", extra="imu")
        self._message: Any = smbus2.i2c_msg
        try:
            self._bus: Any = smbus2.SMBus(number)
        except OSError as error:
            raise MissingDependencyError(
                f"I2C bus {number}: /dev/i2c-{number} does not open ({error.strerror or error}); enable I2C, and put "
                "this user into the group i2c"
            ) from error

    def read(self, address: int, register: int, count: int) -> bytes:
        ask, answer = self._message.write(address, [register]), self._message.read(address, count)
        self._bus.i2c_rdwr(ask, answer)
        return bytes(answer)

    def write(self, address: int, register: int, value: int) -> None:
        self._bus.write_byte_data(address, register, value)

    def close(self) -> None:
        self._bus.close()
