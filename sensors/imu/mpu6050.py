"""InvenSense MPU-6050, through its FIFO. Registers: RM-MPU-6000A-00, revision 4.2; scales: PS-MPU-6000A-00, 3.4."""

from __future__ import annotations

import math
import struct
import time

from selfcue.errors import BadInputError
from selfcue.sensors.driver import Domain, Reading
from selfcue.sensors.imu.i2c_driver import RADIAN, I2cImu, accel_scale, three
from selfcue.sensors.imu.sample import ImuSample

SMPLRT_DIV, CONFIG, GYRO_CONFIG, ACCEL_CONFIG, FIFO_EN = 0x19, 0x1A, 0x1B, 0x1C, 0x23
INT_STATUS, USER_CTRL, PWR_MGMT_1, FIFO_COUNT, FIFO_R_W, WHO_AM_I = 0x3A, 0x6A, 0x6B, 0x72, 0x74, 0x75
_RESET, _PLL_X, _OVERFLOW = 0x80, 0x01, 0x10
_FIFO_ON, _FIFO_RESET = 0x40, 0x04
_TEMP_GYRO_ACCEL = 0xF8
_FRAME = 14
_MOST_FRAMES = 18  # 252 bytes: what one transfer of common buses carries
_BANDWIDTHS = {1: 184, 2: 94, 3: 44, 4: 21, 5: 10, 6: 5}
"""CONFIG's low-pass filter: accelerometer bandwidth [Hz]; its rate is 1 kHz then."""


class Mpu6050(I2cImu):
    """Samples are counted, so that their stamps stand as evenly as the chip's oscillator made them."""

    domain: Domain = "device"
    ADDRESS = 0x68
    IDENTITY = (WHO_AM_I, 0x7E)
    CHIPS = {0x68: "MPU-6050"}  # noqa: RUF012 - a constant

    def set_up(self) -> float:
        config = self.config
        accel = self._choice("accel_range_g", config.accel_range_g, {2: 0, 4: 1, 8: 2, 16: 3})
        gyro = self._choice("gyro_range_dps", config.gyro_range_dps, {250: 0, 500: 1, 1000: 2, 2000: 3})
        if not 4 <= config.rate_hz <= 1000:
            raise BadInputError(f"{self.name}: rate_hz {config.rate_hz:g} lies outside of 4 to 1000")
        divider = int(1000 / config.rate_hz)
        rate_hz = 1000 / divider
        self._write(PWR_MGMT_1, _RESET)
        self._await(PWR_MGMT_1, _RESET, 0, "its reset")
        self._write(PWR_MGMT_1, _PLL_X)
        self._write(SMPLRT_DIV, divider - 1)
        self._write(CONFIG, next((code for code, hz in sorted(_BANDWIDTHS.items()) if hz <= rate_hz / 2), 6))
        self._write(GYRO_CONFIG, gyro << 3)
        self._write(ACCEL_CONFIG, accel << 3)
        self._write(FIFO_EN, _TEMP_GYRO_ACCEL)
        self._accel_scale = accel_scale(config.accel_range_g)
        self._gyro_scale = config.gyro_range_dps / 250 / 131 * RADIAN
        self._period_ns = round(1e9 / rate_hz)
        self._count = self._lost = 0
        self._begin_fifo()
        return rate_hz

    def _begin_fifo(self) -> None:
        self._write(USER_CTRL, _FIFO_RESET)
        self._write(USER_CTRL, _FIFO_ON)
        self._cleared_ns = time.monotonic_ns()
        self._since_clear = 0

    def samples(self) -> list[Reading[ImuSample]]:
        if self._read(INT_STATUS, 1)[0] & _OVERFLOW:
            return self._overflowed()
        (waiting,) = struct.unpack(">H", self._read(FIFO_COUNT, 2))
        frames = min(waiting // _FRAME, _MOST_FRAMES)
        if not frames:
            return []
        data = self._read(FIFO_R_W, frames * _FRAME)
        arrival_ns = time.monotonic_ns()
        found = []
        for i in range(frames):
            (temperature,) = struct.unpack_from(">h", data, i * _FRAME + 6)
            device_ns = self._count * self._period_ns
            self._count += 1
            self._since_clear += 1
            sample = ImuSample(
                accel=three(data, i * _FRAME, self._accel_scale, big=True),
                gyro=three(data, i * _FRAME + 8, self._gyro_scale, big=True),
                temperature_c=temperature / 340 + 36.53,
                device_ns=device_ns,
                arrival_ns=arrival_ns,
            )
            found.append(Reading(sample, device_ns, self._lost))
            self._lost = 0
        return found

    def _overflowed(self) -> list[Reading[ImuSample]]:
        """Begin anew: what lies in the FIFO is not aligned any more. Time went on by about what was not read."""
        missed = (time.monotonic_ns() - self._cleared_ns) / self._period_ns - self._since_clear
        self._lost += max(1, math.floor(missed))
        self._count += self._lost
        self._begin_fifo()
        return []
