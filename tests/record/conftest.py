"""One message of every type, and what compares messages field by field."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from selfcue.messages import (
    AgentStatus,
    Audio,
    CameraInfo,
    ClockOffset,
    CompressedImage,
    Contact,
    DeviceStatus,
    Estimate,
    Health,
    Image,
    Imu,
    JournalEvent,
    LaserScan,
    LearnerStatus,
    MagneticField,
    Message,
    NavSatFix,
    NodeHealth,
    Odometry,
    PointCloud,
    Pose,
    Position,
    ProcessStatus,
    SafeCommand,
    Scalars,
    Transforms,
    Trust,
    Truth,
    Twist,
    Vector,
    VelocityCommand,
    WorldMap,
)
from selfcue.record.compressed import encode
from selfcue.record.rules import TopicRule


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    return type(a) is type(b) and bool(a == b)


def _equal(a: Message, b: Message) -> bool:
    """Same type and every field bit by bit the same (arrays: dtype, shape, bytes; NaN equals NaN; order of dicts)."""
    names = [field.name for field in msgspec.structs.fields(type(a))]
    return type(a) is type(b) and all(_same(getattr(a, name), getattr(b, name)) for name in names)


@pytest.fixture(scope="session")
def equal() -> Callable[[Message, Message], bool]:
    return _equal


def _arrays(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def samples() -> list[Message]:
    """One of each type, filled with values that are easy to lose: NaN, inf, accents, empty parts, odd sizes."""
    rng = _arrays(3)
    depth = rng.random((7, 5), dtype=np.float32)
    depth[2, 3] = np.nan
    stamp = 1_234_567_890
    return [
        Image(
            stamp_ns=stamp,
            frame_id="stereo_left_optical",
            seq=7,
            source="drone",
            encoding="rgb8",
            data=rng.integers(0, 256, (7, 5, 3), dtype=np.uint8),
        ),
        CameraInfo(
            stamp_ns=stamp,
            width=128,
            height=96,
            k=(115.5, 0.0, 64.0, 0.0, 115.5, 48.0, 0.0, 0.0, 1.0),
            p=(115.5, 0.0, 64.0, -6.93, 0.0, 115.5, 48.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            d=(0.1, -0.2, 0.0, 0.0, 0.05),
        ),
        Imu(stamp_ns=stamp, angular_velocity=(0.1, -0.2, 0.3), linear_acceleration=(0.0, 0.0, 9.81)),
        PointCloud(
            stamp_ns=stamp,
            frame_id="lidar",
            points=rng.random((11, 3), dtype=np.float32),
            intensity=rng.random(11, dtype=np.float32),
        ),
        Odometry(
            stamp_ns=stamp,
            frame_id="odom",
            position=(1.0, 2.0, 3.0),
            orientation=(0.0, 0.0, 0.6, 0.8),
            linear_velocity=(0.5, 0.0, -0.1),
            angular_velocity=(0.0, 0.0, 0.2),
        ),
        Contact(stamp_ns=stamp, with_what="Säule 3", position=(0.0, -1.5, 1.0), force_n=12.5),
        Truth(stamp_ns=stamp, corridor_nearest_m=math.inf, clearance_m=0.4, fault_active=("stereo_right/dead",)),
        WorldMap(
            stamp_ns=stamp,
            frame_id="world",
            world="room 4",
            outlines={"wall": ((0.0, 0.0), (5.0, 0.0), (5.0, 5.0)), "empty": (), "box": ((1.0, 1.0), (2.0, 1.0))},
        ),
        Trust(stamp_ns=stamp, cue="stereo", level="suspect", reason="dark", evidence={"mean": 3.5, "nan": math.nan}),
        Estimate(
            stamp_ns=stamp,
            frame_id="stereo_left_optical",
            cue="trusted",
            quantity="inverse_depth_per_m",
            value=depth,
            lower=depth * 0.9,
            upper=depth * 1.1,
            valid=~np.isnan(depth),
            confidence=0.87,
            model_id="m-12",
        ),
        LearnerStatus(
            stamp_ns=stamp,
            pair="depth",
            trust="ok",
            ready=False,
            ready_fast=True,
            frozen=False,
            skill={"abs_rel": 0.2, "auc": math.nan},
            counts={"steps": 12, "lessons": 1 << 40},
        ),
        VelocityCommand(stamp_ns=stamp, linear=(0.5, 0.0, 0.0), yaw_rate=-0.3, mode="STEREO", reason="turn"),
        SafeCommand(stamp_ns=stamp, linear=(0.1, 0.0, 0.0), yaw_rate=0.0, mode="HOLD", limited_by="stale"),
        AgentStatus(stamp_ns=stamp, state="MONO_TW", phase="learn", counts={"overrides": 3}, reason=""),
        JournalEvent(
            stamp_ns=stamp,
            source="agent",
            kind="mode",
            detail={"to": "MONO_ONLY", "n": 3, "share": 0.25, "ok": True, "inf": math.inf, 'q"': "\u00e9\n"},
        ),
        NodeHealth(
            stamp_ns=stamp,
            host="perception",
            nodes=("stereo", "learner"),
            rate_hz={"depth/trusted": 20.0},
            drops={"imu queue": 4},
            cpu_share=0.8,
            rss_bytes=1 << 31,
        ),
        Health(
            stamp_ns=stamp,
            source="body",
            kind="topic",
            name="imu",
            level="slow",
            reason="120.0 Hz; 200 Hz were asked for",
            asked_hz=200.0,
            measured_hz=120.0,
            age_s=0.01,
            drops=3,
            temperature_c=41.5,
        ),
        ProcessStatus(
            stamp_ns=stamp, source="supervisor", process="camera", state="waiting", pid=0, restarts=2, reason="lost"
        ),
        ClockOffset(
            stamp_ns=stamp,
            source="station",
            process="rover",
            domain="wall-1a2b3c4d",
            offset_ns=-7_200_000_000_123,
            uncertainty_ns=5_100_000,
            skew_ppm=48.5,
            samples=61,
            jumps=1,
        ),
        CompressedImage(
            stamp_ns=stamp,
            frame_id="camera",
            **encode(Image(stamp_ns=stamp, encoding="mono8", data=np.eye(16, dtype=np.uint8)), TopicRule(png=1)),
        ),
        DeviceStatus(
            stamp_ns=stamp,
            source="camera",
            device="camera /dev/video0",
            state="waiting",
            reason="unplugged",
            reconnects=2,
            hangs=1,
            readings=900,
            lost=3,
            dropped=1,
            age_s=0.4,
            asked_hz=30.0,
            measured_hz=29.5,
            clock="device",
            clock_jumps=1,
            clock_uncertainty_ns=120_000,
        ),
        Pose(stamp_ns=stamp, frame_id="map", position=(1.0, -2.0, math.inf), orientation=(0.0, 0.6, 0.0, 0.8)),
        Position(stamp_ns=stamp, frame_id="leica", position=(1.0, -2.0, 0.5)),
        Vector(stamp_ns=stamp, frame_id="imu", vector=(0.1, 0.2, -9.81)),
        Twist(stamp_ns=stamp, linear=(1.0, 2.0, 3.0), angular=(0.1, 0.2, 0.3)),
        Transforms(
            stamp_ns=stamp,
            stamps_ns=(stamp, stamp - 5),
            parents=("odom", "base_link"),
            children=("base_link", "laser"),
            translations=((1.0, 2.0, 3.0), (0.1, 0.0, 0.2)),
            rotations=((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 0.0)),
        ),
        MagneticField(stamp_ns=stamp, field=(2.1e-5, -1e-6, 4.3e-5)),
        NavSatFix(
            stamp_ns=stamp,
            latitude_deg=48.1,
            longitude_deg=-11.5,
            altitude_m=512.25,
            status=-1,
            service=9,
            covariance=(4.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 9.0),
            covariance_type=2,
        ),
        LaserScan(
            stamp_ns=stamp,
            frame_id="laser",
            angle_min_rad=-0.5,
            angle_max_rad=0.5,
            angle_step_rad=0.125,
            time_step_s=0.25,
            scan_time_s=2.0,
            range_min_m=0.125,
            range_max_m=30.0,
            ranges=rng.random(9, dtype=np.float32),
            intensities=np.zeros(0, np.float32),
        ),
        Audio(stamp_ns=stamp, sample_rate_hz=48_000, samples=rng.integers(-(2**15), 2**15, (33, 2)).astype(np.int16)),
        Scalars(stamp_ns=stamp, values={"battery.voltage_v": 12.5, "nan": math.nan, "count": 3.0}),
    ]
