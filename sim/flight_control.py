"""The autopilot inside the simulated quadrotor: velocity, attitude and rate loops, and the motor mixer.

It stands for the vehicle's own flight controller and reads the true state, as real ones read their own filters'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from selfcue.state import State

GRAVITY = 9.81


@dataclass(frozen=True)
class Airframe:
    """What the controller must know of the body.

    Attributes:
        mass_kg: mass.
        inertia_kgm2: about forward, left and up axis.
        arm_m: distance of each motor from the centre, in an X layout.
        max_thrust_n: of one motor.
        torque_per_thrust_m: yaw torque of a motor for each newton of thrust.
    """

    mass_kg: float
    inertia_kgm2: tuple[float, float, float]
    arm_m: float
    max_thrust_n: float
    torque_per_thrust_m: float


@dataclass(frozen=True)
class Gains:
    """Loop gains [1/s unless said] and limits.

    Attributes:
        velocity: horizontal velocity error to acceleration.
        velocity_integral: its integral [1/s^2].
        climb: vertical velocity error to acceleration.
        climb_integral: its integral [1/s^2].
        altitude: height error to vertical velocity.
        attitude: tilt error to rate.
        rate: rate error to angular acceleration about forward and left axis.
        yaw_rate: rate error to angular acceleration about the up axis.
        max_tilt_deg: limit of the tilt that is asked for.
        max_climb_mps: limit of vertical speed.
        trim_mps2: limit of what the integrals may hold.
    """

    velocity: float = 2.6
    velocity_integral: float = 0.4
    climb: float = 5.0
    climb_integral: float = 1.5
    altitude: float = 1.5
    attitude: float = 6.0
    rate: float = 16.0
    yaw_rate: float = 7.0
    max_tilt_deg: float = 12.0
    max_climb_mps: float = 0.7
    trim_mps2: float = 0.2


class FlightController:
    """Turns a wanted velocity and yaw rate into four motor thrusts. Call ``thrusts`` once per physics step.

    Motors, seen from above, in order: front left, front right, rear right, rear left; the first and third turn so that
    their drag torque pushes the nose right (negative about up).
    """

    def __init__(self, airframe: Airframe, gains: Gains, period_s: float, altitude_m: tuple[float, float]) -> None:
        self._airframe, self._gains, self._period_s = airframe, gains, period_s
        self._altitude_m = altitude_m
        self._max_lean = GRAVITY * math.tan(math.radians(gains.max_tilt_deg))
        self.hold_altitude(0.5 * (altitude_m[0] + altitude_m[1]))

    def hold_altitude(self, height_m: float) -> None:
        """Start afresh: hold ``height_m``, all integrals at zero."""
        self._hold_m = height_m
        self._trim = [0.0, 0.0, 0.0]

    def thrusts(
        self,
        height_m: float,
        rotation: list[float],
        velocity: list[float],
        rates: list[float],
        wanted: tuple[float, float, float, float],
    ) -> tuple[float, float, float, float]:
        """Return the thrust [N] that each motor shall give.

        Args:
            height_m: of the body's centre.
            rotation: R_map_body, 9 numbers by rows.
            velocity: in ``map`` [m/s].
            rates: angular velocity in the body [rad/s].
            wanted: forward, left and up velocity [m/s] in the level frame that turns with the body; yaw rate [rad/s].
        """
        gains, body = self._gains, self._airframe
        push = self._acceleration(height_m, rotation, velocity, wanted)
        length = math.sqrt(push[0] ** 2 + push[1] ** 2 + push[2] ** 2)
        # The wanted thrust direction in the body's axes; its sideways part is the tilt error.
        lean_x = (rotation[0] * push[0] + rotation[3] * push[1] + rotation[6] * push[2]) / length
        lean_y = (rotation[1] * push[0] + rotation[4] * push[1] + rotation[7] * push[2]) / length
        upward = rotation[2] * push[0] + rotation[5] * push[1] + rotation[8] * push[2]
        lift = body.mass_kg * max(upward, 0.0)
        roll = body.inertia_kgm2[0] * gains.rate * (-gains.attitude * lean_y - rates[0])
        pitch = body.inertia_kgm2[1] * gains.rate * (gains.attitude * lean_x - rates[1])
        yaw = body.inertia_kgm2[2] * gains.yaw_rate * (wanted[3] - rates[2])
        return self._mix(lift, roll, pitch, yaw)

    def _acceleration(
        self, height_m: float, rotation: list[float], velocity: list[float], wanted: tuple[float, float, float, float]
    ) -> tuple[float, float, float]:
        """Return the wanted acceleration in ``map``, gravity's balance included."""
        gains = self._gains
        heading = math.hypot(rotation[0], rotation[3])
        cos, sin = rotation[0] / heading, rotation[3] / heading
        error_x = cos * wanted[0] - sin * wanted[1] - velocity[0]
        error_y = sin * wanted[0] + cos * wanted[1] - velocity[1]
        low, high = self._altitude_m
        asked_m = self._hold_m + wanted[2] * self._period_s
        self._hold_m = min(max(asked_m, low), high)
        climb_wish = wanted[2] if self._hold_m == asked_m else 0.0
        # Pressed against something, the held height must not run away from the body.
        self._hold_m = min(max(self._hold_m, height_m - 0.3), height_m + 0.3)
        climb = gains.altitude * (self._hold_m - height_m) + climb_wish
        error_z = min(max(climb, -gains.max_climb_mps), gains.max_climb_mps) - velocity[2]
        for axis, (error, gain) in enumerate(
            (
                (error_x, gains.velocity_integral),
                (error_y, gains.velocity_integral),
                (error_z, gains.climb_integral),
            )
        ):
            trim = self._trim[axis] + gain * error * self._period_s
            self._trim[axis] = min(max(trim, -gains.trim_mps2), gains.trim_mps2)
        lean_x = gains.velocity * error_x + self._trim[0]
        lean_y = gains.velocity * error_y + self._trim[1]
        lean = math.hypot(lean_x, lean_y)
        if lean > self._max_lean:
            lean_x, lean_y = lean_x * self._max_lean / lean, lean_y * self._max_lean / lean
        lift = gains.climb * error_z + self._trim[2]
        return lean_x, lean_y, GRAVITY + min(max(lift, -0.5 * GRAVITY), 0.5 * GRAVITY)

    def _mix(self, lift: float, roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
        body = self._airframe
        side = body.arm_m / math.sqrt(2.0)
        a, b, c = roll / (4.0 * side), pitch / (4.0 * side), yaw / (4.0 * body.torque_per_thrust_m)
        limit = min(0.15 * lift, 0.3 * body.max_thrust_n)  # yaw is the weakest lever: it must not eat the others' range
        c = min(max(c, -limit), limit)
        each = lift / 4.0
        high = body.max_thrust_n
        return (
            min(max(each + a - b - c, 0.0), high),
            min(max(each - a - b + c, 0.0), high),
            min(max(each - a + b - c, 0.0), high),
            min(max(each + a + b + c, 0.0), high),
        )

    def state(self) -> State:
        return State(arrays={"hold": np.asarray([self._hold_m, *self._trim])})

    def load_state(self, state: State) -> None:
        self._hold_m, *self._trim = (float(value) for value in state.arrays["hold"])
