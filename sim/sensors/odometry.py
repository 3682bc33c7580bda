"""Where the body says it is: the truth, with noise where that is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Odometry, Vector3
from selfcue.sim.pose import Pose
from selfcue.state import State, generator_from, generator_state


@dataclass(frozen=True)
class OdometryNoise:
    """Standard deviations, along each axis; orientation is exact.

    Attributes:
        position_m: noise of the position.
        velocity_mps: noise of the velocity.
        rates_radps: noise of the angular velocity.
    """

    position_m: float = 0.0
    velocity_mps: float = 0.0
    rates_radps: float = 0.0

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        for name in ("position_m", "velocity_mps", "rates_radps"):
            if not getattr(self, name) >= 0.0:
                raise BadInputError(f"odometry noise {name} {getattr(self, name)} is not usable; give 0 or more")


class OdometrySensor:
    """Turns poses into messages: pose of ``base_link`` in ``map``, twist in ``base_link``."""

    def __init__(self, noise: OdometryNoise, rng: np.random.Generator) -> None:
        self._noise, self._rng = noise, rng

    def measure(self, pose: Pose, stamp_ns: int) -> Odometry:
        """Return the message for one pose."""
        noise = self._noise
        x, y, z, w = pose.quaternion.tolist()
        return Odometry(
            stamp_ns=stamp_ns,
            frame_id="map",
            position=self._blur(pose.position, noise.position_m),
            orientation=(x, y, z, w),
            linear_velocity=self._blur(pose.rotation.T @ pose.velocity, noise.velocity_mps),
            angular_velocity=self._blur(pose.rates, noise.rates_radps),
        )

    def _blur(self, vector: npt.NDArray[np.float64], sigma: float) -> Vector3:
        if sigma > 0.0:
            vector = vector + sigma * self._rng.standard_normal(3)
        x, y, z = vector.tolist()
        return x, y, z

    def state(self) -> State:
        return State({"generator": generator_state(self._rng)})

    def load_state(self, state: State) -> None:
        self._rng = generator_from(state.meta["generator"])
