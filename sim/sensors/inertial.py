"""The simulated inertial unit: ideal readings from the physics, with what a data sheet says of its errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Imu
from selfcue.sim.drone import Inertial
from selfcue.state import State, generator_from, generator_state

FRAME = "base_link"
_NOT_NEGATIVE = (
    "accel_mps2",
    "gyro_radps",
    "accel_bias_mps2",
    "gyro_bias_radps",
    "accel_walk_mps2_sqrts",
    "gyro_walk_radps_sqrts",
    "scale",
    "misalignment_deg",
)


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
        accel_walk_mps2_sqrts, gyro_walk_radps_sqrts: random walk of the bias: its standard deviation after a second,
            growing with the square root of time.
        scale: of each axis' scale factor from 1, drawn at the start.
        misalignment_deg: of the angles by which each axis leans towards the other two, drawn at the start.
    """

    accel_mps2: float = 0.04
    gyro_radps: float = 0.003
    accel_bias_mps2: float = 0.05
    gyro_bias_radps: float = 0.003
    accel_range_mps2: float = 156.9
    gyro_range_radps: float = 34.9
    accel_walk_mps2_sqrts: float = 0.0
    gyro_walk_radps_sqrts: float = 0.0
    scale: float = 0.0
    misalignment_deg: float = 0.0

    @classmethod
    def of_sheet(
        cls, rate_hz: float, *, accel_density_mps2_sqrthz: float, gyro_density_radps_sqrthz: float, **more: float
    ) -> ImuNoise:
        """Return the errors of a unit whose data sheet gives noise densities, read ``rate_hz`` times a second.

        A reading's noise is the density times the square root of the rate (white up to half of it).
        """
        root = math.sqrt(rate_hz)
        return cls(accel_mps2=accel_density_mps2_sqrthz * root, gyro_radps=gyro_density_radps_sqrthz * root, **more)

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        for name in _NOT_NEGATIVE:
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
        self._walk = np.repeat([noise.accel_walk_mps2_sqrts, noise.gyro_walk_radps_sqrts], 3)
        self._last_ns: int | None = None
        self._axes = _axes(noise, rng)

    def measure(self, reading: Inertial) -> Imu:
        """Return the message for one ideal reading."""
        ideal = np.concatenate([reading.force, reading.rates])
        if self._axes is not None:
            ideal = np.concatenate([self._axes[0] @ reading.force, self._axes[1] @ reading.rates])
        if self._walk.any():
            passed_s = 0.0 if self._last_ns is None else (reading.stamp_ns - self._last_ns) * 1e-9
            self._bias += self._walk * math.sqrt(passed_s) * self._rng.standard_normal(6)
            self._last_ns = reading.stamp_ns
        values = ideal + self._bias + self._sigma * self._rng.standard_normal(6)
        return imu_message(reading.stamp_ns, np.clip(values, -self._range, self._range))

    @property
    def range(self) -> npt.NDArray[np.float64]:
        """Largest magnitude of each of the six values."""
        return self._range

    def state(self) -> State:
        meta = {"generator": generator_state(self._rng), "last_ns": self._last_ns}
        arrays = {"bias": self._bias.copy()}
        return State(meta, arrays if self._axes is None else {**arrays, "axes": self._axes.copy()})

    def load_state(self, state: State) -> None:
        self._rng = generator_from(state.meta["generator"])
        self._bias, self._last_ns = state.arrays["bias"].copy(), state.meta["last_ns"]
        self._axes = state.arrays["axes"].copy() if "axes" in state.arrays else None


def _axes(noise: ImuNoise, rng: np.random.Generator) -> npt.NDArray[np.float64] | None:
    """Return what the unit's axes make of a force and of a rate, (2, 3, 3); None where they are perfect."""
    if noise.scale == 0.0 and noise.misalignment_deg == 0.0:
        return None
    scale = noise.scale * rng.standard_normal((2, 3))
    lean = math.radians(noise.misalignment_deg) * rng.standard_normal((2, 3, 3))
    axes = np.eye(3) + lean
    for number in range(2):
        np.fill_diagonal(axes[number], 1.0 + scale[number])
    return axes


def imu_message(stamp_ns: int, values: npt.NDArray[np.float64]) -> Imu:
    """Return the message of six values: specific force [m/s^2], rates [rad/s]."""
    force, rates = values[:3].tolist(), values[3:].tolist()
    return Imu(
        stamp_ns=stamp_ns,
        frame_id=FRAME,
        linear_acceleration=(force[0], force[1], force[2]),
        angular_velocity=(rates[0], rates[1], rates[2]),
    )
