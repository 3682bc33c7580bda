"""The quadrotor and its room as a MuJoCo model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from selfcue.errors import BadInputError
from selfcue.optional import require
from selfcue.sim.flight_control import GRAVITY, Airframe, Gains
from selfcue.sim.worlds.world import Box, World

BODY, CAGE = "drone", "cage"


@dataclass(frozen=True)
class BodySettings:
    """The quadrotor.

    Attributes:
        mass_kg: mass.
        inertia_kgm2: about forward, left and up axis.
        radius_m: of the round cage that touches things first.
        arm_m: distance of each motor from the centre.
        max_thrust_n: of one motor.
        torque_per_thrust_m: yaw torque of a motor for each newton of thrust.
        motor_lag_s: time constant of a motor's thrust.
        physics_us: length of a physics step in microseconds.
        gust_n: standard deviation of a slowly changing push on the body, along each axis.
        gust_s: how long such a push lasts (correlation time).
        low_m, high_m: heights between which it holds its altitude.
        gains: of the flight controller.
    """

    mass_kg: float = 0.5
    inertia_kgm2: tuple[float, float, float] = (0.003, 0.003, 0.005)
    radius_m: float = 0.25
    arm_m: float = 0.12
    max_thrust_n: float = 2.8
    torque_per_thrust_m: float = 0.016
    motor_lag_s: float = 0.03
    physics_us: int = 2500
    gust_n: float = 0.02
    gust_s: float = 0.8
    low_m: float = 0.4
    high_m: float = 2.3
    gains: Gains = field(default_factory=Gains)

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        positive = ("mass_kg", "radius_m", "arm_m", "max_thrust_n", "torque_per_thrust_m", "motor_lag_s", "gust_s")
        for name in positive:
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise BadInputError(f"body {name} {getattr(self, name)} is not usable; give a number above 0")
        if not self.gust_n >= 0.0:
            raise BadInputError(f"body gust_n {self.gust_n} is not usable; give 0 N or more")
        if not 100 <= self.physics_us <= 5000:
            raise BadInputError(f"body physics_us {self.physics_us} is not usable; give 100 to 5000 microseconds")
        if 4.0 * self.max_thrust_n < 1.3 * self.mass_kg * GRAVITY:
            raise BadInputError(
                f"body: four motors of max_thrust_n {self.max_thrust_n:g} N cannot fly mass_kg {self.mass_kg:g}; "
                f"give at least {1.3 * self.mass_kg * GRAVITY / 4.0:.2g} N"
            )
        if not self.low_m < self.high_m:
            raise BadInputError(f"body low_m {self.low_m:g} must be below high_m {self.high_m:g}")

    def airframe(self) -> Airframe:
        """Return what the flight controller must know."""
        return Airframe(self.mass_kg, self.inertia_kgm2, self.arm_m, self.max_thrust_n, self.torque_per_thrust_m)


def load_mujoco() -> Any:
    """Import MuJoCo. Raises MissingDependencyError where it is not there."""
    return require("mujoco", extra="sim")


def build_model(world: World, settings: BodySettings) -> Any:
    """Return the compiled MuJoCo model: free body ``drone`` with geom ``cage``, motors, sensors, and the room.

    Contacts push along their normal only: a cage that grips a wall would topple the drone, a real one slips.
    """
    settings.check()
    root = ET.Element("mujoco", model="drone_in_room")
    option = ET.SubElement(root, "option", timestep=_numbers(settings.physics_us * 1e-6), integrator="implicitfast")
    option.set("gravity", _numbers(0.0, 0.0, -GRAVITY))
    default = ET.SubElement(root, "default")
    ET.SubElement(default, "geom", condim="1")
    bodies = ET.SubElement(root, "worldbody")
    _add_room(bodies, world)
    _add_drone(bodies, settings)
    motors = ET.SubElement(root, "actuator")
    for number, spin in enumerate((-1.0, 1.0, -1.0, 1.0)):
        ET.SubElement(
            motors,
            "general",
            name=f"motor_{number}",
            site=f"motor_{number}",
            gear=_numbers(0.0, 0.0, 1.0, 0.0, 0.0, spin * settings.torque_per_thrust_m),
            dyntype="filterexact",
            dynprm=_numbers(settings.motor_lag_s),
            ctrllimited="true",
            ctrlrange=_numbers(0.0, settings.max_thrust_n),
        )
    sensors = ET.SubElement(root, "sensor")
    ET.SubElement(sensors, "accelerometer", name="accelerometer", site="imu")
    ET.SubElement(sensors, "gyro", name="gyro", site="imu")
    return load_mujoco().MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))


def _add_drone(bodies: ET.Element, settings: BodySettings) -> None:
    drone = ET.SubElement(bodies, "body", name=BODY, pos="0 0 1.2")
    ET.SubElement(drone, "freejoint", name="free")
    ET.SubElement(
        drone,
        "inertial",
        pos="0 0 0",
        mass=_numbers(settings.mass_kg),
        diaginertia=_numbers(*settings.inertia_kgm2),
    )
    ET.SubElement(drone, "geom", name=CAGE, type="sphere", size=_numbers(settings.radius_m))
    ET.SubElement(drone, "site", name="imu")
    side = settings.arm_m / math.sqrt(2.0)
    for number, (x, y) in enumerate(((side, side), (side, -side), (-side, -side), (-side, side))):
        ET.SubElement(drone, "site", name=f"motor_{number}", pos=_numbers(x, y, 0.0))


def _add_room(bodies: ET.Element, world: World) -> None:
    x, y, height = world.size_m[0] / 2, world.size_m[1] / 2, world.size_m[2]
    for name, middle, inward in (
        ("floor", (0.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ("ceiling", (0.0, 0.0, height), (0.0, 0.0, -1.0)),
        ("wall_west", (-x, 0.0, 0.0), (1.0, 0.0, 0.0)),
        ("wall_east", (x, 0.0, 0.0), (-1.0, 0.0, 0.0)),
        ("wall_south", (0.0, -y, 0.0), (0.0, 1.0, 0.0)),
        ("wall_north", (0.0, y, 0.0), (0.0, -1.0, 0.0)),
    ):
        plane = ET.SubElement(bodies, "geom", name=name, type="plane", size="0 0 0.1")
        plane.set("pos", _numbers(*middle))
        plane.set("zaxis", _numbers(*inward))
    for solid in world.solids:
        geom = ET.SubElement(bodies, "geom", name=solid.name, pos=_numbers(*solid.center_m))
        if isinstance(solid, Box):
            geom.set("type", "box")
            geom.set("size", _numbers(*(length / 2 for length in solid.size_m)))
            geom.set("quat", _numbers(math.cos(solid.yaw_rad / 2), 0.0, 0.0, math.sin(solid.yaw_rad / 2)))
        else:
            geom.set("type", "cylinder")
            geom.set("size", _numbers(solid.radius_m, solid.height_m / 2))


def _numbers(*values: float) -> str:
    return " ".join(repr(float(value)) for value in values)
