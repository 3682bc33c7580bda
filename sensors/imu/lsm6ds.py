"""ST LSM6DS3, LSM6DS3TR-C and LSM6DSO, polled. Registers and scales: data sheets DocID026899, DocID030071, DS12140."""

from __future__ import annotations

import struct
import time

from selfcue.errors import BadInputError
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.driver import Domain, Reading
from selfcue.sensors.imu.i2c_driver import RADIAN, I2cImu, three
from selfcue.sensors.imu.sample import ImuSample

WHO_AM_I, CTRL1_XL, CTRL2_G, CTRL3_C, STATUS, OUT_TEMP = 0x0F, 0x10, 0x11, 0x12, 0x1E, 0x20
_SW_RESET, _BLOCK_UPDATE, _COUNT_UP = 0x01, 0x40, 0x04
_BOTH_READY = 0x03
_RATES = {12.5: 1, 26.0: 2, 52.0: 3, 104.0: 4, 208.0: 5, 416.0: 6, 833.0: 7, 1660.0: 8}
_ACCEL_MG = {2: 0.061, 4: 0.122, 8: 0.244, 16: 0.488}
_GYRO_MDPS = {125: 4.375, 250: 8.75, 500: 17.5, 1000: 35.0, 2000: 70.0}


class Lsm6ds(I2cImu):
    """Its clock is not latched with a sample, so that the moment of reading is the better stamp."""

    domain: Domain = "monotonic"
    ADDRESS = 0x6A
    IDENTITY = (WHO_AM_I, 0xFF)
    CHIPS = {0x69: "LSM6DS3", 0x6A: "LSM6DS3TR-C", 0x6C: "LSM6DSO"}  # noqa: RUF012 - a constant

    def set_up(self) -> float:
        config = self.config
        accel = self._choice("accel_range_g", config.accel_range_g, {2: 0, 16: 1, 4: 2, 8: 3})
        gyro = self._choice("gyro_range_dps", config.gyro_range_dps, {125: 1, 250: 0, 500: 2, 1000: 4, 2000: 6})
        rate_hz = next((rate for rate in _RATES if rate >= config.rate_hz), 0.0)
        if not rate_hz:
            raise BadInputError(f"{self.name}: rate_hz {config.rate_hz:g} is above its {max(_RATES):g}")
        self._write(CTRL3_C, _SW_RESET)
        self._await(CTRL3_C, _SW_RESET, 0, "its reset")
        self._write(CTRL3_C, _BLOCK_UPDATE | _COUNT_UP)
        self._write(CTRL1_XL, _RATES[rate_hz] << 4 | accel << 2)
        self._write(CTRL2_G, _RATES[rate_hz] << 4 | gyro << 1)
        self._accel_scale = _ACCEL_MG[config.accel_range_g] * 1e-3 * STANDARD_GRAVITY
        self._gyro_scale = _GYRO_MDPS[config.gyro_range_dps] * 1e-3 * RADIAN
        self._steps_per_degree = 16 if self._chip == "LSM6DS3" else 256
        return rate_hz

    def samples(self) -> list[Reading[ImuSample]]:
        if self._read(STATUS, 1)[0] & _BOTH_READY != _BOTH_READY:
            return []
        arrival_ns = time.monotonic_ns()
        data = self._read(OUT_TEMP, 14)
        (raw,) = struct.unpack_from("<h", data)
        sample = ImuSample(
            accel=three(data, 8, self._accel_scale),
            gyro=three(data, 2, self._gyro_scale),
            temperature_c=25 + raw / self._steps_per_degree,
            arrival_ns=arrival_ns,
        )
        return [Reading(sample, arrival_ns)]
