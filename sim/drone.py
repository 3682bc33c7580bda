"""The flying body: MuJoCo's physics under the flight controller, its inertial readings and its collisions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sim.body_model import BODY, CAGE, BodySettings, build_model, load_mujoco
from selfcue.sim.flight_control import GRAVITY, FlightController
from selfcue.sim.pose import Pose, rotation_rows
from selfcue.sim.worlds.world import World
from selfcue.state import State, generator_from, generator_state

Vector = tuple[float, float, float]

CONTACT_GAP_NS = 1_000_000_000
"""A touch counts as a new collision when nothing was touched for so long."""


class Collision(NamedTuple):
    """One collision event: when it began, with which geom, where [m], and its peak force [N] within the advance."""

    stamp_ns: int
    with_what: str
    position: Vector
    force_n: float


class Inertial(NamedTuple):
    """What an ideal inertial unit measured: means over the interval that ends at ``stamp_ns``, in the body's axes.

    ``force`` is specific force [m/s^2] (at rest, level: z = +9.81), ``rates`` in rad/s.
    """

    stamp_ns: int
    force: npt.NDArray[np.float64]
    rates: npt.NDArray[np.float64]


class Drone:
    """A quadrotor in a world. ``advance`` moves time; all else reads the frozen state between two advances."""

    def __init__(self, world: World, settings: BodySettings, rng: np.random.Generator) -> None:
        self._mujoco = load_mujoco()
        self._model: Any = build_model(world, settings)
        self._data: Any = self._mujoco.MjData(self._model)
        self._settings = settings
        self._rng = rng
        self.step_ns = settings.physics_us * 1000
        heights = (settings.low_m, min(settings.high_m, world.size_m[2] - settings.radius_m - 0.05))
        if not heights[0] < heights[1]:
            raise BadInputError(
                f"a room {world.size_m[2]:g} m high leaves body of radius_m {settings.radius_m:g} no height to fly at "
                f"above low_m {settings.low_m:g}; give a higher room or a lower low_m"
            )
        self._control = FlightController(settings.airframe(), settings.gains, settings.physics_us * 1e-6, heights)
        self._cage = self._mujoco.mj_name2id(self._model, self._mujoco.mjtObj.mjOBJ_GEOM, CAGE)
        self._body = self._mujoco.mj_name2id(self._model, self._mujoco.mjtObj.mjOBJ_BODY, BODY)
        self._now_ns = 0
        self._gust = np.zeros(3)
        self._last_touch_ns = -CONTACT_GAP_NS
        self._force_sum = np.zeros(6)

    def place(self, position: tuple[float, float, float], yaw_rad: float, *, motors_on: bool = True) -> None:
        """Put the body somewhere at rest, level; with ``motors_on`` the motors already carry it."""
        data, settings = self._data, self._settings
        self._mujoco.mj_resetData(self._model, data)
        data.qpos[:] = (*position, math.cos(yaw_rad / 2), 0.0, 0.0, math.sin(yaw_rad / 2))
        data.act[:] = settings.mass_kg * GRAVITY / 4.0 if motors_on else 0.0
        data.ctrl[:] = data.act
        self._control.hold_altitude(position[2])

    def push(self, velocity: tuple[float, float, float]) -> None:
        """Give the body a velocity [m/s] in ``map`` at once, as a throw would."""
        self._data.qvel[:3] = velocity

    @property
    def pose(self) -> Pose:
        """Where the body is now."""
        qpos, qvel = self._data.qpos.copy(), self._data.qvel.copy()
        w, x, y, z = qpos[3:].tolist()
        rotation = np.asarray(rotation_rows(w, x, y, z)).reshape(3, 3)
        return Pose(qpos[:3], np.asarray([x, y, z, w]), rotation, qvel[:3], qvel[3:])

    def advance(
        self, until_ns: int, wanted: tuple[float, float, float, float] | None, inertial_ns: int
    ) -> tuple[list[Inertial], list[Collision]]:
        """Let time pass to ``until_ns`` with one command; return inertial readings and collisions on the way.

        Args:
            until_ns: a multiple of the physics step away.
            wanted: forward, left, up velocity [m/s] and yaw rate [rad/s]; None switches the motors off.
            inertial_ns: period of the inertial readings, a multiple of the physics step.
        """
        steps, rest = divmod(until_ns - self._now_ns, self.step_ns)
        if rest or steps < 0:
            raise BadInputError(
                f"the drone's physics step of {self.step_ns} ns does not lead from {self._now_ns} to {until_ns} ns"
            )
        self._blow(steps * self.step_ns * 1e-9)
        data, model, step, per_reading = self._data, self._model, self._mujoco.mj_step, inertial_ns // self.step_ns
        readings: list[Inertial] = []
        collisions: list[Collision] = []
        for _ in range(steps):
            if wanted is None:
                data.ctrl[:] = 0.0
            else:
                qpos, qvel = data.qpos.tolist(), data.qvel.tolist()
                rotation = rotation_rows(*qpos[3:])
                data.ctrl[:] = self._control.thrusts(qpos[2], rotation, qvel[:3], qvel[3:], wanted)
            step(model, data)
            self._now_ns += self.step_ns
            self._force_sum += data.sensordata
            if self._now_ns % inertial_ns == 0:
                mean = self._force_sum / per_reading
                readings.append(Inertial(self._now_ns, mean[:3], mean[3:]))
                self._force_sum = np.zeros(6)
            if data.ncon:
                self._feel(collisions)
        return readings, collisions

    def _blow(self, seconds: float) -> None:
        """Let the gust drift (an Ornstein-Uhlenbeck process) and push with it."""
        if self._settings.gust_n > 0.0:
            keep = math.exp(-seconds / self._settings.gust_s)
            fresh = self._settings.gust_n * math.sqrt(1.0 - keep * keep)
            self._gust = keep * self._gust + fresh * self._rng.standard_normal(3)
            self._data.xfrc_applied[self._body, :3] = self._gust

    def _feel(self, collisions: list[Collision]) -> None:
        """Note what the cage touches now: a new collision, or more of the last one."""
        force, strongest, what, where = np.zeros(6), -1.0, "", (0.0, 0.0, 0.0)
        for number in range(self._data.ncon):
            contact = self._data.contact[number]
            if self._cage not in (contact.geom1, contact.geom2) or contact.dist > 0.0:
                continue
            self._mujoco.mj_contactForce(self._model, self._data, number, force)
            if force[0] > strongest:
                other = contact.geom1 if contact.geom2 == self._cage else contact.geom2
                strongest, what = float(force[0]), self._model.geom(other).name
                where = (float(contact.pos[0]), float(contact.pos[1]), float(contact.pos[2]))
        if not what:
            return
        if self._now_ns - self._last_touch_ns >= CONTACT_GAP_NS:
            collisions.append(Collision(self._now_ns, what, where, strongest))
        elif collisions and strongest > collisions[-1].force_n:
            collisions[-1] = collisions[-1]._replace(force_n=strongest)
        self._last_touch_ns = self._now_ns

    def state(self) -> State:
        """Return all it takes to continue bit for bit."""
        kind = int(self._mujoco.mjtState.mjSTATE_INTEGRATION)
        physics = np.empty(self._mujoco.mj_stateSize(self._model, kind))
        self._mujoco.mj_getState(self._model, self._data, physics, kind)
        meta = {
            "now_ns": self._now_ns,
            "last_touch_ns": self._last_touch_ns,
            "generator": generator_state(self._rng),
        }
        arrays = {"physics": physics, "gust": self._gust.copy(), "force_sum": self._force_sum.copy()}
        return State(meta, arrays).nested(control=self._control.state())

    def load_state(self, state: State) -> None:
        """Continue from ``state``. Raises BadInputError where it belongs to another model."""
        kind = int(self._mujoco.mjtState.mjSTATE_INTEGRATION)
        physics, wanted = state.arrays["physics"], self._mujoco.mj_stateSize(self._model, kind)
        if physics.shape != (wanted,):
            raise BadInputError(
                f"the saved drone has {physics.size} physics values, this one {wanted}; "
                "resume with the settings and the MuJoCo version that it was saved with"
            )
        self._mujoco.mj_setState(self._model, self._data, physics, kind)
        self._now_ns = state.meta["now_ns"]
        self._last_touch_ns = state.meta["last_touch_ns"]
        self._rng = generator_from(state.meta["generator"])
        self._gust = state.arrays["gust"].copy()
        self._force_sum = state.arrays["force_sum"].copy()
        self._control.load_state(state.part("control"))
