"""A toy world for the agent's tests: a walled room with round pillars, seen by perfect eyes with a limited view."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from selfcue.agent.motion import Pose, wrap
from selfcue.corridor import CorridorConfig, obstacle_score
from selfcue.messages import CameraInfo, Contact, Estimate, LearnerStatus, Odometry, SafeCommand, Trust
from selfcue.node import ClockOwner, Link
from selfcue.state import State

FOCAL_PX = 115.5
FULL_SIZE = (128, 96)
INTRINSICS = (FOCAL_PX, FOCAL_PX, 63.5, 47.5)
TICK_NS = 25_000_000


@dataclass
class ToyRoom:
    """A 5 x 5 m room with 4 pillars and a round body in it, stepped at 40 Hz with first-order speed control.

    ``pillars`` are (x, y, radius); ``pose`` and ``speed`` are the body's; a collision stops the body.
    """

    seed: int = 0
    side_m: float = 5.0
    radius_m: float = 0.2
    speed_tau_s: float = 0.25
    pillar_count: int = 4
    columns: int = 64
    pillars: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        generator = np.random.default_rng(self.seed)
        pillars: list[tuple[float, float, float]] = []
        while len(pillars) < self.pillar_count:
            radius = float(generator.uniform(0.12, 0.3))
            x, y = generator.uniform(1.0 + radius, self.side_m - 1.0 - radius, 2)
            if math.hypot(x - 0.8, y - 0.8) > 1 and all(
                math.hypot(x - a, y - b) > r + radius + 1.0 for a, b, r in pillars
            ):
                pillars.append((float(x), float(y), radius))
        self.pillars = np.array(pillars).reshape(-1, 3)
        self.pose = Pose(0.8, 0.8, 0.7)
        self.forward = self.yaw_rate = self.travelled_m = 0.0
        self.touching = False
        self.collisions = 0
        self.cells: set[tuple[int, int]] = set()
        u = (np.arange(self.columns) + 0.5) * (FULL_SIZE[0] / self.columns) - 0.5
        self.rays = (u - INTRINSICS[2]) / FOCAL_PX

    def step(self, forward_m_s: float, yaw_rate_rad_s: float) -> bool:
        """Move one tick; return whether a collision began."""
        gain = TICK_NS / 1e9 / self.speed_tau_s
        self.forward += (forward_m_s - self.forward) * gain
        self.yaw_rate += (yaw_rate_rad_s - self.yaw_rate) * 2 * gain
        step_s = TICK_NS / 1e9
        yaw = wrap(self.pose.yaw + self.yaw_rate * step_s)
        x = self.pose.x + self.forward * step_s * math.cos(yaw)
        y = self.pose.y + self.forward * step_s * math.sin(yaw)
        began = False
        clearance = self.clearance_m(x, y)
        if clearance < self.radius_m and clearance < self.clearance_m(self.pose.x, self.pose.y):
            began = not self.touching
            self.touching, self.forward = True, 0.0
            x, y = self.pose.x, self.pose.y
        elif clearance > self.radius_m + 0.02:
            self.touching = False
        self.travelled_m += math.hypot(x - self.pose.x, y - self.pose.y)
        self.pose = Pose(x, y, yaw)
        self.cells.add((int(x / 0.25), int(y / 0.25)))
        self.collisions += began
        return began

    def clearance_m(self, x: float, y: float) -> float:
        walls = min(x, y, self.side_m - x, self.side_m - y)
        gaps = [walls, *(math.hypot(px - x, py - y) - radius for px, py, radius in self.pillars.tolist())]
        return float(min(gaps))

    def inverse_depth(self) -> np.ndarray:
        """Return what each column sees: (columns,) float32 inverse depth along the optical axis [1/m]."""
        x, y, yaw = self.pose.x, self.pose.y, self.pose.yaw
        # Direction of each column per metre of optical depth: forward plus ray to the right.
        dx = math.cos(yaw) + self.rays * math.sin(yaw)
        dy = math.sin(yaw) - self.rays * math.cos(yaw)
        with np.errstate(divide="ignore", invalid="ignore"):
            to_x = np.where(dx > 0, (self.side_m - x) / dx, -x / dx)
            to_y = np.where(dy > 0, (self.side_m - y) / dy, -y / dy)
        depth = np.fmin(to_x, to_y)
        for px, py, radius in self.pillars:
            a, b = dx**2 + dy**2, dx * (px - x) + dy * (py - y)
            rest = b**2 - a * ((px - x) ** 2 + (py - y) ** 2 - radius**2)
            hit = (b - np.sqrt(np.maximum(rest, 0))) / a
            depth = np.where((rest > 0) & (hit > 0), np.minimum(depth, hit), depth)
        return (1.0 / np.maximum(depth, 0.05)).astype(np.float32)

    def picture(self) -> np.ndarray:
        """Return ``inverse_depth`` as the picture (12, columns) of walls and pillars without end."""
        return np.tile(self.inverse_depth(), (12, 1))

    def score(self, config: CorridorConfig | None = None) -> float:
        picture = self.inverse_depth()[None, :]
        one_row = (INTRINSICS[0], INTRINSICS[1], INTRINSICS[2], 0.0)
        return obstacle_score(picture, np.ones(picture.shape, bool), one_row, (FULL_SIZE[0], 1), config)


@dataclass(frozen=True)
class ToyBodyParams:
    """``student`` sees: ``perfect`` as stereo does, ``blind`` nothing, ``scalar`` one number, ``silent`` never speaks.

    ``cut_s``: stereo dies. ``mute_student_s``, ``mute_odometry_s``: these stop. ``ood_s``: the engine says so then.
    """

    seed: int = 0
    duration_s: float = 60.0
    student: str = "perfect"
    cut_s: float = math.inf
    back_s: float = math.inf
    mute_student_s: float = math.inf
    mute_odometry_s: float = math.inf
    ood_s: float = math.inf
    ready: bool = False
    pillar_count: int = 4


class ToyBody(ClockOwner):
    """Body, eyes and engine in one: all that the agent needs, from a ``ToyRoom``."""

    Params = ToyBodyParams

    def __init__(self, name: str, params: ToyBodyParams) -> None:
        super().__init__(name, params)
        self.room = ToyRoom(seed=params.seed, pillar_count=params.pillar_count)
        self.tick = 0
        self.command = (0.0, 0.0)

    def configure(self, link: Link) -> None:
        self.camera = link.advertise("stereo/left/camera_info", CameraInfo, latched=True)
        self.trusted = link.advertise("depth/trusted", Estimate)
        self.student = link.advertise("depth/student", Estimate)
        self.trust = link.advertise("trust/stereo", Trust)
        self.status = link.advertise("depth/status", LearnerStatus)
        self.odom = link.advertise("odom", Odometry)
        self.contact = link.advertise("contact", Contact)
        link.subscribe("cmd/safe", SafeCommand, self.on_command)

    def activate(self) -> None:
        f, _, cx, cy = INTRINSICS
        k, p = (f, 0, cx, 0, f, cy, 0, 0, 1.0), (f, 0, cx, 0, 0, f, cy, 0, 0, 0, 1.0, 0)
        self.camera.publish(CameraInfo(stamp_ns=0, width=FULL_SIZE[0], height=FULL_SIZE[1], k=k, p=p))

    def on_command(self, command: SafeCommand) -> None:
        self.command = (command.linear[0], command.yaw_rate)

    def next_tick_ns(self) -> int | None:
        return (self.tick + 1) * TICK_NS if self.tick * TICK_NS < self.params.duration_s * 1e9 else None

    def step(self, now_ns: int) -> None:
        self.tick += 1
        seconds, params = now_ns / 1e9, self.params
        if self.room.step(*self.command):
            self.contact.publish(Contact(stamp_ns=now_ns, with_what="wall", position=(0, 0, 0), force_n=1.0))
        pose = self.room.pose
        if seconds < params.mute_odometry_s:
            turn = (0.0, 0.0, math.sin(pose.yaw / 2), math.cos(pose.yaw / 2))
            zero = (0.0, 0.0, 0.0)
            self.odom.publish(
                Odometry(
                    stamp_ns=now_ns,
                    position=(pose.x, pose.y, 1.2),
                    orientation=turn,
                    linear_velocity=zero,
                    angular_velocity=zero,
                )
            )
        if self.tick % 2 == 0:
            self.see(now_ns, seconds)

    def see(self, now_ns: int, seconds: float) -> None:
        params = self.params
        picture = self.room.picture()
        dead = params.cut_s <= seconds < params.back_s
        self.trust.publish(Trust(stamp_ns=now_ns, cue="stereo", level="lost" if dead else "ok"))
        if not dead:
            self.trusted.publish(estimate("trusted", picture, now_ns))
        if params.student != "silent" and seconds < params.mute_student_s:
            seen = {"perfect": picture, "blind": picture * 0, "scalar": np.array([self.room.score()], np.float32)}
            self.student.publish(estimate("student", seen[params.student], now_ns))
        self.status.publish(
            LearnerStatus(
                stamp_ns=now_ns,
                pair="depth",
                trust="ok",
                ready=params.ready,
                ready_fast=params.ready,
                frozen=False,
                skill={"ood": 1.0 if seconds >= params.ood_s else 0.0},
                counts={},
            )
        )

    def state(self) -> State:
        room = self.room
        return State(
            {
                "tick": self.tick,
                "command": list(self.command),
                "pose": [room.pose.x, room.pose.y, room.pose.yaw],
                "motion": [room.forward, room.yaw_rate, room.travelled_m, room.touching, room.collisions],
            }
        )

    def load_state(self, state: State) -> None:
        meta, room = state.meta, self.room
        self.tick, self.command = meta["tick"], (meta["command"][0], meta["command"][1])
        room.pose = Pose(*meta["pose"])
        room.forward, room.yaw_rate, room.travelled_m, room.touching, room.collisions = meta["motion"]


def estimate(cue: Any, value: np.ndarray, now_ns: int) -> Estimate:
    """Return an estimate that is certain of itself."""
    return Estimate(
        stamp_ns=now_ns,
        cue=cue,
        quantity="inverse_depth_per_m",
        value=value,
        lower=value,
        upper=value,
        valid=np.ones(value.shape, bool),
        confidence=1.0,
    )


@pytest.fixture
def toy_body() -> Callable[..., ToyBody]:
    """Make a toy body: ``toy_body(student="blind", cut_s=30.0)``."""
    return lambda **params: ToyBody("body", ToyBodyParams(**params))


@pytest.fixture
def toy_room() -> Callable[..., ToyRoom]:
    """Make a toy room: ``toy_room(seed=3)``."""
    return ToyRoom
