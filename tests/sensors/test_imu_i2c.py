"""Inertial chips on I2C, against registers as their data sheets describe them. No chip was at hand."""

from __future__ import annotations

import math
import threading

import psutil
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.driver import DeviceLostError
from selfcue.sensors.imu.bmi160 import Bmi160
from selfcue.sensors.imu.i2c_driver import I2cImu, I2cImuConfig
from selfcue.sensors.imu.lsm6ds import Lsm6ds
from selfcue.sensors.imu.mpu6050 import FIFO_EN, SMPLRT_DIV, Mpu6050
from tests.sensors.imu_chips import CHIPS, Bmi, Chip, Lsm, Mpu

DRIVERS: dict[str, type[I2cImu]] = {"Mpu6050": Mpu6050, "Bmi160": Bmi160, "Lsm6ds": Lsm6ds}
TURN = math.radians(100)


def opened(name: str, chip: Chip, **settings: float) -> I2cImu:
    driver = DRIVERS[name](I2cImuConfig(**settings), chip.make)  # type: ignore[arg-type]
    driver.open()
    return driver


def test_mpu6050_counts_samples_in_its_fifo() -> None:
    chip = Mpu()
    driver = opened("Mpu6050", chip, rate_hz=200, accel_range_g=4, gyro_range_dps=500)
    assert (chip.registers[SMPLRT_DIV], chip.registers[FIFO_EN], chip.resets) == (4, 0xF8, 1)
    assert (chip.registers[0x1B], chip.registers[0x1C]) == (1 << 3, 1 << 3)
    assert driver.asked_hz == 200
    for i in range(40):
        chip.sample((0, -8192, 4096 + i), (6550, 0, 0), 340)
    found = [*driver.read(0.0), *driver.read(0.0), *driver.read(0.0)]
    assert [reading.stamp_ns for reading in found] == [i * 5_000_000 for i in range(40)]
    first = found[0].value
    assert first.accel == pytest.approx((0, -STANDARD_GRAVITY, STANDARD_GRAVITY / 2))
    assert first.gyro == pytest.approx((TURN, 0, 0), rel=1e-3)
    assert first.temperature_c == pytest.approx(37.53)
    assert driver.read(0.0) == []


def test_mpu6050_that_overflows_counts_its_losses_and_aligns_again() -> None:
    chip = Mpu()
    driver = opened("Mpu6050", chip, rate_hz=1000)
    chip.sample((1, 2, 3), (4, 5, 6))
    assert len(driver.read(0.0)) == 1
    for _ in range(100):
        chip.sample((1, 2, 3), (4, 5, 6))
    assert driver.read(0.0) == []
    chip.sample((1, 2, 2048), (4, 5, 6))
    found = driver.read(0.0)
    assert found[0].lost >= 1
    assert found[0].stamp_ns == (1 + found[0].lost) * 1_000_000
    assert found[0].value.accel[2] == pytest.approx(2048 / 32768 * 8 * STANDARD_GRAVITY)


def test_bmi160_stamps_by_sensor_time_across_its_wrap() -> None:
    chip = Bmi()
    driver = opened("Bmi160", chip, rate_hz=100, accel_range_g=2, gyro_range_dps=2000)
    assert (chip.registers[0x40], chip.registers[0x41], chip.registers[0x43]) == (0x28, 0x03, 0x00)
    ticks = (1 << 24) - 3 * 256
    chip.sample(ticks + 17, (0, 0, 16384), (0, round(100 * 32768 / 2000), 0))
    first = driver.read(0.0)[0]
    assert driver.read(0.0) == []  # the same sample is not given twice
    assert first.value.accel == pytest.approx((0, 0, STANDARD_GRAVITY))
    assert first.value.gyro == pytest.approx((0, TURN, 0), rel=1e-3)
    assert first.value.temperature_c == 23
    assert first.stamp_ns == ticks // 256 * 10_000_000
    stamps = [first.stamp_ns]
    for step, late in ((1, 200), (2, 3), (4, 90), (5, 0)):
        chip.sample(ticks + 256 * step + late, (0, 0, 16384), (0, 0, 0))
        reading = driver.read(0.0)[0]
        stamps.append(reading.stamp_ns)
        assert reading.lost == (1 if step == 4 else 0)
    assert [later - stamps[0] for later in stamps] == [0, 10_000_000, 20_000_000, 40_000_000, 50_000_000]


@pytest.mark.parametrize(("who", "degrees"), [(0x69, 29.0), (0x6A, 25.25), (0x6C, 25.25)])
def test_lsm6ds_of_three_makes(who: int, degrees: float) -> None:
    chip = Lsm(who)
    driver = opened("Lsm6ds", chip, rate_hz=100, accel_range_g=16, gyro_range_dps=250)
    assert (chip.registers[0x10], chip.registers[0x11], chip.registers[0x12]) == (4 << 4 | 1 << 2, 4 << 4, 0x44)
    assert driver.asked_hz == 104
    chip.sample((0, 2049, 0), (0, 0, -11429), 64)
    found = driver.read(0.0)
    assert found[0].value.accel == pytest.approx((0, STANDARD_GRAVITY, 0), rel=1e-3)
    assert found[0].value.gyro == pytest.approx((0, 0, -TURN), rel=1e-3)
    assert found[0].value.temperature_c == degrees
    assert found[0].stamp_ns == found[0].value.arrival_ns
    assert driver.read(0.0) == []


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_what_is_not_there_or_another_chip_says_so(name: str) -> None:
    chip = CHIPS[name]()
    chip.gone = True
    with pytest.raises(MissingDependencyError, match="i2cdetect"):
        opened(name, chip)
    assert chip.closed == 1
    other = CHIPS[name]()
    other.registers[DRIVERS[name].IDENTITY[0]] = 0x11
    with pytest.raises(BadInputError, match=r"0x1[01], which is none of"):
        opened(name, other)
    assert other.closed == 1
    with pytest.raises(BadInputError, match="accel_range_g 3 is none of"):
        opened(name, CHIPS[name](), accel_range_g=3)
    with pytest.raises(BadInputError, match="rate_hz"):
        opened(name, CHIPS[name](), rate_hz=99_999)


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_a_chip_that_falls_silent_is_lost_after_a_few_tries(name: str) -> None:
    chip = CHIPS[name]()
    driver = opened(name, chip)
    assert driver.read(0.0) == []
    for _ in range(4):
        chip.gone = True
        assert driver.read(0.0) == []  # one disturbed transfer is no loss
        chip.gone = False
        assert driver.read(0.0) == []
    chip.gone = True
    with pytest.raises(DeviceLostError, match="any more"):
        driver.read(5.0)
    driver.close()
    driver.close()
    assert chip.closed >= 1


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_closing_ends_a_read(name: str) -> None:
    driver = opened(name, CHIPS[name]())
    reader = threading.Thread(target=driver.read, args=(30.0,))
    reader.start()
    driver.close()
    reader.join(10)
    assert not reader.is_alive()


def test_a_hundred_connections_leave_nothing_behind() -> None:
    before = (psutil.Process().num_fds(), threading.active_count())
    for _ in range(100):
        for name, make in CHIPS.items():
            chip = make()
            driver = opened(name, chip)
            driver.read(0.0)
            driver.close()
            assert chip.closed == 1
    assert (psutil.Process().num_fds(), threading.active_count()) == before


def test_sources() -> None:
    driver = Bmi160.from_source("3@0x69")
    assert (driver.config.bus, driver.address) == (3, 0x69)
    assert Mpu6050.from_source("1").address == 0x68
    for wrong in ("", "x", "1@0x99", "1@y"):
        with pytest.raises(BadInputError):
            Lsm6ds.from_source(wrong)
    pytest.importorskip("smbus2", reason="smbus2 is not installed")
    with pytest.raises(MissingDependencyError, match="/dev/i2c-77"):
        Mpu6050.from_source("77").open()
