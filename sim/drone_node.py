"""The simulated drone as a node: it makes the system's time, flies, and publishes what its sensors see."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Contact, Image, Imu, Odometry, PointCloud, SafeCommand, Truth, WorldMap
from selfcue.node import ClockOwner, Link
from selfcue.sim.drone import Collision, Drone
from selfcue.sim.drone_params import Clockwork, DroneParams, StartPose
from selfcue.sim.faults import FaultBox
from selfcue.sim.pose import Pose
from selfcue.sim.render import Stage
from selfcue.sim.renderers import make_renderer
from selfcue.sim.seeds import stream
from selfcue.sim.sensors.inertial import InertialUnit
from selfcue.sim.sensors.lidar import Lidar
from selfcue.sim.sensors.odometry import OdometrySensor
from selfcue.sim.sensors.stereo import LEFT_FRAME, RIGHT_FRAME, StereoCamera, camera_info
from selfcue.sim.sensors.truth import TruthSensor
from selfcue.sim.worlds.ground_plan import clearance, free_points
from selfcue.sim.worlds.make import make_world
from selfcue.sim.worlds.world import World
from selfcue.state import State

HOVER = (0.0, 0.0, 0.0, 0.0)


def rate_of(period_ns: int) -> float:
    """Return the rate [Hz] of what comes every ``period_ns``; 0 for what never comes."""
    return 1e9 / period_ns if period_ns else 0.0


class DroneNode(ClockOwner):
    """A quadrotor in a room, from a seed.

    Subscribes ``cmd/safe``. Publishes ``stereo/{left,right}/image``, ``stereo/{left,right}/camera_info`` (latched),
    ``imu``, ``odom``, ``contact``, ``lidar/points`` (where asked for), ``truth/nearest``, ``truth/depth`` and
    ``truth/map`` (latched). Journals ``contact`` (a collision) and ``fault``.

    In a tick the body first flies on to the tick's time under the last command; then every sensor sees that one frozen
    state. Stamps are the tick's time; inertial readings have their own, each within the tick.
    """

    Params = DroneParams
    params: DroneParams

    def configure(self, link: Link) -> None:
        params = self.params
        params.check()
        self._clockwork = Clockwork.of(params)
        self._link = link
        self.world: World = make_world(params.seed, params.surroundings)
        stage = Stage(self.world)
        seed = params.seed
        self._drone = Drone(self.world, params.body, stream(seed, "gust"))
        start = self._checked(params.start) if params.start else self._draw_start()
        self._drone.place((start.x_m, start.y_m, params.altitude_m), start.yaw_rad)
        renderer = make_renderer(stage, params.stereo, params.renderer)
        self._camera = StereoCamera(renderer, params.noise.camera, stream(seed, "camera"), stream(seed, "camera_book"))
        self._imu = InertialUnit(params.noise.imu, stream(seed, "imu"))
        self._odometry = OdometrySensor(params.noise.odometry, stream(seed, "odometry"))
        self._lidar = Lidar(stage, params.lidar, stream(seed, "lidar"))
        self._truth = TruthSensor(stage, params.stereo, params.corridor.half_width_m, params.corridor.half_height_m)
        self._faults = FaultBox(params.faults, self._imu.range, stream(seed, "faults"))
        self._last_ns = 0
        self._command: SafeCommand | None = None
        self._wire(link)

    def _wire(self, link: Link) -> None:
        link.subscribe("cmd/safe", SafeCommand, self._take_command, keep=1)
        clockwork = self._clockwork
        self._left_pub = link.advertise("stereo/left/image", Image, rate_hz=rate_of(clockwork.camera_ns))
        self._right_pub = link.advertise("stereo/right/image", Image, rate_hz=rate_of(clockwork.camera_ns))
        self._info_pubs = [
            link.advertise(f"stereo/{side}/camera_info", CameraInfo, latched=True) for side in ("left", "right")
        ]
        self._imu_pub = link.advertise("imu", Imu, rate_hz=rate_of(clockwork.inertial_ns))
        self._odom_pub = link.advertise("odom", Odometry, rate_hz=rate_of(clockwork.tick_ns))
        self._contact_pub = link.advertise("contact", Contact)
        self._nearest_pub = link.advertise("truth/nearest", Truth)
        self._depth_pub = link.advertise("truth/depth", Image)
        self._map_pub = link.advertise("truth/map", WorldMap, latched=True)
        if clockwork.lidar_ns:
            self._lidar_pub = link.advertise("lidar/points", PointCloud, rate_hz=rate_of(clockwork.lidar_ns))

    def _draw_start(self) -> StartPose:
        rng = stream(self.params.seed, "start")
        ((x, y),) = free_points(self.world, 1, rng, clearance_m=self.params.start_clearance_m)
        return StartPose(float(x), float(y), float(rng.uniform(-np.pi, np.pi)))

    def _checked(self, start: StartPose) -> StartPose:
        free_m = float(clearance(self.world, np.asarray([[start.x_m, start.y_m]]))[0])
        if not free_m > self.params.body.radius_m:
            raise BadInputError(
                f"start ({start.x_m:g}, {start.y_m:g}) m is not free: {free_m:.2f} m to the nearest surface, "
                f"the body needs {self.params.body.radius_m:g} m; choose another place or leave it to the seed"
            )
        return start

    def activate(self) -> None:
        now_ns = self._link.now_ns()
        for right, publisher in enumerate(self._info_pubs):
            publisher.publish(camera_info(self.params.stereo, right=bool(right), stamp_ns=now_ns))
        self._map_pub.publish(
            WorldMap(stamp_ns=now_ns, frame_id="map", outlines=self.world.outlines(), world=self.world.name)
        )

    def next_tick_ns(self) -> int | None:
        following = self._last_ns + self._clockwork.tick_ns
        return following if following <= self._clockwork.end_ns else None

    def _take_command(self, command: SafeCommand) -> None:
        self._command = command

    def _wanted(self, now_ns: int) -> tuple[float, float, float, float]:
        command = self._command
        if command is None or now_ns - command.stamp_ns > self.params.command_timeout_s * 1e9:
            return HOVER
        return (*command.linear, command.yaw_rate)

    def step(self, now_ns: int) -> None:
        readings, collisions = self._drone.advance(now_ns, self._wanted(now_ns), self._clockwork.inertial_ns)
        self._last_ns = now_ns
        for fault, begins in self._faults.update(now_ns):
            self._link.journal("fault", sensor=fault.sensor, fault=fault.kind, active=begins)
        for reading in readings:
            message = self._faults.reading(self._imu.measure(reading))
            if message is not None:
                self._imu_pub.publish(message)
        for collision in collisions:
            self._report(collision)
        pose = self._drone.pose
        self._odom_pub.publish(self._odometry.measure(pose, now_ns))
        if now_ns % self._clockwork.camera_ns == 0:
            self._shoot(pose, now_ns)
        if self._clockwork.lidar_ns and now_ns % self._clockwork.lidar_ns == 0:
            self._lidar_pub.publish(self._lidar.scan(pose, now_ns))

    def _shoot(self, pose: Pose, now_ns: int) -> None:
        shot = self._camera.shoot(pose)
        left, right = self._faults.pictures(shot.left, shot.right)
        if left is not None:
            self._left_pub.publish(Image(stamp_ns=now_ns, frame_id=LEFT_FRAME, encoding="rgb8", data=left))
        if right is not None:
            self._right_pub.publish(Image(stamp_ns=now_ns, frame_id=RIGHT_FRAME, encoding="rgb8", data=right))
        self._nearest_pub.publish(self._truth.measure(pose.position, shot.depth, self._faults.active, now_ns))
        if self._clockwork.depth_ns and now_ns % self._clockwork.depth_ns == 0:
            self._depth_pub.publish(Image(stamp_ns=now_ns, frame_id=LEFT_FRAME, encoding="32FC1", data=shot.depth))

    def _report(self, collision: Collision) -> None:
        self._contact_pub.publish(
            Contact(
                stamp_ns=collision.stamp_ns,
                frame_id="map",
                with_what=collision.with_what,
                position=collision.position,
                force_n=collision.force_n,
            )
        )
        x, y, _ = collision.position
        self._link.journal("contact", with_what=collision.with_what, force_n=collision.force_n, x_m=x, y_m=y)

    def state(self) -> State:
        command: dict[str, Any] | None = None
        if self._command is not None:
            sent = self._command
            command = {"stamp_ns": sent.stamp_ns, "linear": list(sent.linear), "yaw_rate": sent.yaw_rate}
            command["mode"] = sent.mode
        return State({"last_ns": self._last_ns, "command": command}).nested(
            drone=self._drone.state(),
            camera=self._camera.state(),
            imu=self._imu.state(),
            odometry=self._odometry.state(),
            lidar=self._lidar.state(),
            faults=self._faults.state(),
        )

    def load_state(self, state: State) -> None:
        self._last_ns = state.meta["last_ns"]
        command = state.meta["command"]
        self._command = command and SafeCommand(
            stamp_ns=command["stamp_ns"],
            linear=(command["linear"][0], command["linear"][1], command["linear"][2]),
            yaw_rate=command["yaw_rate"],
            mode=command["mode"],
        )
        self._drone.load_state(state.part("drone"))
        self._camera.load_state(state.part("camera"))
        self._imu.load_state(state.part("imu"))
        self._odometry.load_state(state.part("odometry"))
        self._lidar.load_state(state.part("lidar"))
        self._faults.load_state(state.part("faults"))
