"""The simulated inertial unit keeps to its data sheet."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError
from selfcue.sensors.imu.allan import allan_deviation
from selfcue.sim.drone import Inertial
from selfcue.sim.sensors.inertial import ImuNoise, InertialUnit

RATE_HZ = 100.0
FORCE, RATES = np.array([0.3, -0.2, 9.81]), np.array([0.1, 0.2, -0.3])


def still(noise: ImuNoise, seconds: float, seed: int = 1) -> npt.NDArray[np.float64]:
    """Return what a unit says that lies still and level, (N, 6)."""
    unit = InertialUnit(noise, np.random.default_rng(seed))
    rest = [
        Inertial(round(k * 1e9 / RATE_HZ), np.array([0, 0, 9.81]), np.zeros(3)) for k in range(int(seconds * RATE_HZ))
    ]
    messages = [unit.measure(reading) for reading in rest]
    return np.array([[*one.linear_acceleration, *one.angular_velocity] for one in messages])


def at(deviations: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], tau_s: float) -> npt.NDArray[np.float64]:
    times_s, values = deviations
    found: npt.NDArray[np.float64] = values[int(np.argmin(np.abs(times_s - tau_s)))]
    return found


def test_the_allan_deviation_is_that_of_the_data_sheet() -> None:
    accel_density, gyro_density, gyro_walk = 2e-3, 1.5e-4, 6e-4
    noise = ImuNoise.of_sheet(
        RATE_HZ,
        accel_density_mps2_sqrthz=accel_density,
        gyro_density_radps_sqrthz=gyro_density,
        gyro_walk_radps_sqrts=gyro_walk,
    )
    deviations = allan_deviation(still(noise, 900.0), RATE_HZ)
    short, long = at(deviations, 0.1), at(deviations, 30.0)
    assert short[:3] == pytest.approx(accel_density / math.sqrt(0.1), rel=0.1)
    assert short[3:] == pytest.approx(gyro_density / math.sqrt(0.1), rel=0.1)
    assert long[:3] == pytest.approx(accel_density / math.sqrt(30.0), rel=0.35), "no walk: it goes on falling"
    walk = gyro_walk * math.sqrt(30.0 / 3.0)  # IEEE Std 952: rate random walk
    assert np.median(long[3:]) == pytest.approx(math.hypot(walk, gyro_density / math.sqrt(30.0)), rel=0.4)


def test_scale_and_misalignment_turn_what_is_measured() -> None:
    noise = ImuNoise(0.0, 0.0, 0.0, 0.0, scale=0.02, misalignment_deg=1.0)
    readings = []
    for seed in range(300):
        unit = InertialUnit(noise, np.random.default_rng(seed))
        message = unit.measure(Inertial(0, FORCE, RATES))
        readings.append([*message.linear_acceleration, *message.angular_velocity])
    spread = np.std(readings, axis=0)
    lean = math.radians(1.0)
    expected = [
        math.hypot(0.02 * ideal[axis], lean * float(np.linalg.norm(np.delete(ideal, axis))))
        for ideal in (FORCE, RATES)
        for axis in range(3)
    ]
    assert spread == pytest.approx(expected, rel=0.15)
    assert np.mean(readings, axis=0) == pytest.approx([*FORCE, *RATES], abs=0.03)


def test_a_unit_goes_on_bit_for_bit_where_it_was_cut() -> None:
    noise = ImuNoise(accel_walk_mps2_sqrts=1e-3, gyro_walk_radps_sqrts=1e-4, scale=0.01, misalignment_deg=0.5)
    readings = [Inertial(k * 5_000_000, FORCE, RATES) for k in range(40)]
    whole = InertialUnit(noise, np.random.default_rng(4))
    expected = [whole.measure(reading) for reading in readings]
    first = InertialUnit(noise, np.random.default_rng(4))
    for reading in readings[:17]:
        first.measure(reading)
    second = InertialUnit(noise, np.random.default_rng(99))
    second.load_state(first.state())
    assert [second.measure(reading) for reading in readings[17:]] == expected[17:]


@pytest.mark.parametrize("name", ["scale", "gyro_walk_radps_sqrts", "misalignment_deg"])
def test_errors_below_zero_are_refused(name: str) -> None:
    with pytest.raises(BadInputError, match=f"{name} -1"):
        ImuNoise(**{name: -1.0}).check()
