"""The typed messages that travel on the bus.

SI units; axes after REP-103 (body: x forward, y left, z up; camera optical: x right, y down, z forward), frames
after REP-105. Images are RGB with ROS's encoding strings and ``(H, W[, C])`` arrays. ``stamp_ns`` is the time of
measurement on the system's clock, never the time of arrival.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from selfcue.measurements import Audio as Audio
from selfcue.measurements import CompressedImage as CompressedImage
from selfcue.measurements import DeviceStatus as DeviceStatus
from selfcue.measurements import LaserScan as LaserScan
from selfcue.measurements import MagneticField as MagneticField
from selfcue.measurements import NavSatFix as NavSatFix
from selfcue.measurements import Pose as Pose
from selfcue.measurements import Position as Position
from selfcue.measurements import Scalars as Scalars
from selfcue.measurements import Transforms as Transforms
from selfcue.measurements import Twist as Twist
from selfcue.measurements import Vector as Vector
from selfcue.message_base import Array as Array
from selfcue.message_base import Message as Message
from selfcue.message_base import Quaternion as Quaternion
from selfcue.message_base import Vector3 as Vector3

IMAGE_ENCODINGS: dict[str, tuple[str, int]] = {
    "rgb8": ("uint8", 3),
    "mono8": ("uint8", 1),
    "8UC1": ("uint8", 1),
    "16UC1": ("uint16", 1),
    "mono16": ("uint16", 1),
    "32FC1": ("float32", 1),
}


class Image(Message, frozen=True, kw_only=True):
    """One picture. ``data`` is ``(H, W)`` or ``(H, W, 3)`` with the dtype that ``encoding`` names.

    ``32FC1`` holds metres along the optical axis where it carries depth; NaN means no measurement.
    """

    encoding: str
    data: Array

    def __post_init__(self) -> None:
        if self.encoding not in IMAGE_ENCODINGS:
            known = ", ".join(sorted(IMAGE_ENCODINGS))
            raise ValueError(f"image encoding {self.encoding!r} is not known; use one of {known}")
        dtype, channels = IMAGE_ENCODINGS[self.encoding]
        shape_ok = self.data.ndim == 2 if channels == 1 else self.data.ndim == 3 and self.data.shape[2] == channels
        if not shape_ok or self.data.dtype != np.dtype(dtype):
            wanted = f"(H, W) {dtype}" if channels == 1 else f"(H, W, {channels}) {dtype}"
            raise ValueError(
                f"image {self.encoding!r} needs an array {wanted}, got {self.data.shape} {self.data.dtype}"
            )

    @property
    def width(self) -> int:
        return int(self.data.shape[1])

    @property
    def height(self) -> int:
        return int(self.data.shape[0])


class CameraInfo(Message, frozen=True, kw_only=True):
    """Intrinsics as in ROS's ``sensor_msgs/CameraInfo``; matrices are row-major.

    A rectified stereo pair has ``p[3] = -fx * baseline_m`` in the right camera.
    """

    width: int
    height: int
    k: tuple[float, ...]  # 9
    p: tuple[float, ...]  # 12
    d: tuple[float, ...] = ()
    r: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    distortion_model: str = "plumb_bob"

    def __post_init__(self) -> None:
        for name, length in (("k", 9), ("r", 9), ("p", 12)):
            found = len(getattr(self, name))
            if found != length:
                raise ValueError(f"camera_info field {name!r} needs {length} numbers, got {found}")
        if self.width <= 0 or self.height <= 0 or self.k[0] <= 0:
            raise ValueError(f"camera_info of {self.width} x {self.height} px with fx {self.k[0]} px is not usable")

    @property
    def baseline_m(self) -> float:
        """Distance to the left camera (0 for a left or single camera)."""
        return -self.p[3] / self.p[0] if self.p[0] else 0.0


class Imu(Message, frozen=True, kw_only=True):
    """Body-frame angular velocity [rad/s] and specific force [m/s^2] (at rest, level: z = +9.81)."""

    angular_velocity: Vector3
    linear_acceleration: Vector3


class PointCloud(Message, frozen=True, kw_only=True):
    """What a LiDAR saw, or any other points.

    Attributes:
        points: (N, 3) float32 [m] in ``frame_id``.
        intensity: (N,) float32, in the sensor's own measure.
        time_s: (N,) float32, when each was measured, after ``stamp_ns``; None where nobody said.
        ring: (N,) uint16, which laser measured each, 0 the lowest; None where nobody said.
    """

    points: Array
    intensity: Array
    time_s: Array | None = None
    ring: Array | None = None


class Odometry(Message, frozen=True, kw_only=True):
    """Pose of ``child_frame_id`` in ``frame_id`` and twist in the child frame [m, m/s, rad/s]."""

    position: Vector3
    orientation: Quaternion
    linear_velocity: Vector3
    angular_velocity: Vector3
    child_frame_id: str = "base_link"


class Contact(Message, frozen=True, kw_only=True):
    """The body began to touch something: one message per collision event, not per contact point."""

    with_what: str
    position: Vector3
    force_n: float


class Truth(Message, frozen=True, kw_only=True):
    """What only a simulator knows.

    Attributes:
        corridor_nearest_m: depth along the optical axis of the nearest surface inside the swept corridor (inf: none).
        clearance_m: distance from the body's centre to the nearest surface in any direction.
        fault_active: names of the injected faults that are active now.
    """

    corridor_nearest_m: float
    clearance_m: float
    fault_active: tuple[str, ...] = ()


class WorldMap(Message, frozen=True, kw_only=True):
    """Ground plan for pictures: outlines as closed polygons, (x, y) [m] in ``frame_id``; latched."""

    outlines: dict[str, tuple[tuple[float, float], ...]]
    world: str = ""


TrustLevel: TypeAlias = Literal["ok", "suspect", "lost"]


class Trust(Message, frozen=True, kw_only=True):
    """What a fault detector says of one cue, with the evidence it rests on."""

    cue: str
    level: TrustLevel
    reason: str = ""
    evidence: dict[str, float] = msgspec.field(default_factory=dict)


class Estimate(Message, frozen=True, kw_only=True):
    """The value that one cue gives for one input; ``stamp_ns`` is that input's.

    Attributes:
        cue: which cue speaks: trusted, student or fused.
        quantity: what is estimated, with its unit in the name; ``inverse_depth_per_m`` for depth.
        value: (h, w) float32, or (1,) for a scalar.
        lower, upper: ends of the calibrated 90 % interval, shaped like ``value``.
        confidence: calibrated probability in [0, 1] that the error is within the stated tolerance.
        valid: (h, w) bool; False where this cue says nothing.
        model_id: which weights gave it.
    """

    cue: Literal["trusted", "student", "fused"]
    quantity: str
    value: Array
    lower: Array
    upper: Array
    valid: Array
    confidence: float
    model_id: str = ""

    def __post_init__(self) -> None:
        for name in ("lower", "upper", "valid"):
            found = getattr(self, name).shape
            if found != self.value.shape:
                raise ValueError(f"estimate field {name!r} has shape {found}, 'value' has {self.value.shape}")


class LearnerStatus(Message, frozen=True, kw_only=True):
    """What the engine says of its pair: readiness is proved here, acting on it is the agent's business.

    ``skill`` holds prequential figures by name (NaN where not known yet); ``counts`` holds lessons offered, refused,
    stored, steps, promotions, rollbacks, approach events and misses.
    """

    pair: str
    trust: TrustLevel
    ready: bool
    ready_fast: bool
    frozen: bool
    skill: dict[str, float]
    counts: dict[str, int]
    model_id: str = ""


class VelocityCommand(Message, frozen=True, kw_only=True):
    """A wish: body-frame velocity [m/s] and yaw rate [rad/s]. Only the safety node reads it."""

    linear: Vector3
    yaw_rate: float
    mode: str
    reason: str = ""


class SafeCommand(Message, frozen=True, kw_only=True):
    """The command that a body or autopilot obeys; one node in the system publishes it.

    ``limited_by`` names the rule that changed the wish, empty where it passed unchanged.
    """

    linear: Vector3
    yaw_rate: float
    mode: str
    limited_by: str = ""


class AgentStatus(Message, frozen=True, kw_only=True):
    """State of the agent: which cue flies, and the counts that matter."""

    state: Literal["STEREO", "MONO_TW", "MONO_ONLY", "HOLD", "LAND"]
    phase: str
    counts: dict[str, int]
    reason: str = ""


class JournalEvent(Message, frozen=True, kw_only=True):
    """Something worth remembering: mode change, override, collision, promotion, rollback, fault."""

    kind: str
    detail: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)


class NodeHealth(Message, frozen=True, kw_only=True):
    """Life sign of one process and its nodes.

    ``rate_hz`` by published topic, ``drops`` by topic and hop, ``cpu_share`` in cores, ``rss_bytes`` resident (its part
    of both, where it is a thread that shares a process with others).
    """

    host: str
    nodes: tuple[str, ...]
    rate_hz: dict[str, float]
    drops: dict[str, int]
    cpu_share: float
    rss_bytes: int


HealthKind: TypeAlias = Literal["topic", "input", "node"]
HealthLevel: TypeAlias = Literal["ok", "slow", "stale"]


class Health(Message, frozen=True, kw_only=True):
    """How one published topic, one input or one node is, said at its source once a second on ``health``.

    Rates and ages are on the system's clock.

    Attributes:
        kind: ``topic``: published there; ``input``: heard there; ``node``: a node's step.
        name: of the topic or node.
        level: ``stale`` is an error: what was last heard must not be used as if it were now.
        reason: in words where the level is not ``ok``.
        asked_hz: rate that was asked for; 0: none was.
        measured_hz: rate since the last word; NaN while unknown.
        age_s: since it last came; infinite before the first time.
        drops: messages lost on the way in, since the beginning.
        temperature_c: of the node's device; NaN without a thermometer.
    """

    kind: HealthKind
    name: str
    level: HealthLevel
    reason: str = ""
    asked_hz: float = 0.0
    measured_hz: float = math.nan
    age_s: float = math.inf
    drops: int = 0
    temperature_c: float = math.nan

    def with_temperature(self, temperature_c: float) -> Health:
        """Return the same with a temperature."""
        return msgspec.structs.replace(self, temperature_c=temperature_c)


ProcessState: TypeAlias = Literal["starting", "up", "waiting", "ended", "failed"]


class ProcessStatus(Message, frozen=True, kw_only=True):
    """What the supervisor knows of one process, said whenever it changes; latched on ``system/process/NAME``.

    Attributes:
        process: its name in the launch file.
        state: ``starting`` until the first sign of it on the bus; ``waiting`` for its restart; ``ended`` cleanly.
        pid: its number; 0 where none runs.
        restarts: how often it was started again since the run began.
        reason: why it last ended, in one line; empty where it never did.
    """

    process: str
    state: ProcessState
    pid: int = 0
    restarts: int = 0
    reason: str = ""


class ClockOffset(Message, frozen=True, kw_only=True):
    """How far the clock of another machine is from that of who says so; once a second on ``clock/offset``.

    Attributes:
        process: of the other machine.
        domain: its clock's (see ``selfcue.clock.Clock``).
        offset_ns: theirs = ours + offset at ``stamp_ns``, less the least delay of the way, which one side cannot tell.
        uncertainty_ns: what that may be wrong by.
        skew_ppm: how much faster theirs runs. skew_uncertainty_ppm: infinite while unknown.
        samples: how many the estimate rests on.
        jumps: how often it was set since it was first heard.
    """

    process: str
    domain: str
    offset_ns: int
    uncertainty_ns: int
    skew_ppm: float = 0.0
    skew_uncertainty_ppm: float = math.inf
    samples: int = 0
    jumps: int = 0


MESSAGE_TYPES: dict[str, type[Message]] = {
    cls.__name__: cls
    for cls in (
        Image,
        CameraInfo,
        Imu,
        PointCloud,
        Odometry,
        Contact,
        Truth,
        WorldMap,
        Trust,
        Estimate,
        LearnerStatus,
        VelocityCommand,
        SafeCommand,
        AgentStatus,
        JournalEvent,
        NodeHealth,
        Health,
        ProcessStatus,
        ClockOffset,
        Pose,
        Position,
        Vector,
        Twist,
        Transforms,
        MagneticField,
        NavSatFix,
        LaserScan,
        Audio,
        CompressedImage,
        DeviceStatus,
        Scalars,
    )
}


NEVER_RELIABLE = (Imu, SafeCommand, VelocityCommand)
"""A late command or inertial sample is worse than none, and nobody may hold up who makes them."""


def type_name(message: Message | type[Message]) -> str:
    """Return the name under which a message type is known on the bus."""
    return message.__name__ if isinstance(message, type) else type(message).__name__
