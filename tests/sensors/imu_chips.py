"""Inertial chips as a test plays them: registers behind the interface of a bus."""

from __future__ import annotations

import struct
from collections.abc import Callable

from selfcue.sensors.imu import bmi160, lsm6ds, mpu6050


class Chip:
    """Registers, and what happens when they are written; ``gone``: it does not answer any more."""

    ADDRESS = 0x68

    def __init__(self) -> None:
        self.registers = bytearray(256)
        self.gone = False
        self.closed = 0
        self.writes: list[tuple[int, int]] = []

    def make(self, number: int) -> Chip:
        """Be the bus ``number``."""
        self.bus = number
        return self

    def read(self, address: int, register: int, count: int) -> bytes:
        self._check(address)
        return self.fetch(register, count)

    def write(self, address: int, register: int, value: int) -> None:
        self._check(address)
        self.writes.append((register, value))
        self.registers[register] = value
        self.written(register, value)

    def close(self) -> None:
        self.closed += 1

    def _check(self, address: int) -> None:
        if self.gone or address != self.ADDRESS:
            raise OSError(121, "Remote I/O error")

    def fetch(self, register: int, count: int) -> bytes:
        return bytes(self.registers[register : register + count])

    def written(self, register: int, value: int) -> None:
        """Act on a write."""


class Mpu(Chip):
    """MPU-6050: samples fill its FIFO of 1024 bytes; past it the oldest are overwritten and the overflow bit is set."""

    def __init__(self) -> None:
        super().__init__()
        self.fifo = bytearray()
        self.resets = 0
        self.registers[mpu6050.WHO_AM_I] = 0x68

    def sample(self, accel: tuple[int, int, int], gyro: tuple[int, int, int], temperature: int = 0) -> None:
        if self.registers[mpu6050.USER_CTRL] & 0x40:
            self.fifo += struct.pack(">7h", *accel, temperature, *gyro)
        if len(self.fifo) > 1024:
            del self.fifo[: len(self.fifo) - 1024]
            self.registers[mpu6050.INT_STATUS] |= 0x10

    def fetch(self, register: int, count: int) -> bytes:
        if register == mpu6050.FIFO_COUNT:
            return struct.pack(">H", len(self.fifo))
        if register == mpu6050.FIFO_R_W:
            data = bytes(self.fifo[:count])
            del self.fifo[:count]
            return data
        data = super().fetch(register, count)
        if register == mpu6050.INT_STATUS:
            self.registers[register] = 0  # reading clears it
        return data

    def written(self, register: int, value: int) -> None:
        if register == mpu6050.PWR_MGMT_1 and value & 0x80:
            self.registers[register] = 0x40
            self.resets += 1
        if register == mpu6050.USER_CTRL and value & 0x04:
            self.fifo.clear()
            self.registers[register] &= ~0x04


class Bmi(Chip):
    """BMI160: sensor time in ticks of 39.0625 us; a sample's data stay until the next."""

    def __init__(self) -> None:
        super().__init__()
        self.registers[bmi160.CHIP_ID] = 0xD1

    def sample(self, ticks: int, accel: tuple[int, int, int], gyro: tuple[int, int, int]) -> None:
        at = bmi160.DATA
        self.registers[at : at + 12] = struct.pack("<6h", *gyro, *accel)
        self.registers[at + 12 : at + 15] = (ticks % (1 << 24)).to_bytes(3, "little")
        self.registers[at + 15] = 0xC0

    def written(self, register: int, value: int) -> None:
        if register == bmi160.CMD:
            state = {bmi160.SOFT_RESET: 0x00, bmi160.ACCEL_ON: 0x10, bmi160.GYRO_ON: 0x14}
            self.registers[bmi160.PMU_STATUS] = state[value]


class Lsm(Chip):
    """LSM6DS: reading the data clears the data-ready bits."""

    ADDRESS = 0x6A

    def __init__(self, who: int = 0x6C) -> None:
        super().__init__()
        self.registers[lsm6ds.WHO_AM_I] = who

    def sample(self, accel: tuple[int, int, int], gyro: tuple[int, int, int], temperature: int = 0) -> None:
        at = lsm6ds.OUT_TEMP
        self.registers[at : at + 14] = struct.pack("<7h", temperature, *gyro, *accel)
        self.registers[lsm6ds.STATUS] = 0x07

    def fetch(self, register: int, count: int) -> bytes:
        data = super().fetch(register, count)
        if register == lsm6ds.OUT_TEMP:
            self.registers[lsm6ds.STATUS] = 0
        return data

    def written(self, register: int, value: int) -> None:
        if register == lsm6ds.CTRL3_C and value & 1:
            self.registers[register] = 0x04


CHIPS: dict[str, Callable[[], Chip]] = {"Mpu6050": Mpu, "Bmi160": Bmi, "Lsm6ds": Lsm}
