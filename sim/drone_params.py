"""Settings of the simulated drone, and the clockwork that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from selfcue.corridor import CorridorConfig
from selfcue.errors import BadInputError
from selfcue.sim.body_model import BodySettings
from selfcue.sim.camera import StereoSettings
from selfcue.sim.faults import Fault
from selfcue.sim.renderers import RendererKind
from selfcue.sim.sensors.inertial import ImuNoise
from selfcue.sim.sensors.lidar import LidarSettings
from selfcue.sim.sensors.odometry import OdometryNoise
from selfcue.sim.sensors.stereo import CameraNoise
from selfcue.sim.worlds.forest import ForestSettings
from selfcue.sim.worlds.make import WorldKind, WorldSettings
from selfcue.sim.worlds.passage import PassageSettings
from selfcue.sim.worlds.room import RoomSettings


class _Checkable(Protocol):
    def check(self) -> None: ...


@dataclass(frozen=True)
class NoiseSettings:
    """Errors of the sensors.

    Attributes:
        camera: of both cameras.
        imu: of the inertial unit.
        odometry: of the reported pose.
    """

    camera: CameraNoise = field(default_factory=CameraNoise)
    imu: ImuNoise = field(default_factory=ImuNoise)
    odometry: OdometryNoise = field(default_factory=OdometryNoise)


@dataclass(frozen=True)
class StartPose:
    """Where the flight begins, in ``map``.

    Attributes:
        x_m: place along the room.
        y_m: place across the room.
        yaw_rad: heading.
    """

    x_m: float
    y_m: float
    yaw_rad: float = 0.0


@dataclass(frozen=True)
class DroneParams:
    """Settings of the node ``sim_drone``.

    Attributes:
        seed: lays out the room and starts every generator.
        duration_s: simulated time after which the work is done.
        tick_ms: length of a tick; the first tick is at this time.
        camera_hz: picture pairs per second; a whole number of ticks each.
        imu_hz: inertial readings per second; a whole number of physics steps each.
        lidar_hz: scans per second; 0: no LiDAR.
        truth_depth_hz: exact depth pictures per second, taken with picture pairs; 0: none.
        altitude_m: height at which the flight begins and is held.
        start: where it begins; None draws a place from the seed.
        start_clearance_m: least free distance around a drawn place.
        command_timeout_s: a command older than this means hover.
        place: which world it flies in.
        world: the room, where it is one. passage, forest: the same of the other worlds.
        body: the quadrotor.
        stereo: the camera rig.
        lidar: the LiDAR.
        noise: errors of the sensors.
        corridor: what counts as in the way for ``truth/nearest`` (its half width and half height).
        faults: what breaks, and when.
        renderer: ``rays`` (needs nothing, the reference), ``gl`` (several times as fast; pictures differ by less than
            a hundredth of a grey level on average), or ``auto``, the best that is there.
    """

    seed: int = 0
    duration_s: float = 600.0
    tick_ms: float = 25.0
    camera_hz: float = 20.0
    imu_hz: float = 200.0
    lidar_hz: float = 0.0
    truth_depth_hz: float = 4.0
    altitude_m: float = 1.2
    start: StartPose | None = None
    start_clearance_m: float = 0.6
    command_timeout_s: float = 0.5
    place: WorldKind = "room"
    world: RoomSettings = field(default_factory=RoomSettings)
    passage: PassageSettings = field(default_factory=PassageSettings)
    forest: ForestSettings = field(default_factory=ForestSettings)
    body: BodySettings = field(default_factory=BodySettings)
    stereo: StereoSettings = field(default_factory=StereoSettings)
    lidar: LidarSettings = field(default_factory=LidarSettings)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    corridor: CorridorConfig = field(default_factory=CorridorConfig)
    faults: tuple[Fault, ...] = ()
    renderer: RendererKind = "rays"

    @property
    def surroundings(self) -> WorldSettings:
        """Settings of the world that ``place`` names."""
        kinds: dict[WorldKind, WorldSettings] = {"room": self.world, "passage": self.passage, "forest": self.forest}
        return kinds[self.place]

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        if self.seed < 0:
            raise BadInputError(f"seed {self.seed} is not usable; give a whole number from 0 on")
        for name in ("duration_s", "tick_ms", "command_timeout_s", "start_clearance_m"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise BadInputError(f"{name} {getattr(self, name)} is not usable; give a number above 0")
        noise = self.noise
        parts: list[_Checkable] = [self.surroundings, self.body, self.stereo, self.lidar, *self.faults]
        parts += [noise.camera, noise.imu, noise.odometry]
        for part in parts:
            part.check()
        radius, height = self.body.radius_m, self.surroundings.size_m[2]
        if not radius < self.altitude_m < height - radius:
            raise BadInputError(
                f"altitude_m {self.altitude_m:g} does not fit a body of radius {radius:g} m in a {self.place} "
                f"{height:g} m high; give {radius:g} to {height - radius:g} m"
            )


@dataclass(frozen=True)
class Clockwork:
    """Periods in nanoseconds, each a whole multiple of the one it is built on; 0: never.

    Attributes:
        tick_ns: of the system; a multiple of the physics step.
        camera_ns: of picture pairs; a multiple of the tick.
        inertial_ns: of inertial readings; a multiple of the physics step.
        lidar_ns: of scans; a multiple of the tick.
        depth_ns: of exact depth pictures; a multiple of ``camera_ns``.
        end_ns: time of the last tick.
    """

    tick_ns: int
    camera_ns: int
    inertial_ns: int
    lidar_ns: int
    depth_ns: int
    end_ns: int

    @classmethod
    def of(cls, params: DroneParams) -> Clockwork:
        """Return the clockwork of ``params``; raise BadInputError where rates do not fit each other."""
        step_ns = params.body.physics_us * 1000
        tick_ns = round(params.tick_ms * 1e6)
        if tick_ns % step_ns:
            raise BadInputError(
                f"tick_ms {params.tick_ms:g} is no whole number of physics steps of {params.body.physics_us} us; "
                "choose tick_ms or body.physics_us so that it is"
            )
        if params.camera_hz <= 0.0 or params.imu_hz <= 0.0:
            raise BadInputError(f"camera_hz {params.camera_hz:g} and imu_hz {params.imu_hz:g} must be above 0")
        camera_ns = _period_ns(params.camera_hz, "camera_hz", tick_ns, "ticks")
        return cls(
            tick_ns=tick_ns,
            camera_ns=camera_ns,
            inertial_ns=_period_ns(params.imu_hz, "imu_hz", step_ns, "physics steps"),
            lidar_ns=_period_ns(params.lidar_hz, "lidar_hz", tick_ns, "ticks"),
            depth_ns=_period_ns(params.truth_depth_hz, "truth_depth_hz", camera_ns, "picture pairs"),
            end_ns=round(params.duration_s * 1e9),
        )


def _period_ns(rate_hz: float, name: str, base_ns: int, base: str) -> int:
    if rate_hz == 0.0:
        return 0
    if not (math.isfinite(rate_hz) and rate_hz > 0.0):
        raise BadInputError(f"{name} {rate_hz} is not a rate; give a number from 0 on")
    period_ns = 1e9 / rate_hz
    count = round(period_ns / base_ns)
    if count < 1 or abs(count * base_ns - period_ns) > 1.0:
        fits = ", ".join(f"{1e9 / (base_ns * k):g}" for k in (1, 2, 4))
        raise BadInputError(
            f"{name} {rate_hz:g} is no whole number of {base} of {base_ns * 1e-6:g} ms; use one of {fits} or lower"
        )
    return count * base_ns
