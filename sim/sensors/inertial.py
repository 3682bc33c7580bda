"""The simulated inertial unit: ideal readings from the physics, with noise, bias and a limited range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Imu
from selfcue.sim.drone import Inertial
from selfcue.state import State, generator_from, generator_state

FRAME = "base_link"


@dataclass(frozen=True)
class ImuNoise:
    """Errors of a small MEMS unit. Standard deviations, along each axis.

    Attributes:
        accel_mps2: noise of one acceleration reading.
        gyro_radps: noise of one rate reading.
        accel_bias_mps2: constant error, drawn at the start.
        gyro_bias_radps: constant error, drawn at the start.
        accel_range_mps2: readings end here.
        gyro_range_radps: readings end here.
    """

    accel_mps2: float = 0.04
    gyro_radps: float = 0.003
    accel_bias_mps2: float = 0.05
    gyro_bias_radps: float = 0.003
    accel_range_mps2: float = 156.9
    gyro_range_radps: float = 34.9

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        for name in ("accel_mps2", "gyro_radps", "accel_bias_mps2", "gyro_bias_radps"):
            if not getattr(self, name) >= 0.0:
                raise BadInputError(f"imu noise {name} {getattr(self, name)} is not usable; give 0 or more")
        for name in ("accel_range_mps2", "gyro_range_radps"):
            if not getattr(self, name) > 0.0:
                raise BadInputError(f"imu noise {name} {getattr(self, name)} is not usable; give a number above 0")


class InertialUnit:
    """Turns ideal readings into messages."""

    def __init__(self, noise: ImuNoise, rng: np.random.Generator) -> None:
        self._noise, self._rng = noise, rng
        # One row of six: specific force, then rates.
        self._sigma = np.repeat([noise.accel_mps2, noise.gyro_radps], 3)
        self._range = np.repeat([noise.accel_range_mps2, noise.gyro_range_radps], 3)
        self._bias = np.repeat([noise.accel_bias_mps2, noise.gyro_bias_radps], 3) * rng.standard_normal(6)

    def measure(self, reading: Inertial) -> Imu:
        """Return the message for one ideal reading."""
        ideal = np.concatenate([reading.force, reading.rates])
        values = ideal + self._bias + self._sigma * self._rng.standard_normal(6)
        return imu_message(reading.stamp_ns, np.clip(values, -self._range, self._range))

    @property
    def range(self) -> npt.NDArray[np.float64]:
        """Largest magnitude of each of the six values."""
        return self._range

    def state(self) -> State:
        return State({"generator": generator_state(self._rng)}, {"bias": self._bias.copy()})

    def load_state(self, state: State) -> None:
        self._rng = generator_from(state.meta["generator"])
        self._bias = state.arrays["bias"].copy()


def imu_message(stamp_ns: int, values: npt.NDArray[np.float64]) -> Imu:
    """Return the message of six values: specific force [m/s^2], rates [rad/s]."""
    force, rates = values[:3].tolist(), values[3:].tolist()
    return Imu(
        stamp_ns=stamp_ns,
        frame_id=FRAME,
        linear_acceleration=(force[0], force[1], force[2]),
        angular_velocity=(rates[0], rates[1], rates[2]),
    )
