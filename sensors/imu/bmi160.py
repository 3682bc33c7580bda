"""Bosch BMI160, polled with its sensor time. Registers and scales: BST-BMI160-DS000."""

from __future__ import annotations

import struct
import time

from selfcue.errors import BadInputError
from selfcue.sensors.driver import Domain, Reading
from selfcue.sensors.imu.frame_samples import Unwrapped
from selfcue.sensors.imu.i2c_driver import RADIAN, I2cImu, accel_scale, three
from selfcue.sensors.imu.sample import ImuSample

CHIP_ID, PMU_STATUS, DATA, TEMPERATURE = 0x00, 0x03, 0x0C, 0x20
ACC_CONF, ACC_RANGE, GYR_CONF, GYR_RANGE, CMD = 0x40, 0x41, 0x42, 0x43, 0x7E
SOFT_RESET, ACCEL_ON, GYRO_ON = 0xB6, 0x11, 0x15
_READY = 0xC0
_NORMAL_FILTER = 0x20
_TICK_NS = 39_062.5
_RATES = {25: 6, 50: 7, 100: 8, 200: 9, 400: 10, 800: 11, 1600: 12}


class Bmi160(I2cImu):
    """One transfer reads gyroscope, accelerometer, sensor time and status, which belong together.

    Samples are taken when the low bits of the sensor time roll over; so each gets the time at which it was taken, and
    those that were missed are counted.
    """

    domain: Domain = "device"
    ADDRESS = 0x68
    IDENTITY = (CHIP_ID, 0xFF)
    CHIPS = {0xD1: "BMI160"}  # noqa: RUF012 - a constant

    def set_up(self) -> float:
        config = self.config
        accel = self._choice("accel_range_g", config.accel_range_g, {2: 3, 4: 5, 8: 8, 16: 12})
        gyro = self._choice("gyro_range_dps", config.gyro_range_dps, {2000: 0, 1000: 1, 500: 2, 250: 3, 125: 4})
        rate_hz = next((rate for rate in _RATES if rate >= config.rate_hz), 0)
        if not rate_hz:
            raise BadInputError(f"{self.name}: rate_hz {config.rate_hz:g} is above its {max(_RATES)}")
        self._write(CMD, SOFT_RESET)
        self._ending.wait(0.01)
        self._write(CMD, ACCEL_ON)
        self._await(PMU_STATUS, 0x30, 0x10, "waking its accelerometer")
        self._write(CMD, GYRO_ON)
        self._await(PMU_STATUS, 0x0C, 0x04, "waking its gyroscope")
        self._write(ACC_CONF, _NORMAL_FILTER | _RATES[rate_hz])
        self._write(ACC_RANGE, accel)
        self._write(GYR_CONF, _NORMAL_FILTER | _RATES[rate_hz])
        self._write(GYR_RANGE, gyro)
        self._accel_scale = accel_scale(config.accel_range_g)
        self._gyro_scale = config.gyro_range_dps / 32768 * RADIAN
        self._ticks = 25_600 // rate_hz
        self._time = Unwrapped(1 << 24)
        self._last: int | None = None
        return float(rate_hz)

    def samples(self) -> list[Reading[ImuSample]]:
        data = self._read(DATA, 16)
        if data[15] & _READY != _READY:
            return []
        period = self._time.update(int.from_bytes(data[12:15], "little")) // self._ticks
        lost = 0 if self._last is None else max(0, period - self._last - 1)
        if period == self._last:
            return []
        self._last = period
        (raw,) = struct.unpack("<h", self._read(TEMPERATURE, 2))
        device_ns = round(period * self._ticks * _TICK_NS)
        sample = ImuSample(
            accel=three(data, 6, self._accel_scale),
            gyro=three(data, 0, self._gyro_scale),
            temperature_c=23 + raw / 512,
            device_ns=device_ns,
            arrival_ns=time.monotonic_ns(),
        )
        return [Reading(sample, device_ns, lost)]
