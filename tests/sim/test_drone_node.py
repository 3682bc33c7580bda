"""The drone as a node: what it publishes and when, same seed same bits, restored flights, bad settings."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfcue.messages import (
    CameraInfo,
    Contact,
    Image,
    Imu,
    JournalEvent,
    Odometry,
    PointCloud,
    SafeCommand,
    Truth,
    WorldMap,
)
from selfcue.sim.body_model import BodySettings
from selfcue.sim.drone_node import DroneNode
from selfcue.sim.drone_params import DroneParams, StartPose
from selfcue.sim.faults import Fault
from selfcue.sim.worlds.ground_plan import clearance
from selfcue.sim.worlds.room import RoomSettings
from selfcue.state import load_state, save_state
from selfcue.testing import LoopSystem

TICK_NS = 25_000_000
PARAMS = DroneParams(duration_s=2.0)


def system(folder: Path, params: DroneParams = PARAMS) -> tuple[LoopSystem, DroneNode]:
    loop, node = LoopSystem(folder), DroneNode("drone", params)
    loop.add(node)
    return loop, node


def fly(loop: LoopSystem, node: DroneNode, *, until_s: float = 1e9, command: tuple[float, float] = (0.5, 0.3)) -> None:
    """Let time pass; forward speed and yaw rate as commanded."""
    while (now_ns := node.next_tick_ns()) is not None and now_ns <= until_s * 1e9:
        sent_ns = now_ns - TICK_NS
        loop.feed(
            "cmd/safe",
            SafeCommand(stamp_ns=sent_ns, linear=(command[0], 0.0, 0.0), yaw_rate=command[1], mode="test"),
        )
        loop.tick(now_ns)


def bits(loop: LoopSystem) -> str:
    """A hash over every picture, reading and pose."""
    hasher = hashlib.sha256()
    for topic in ("stereo/left/image", "stereo/right/image", "truth/depth", "imu", "odom", "truth/nearest", "contact"):
        for message in loop.published(topic):
            for name in message.__struct_fields__:
                value = getattr(message, name)
                hasher.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return hasher.hexdigest()


def test_what_is_published_and_when(tmp_path: Path) -> None:
    loop, node = system(tmp_path)
    fly(loop, node)
    stamps = {topic: [m.stamp_ns for m in loop.published(topic)] for topic in loop.topics()}
    assert stamps["odom"] == [k * TICK_NS for k in range(1, 81)]
    assert stamps["stereo/left/image"] == stamps["stereo/right/image"] == [k * 50_000_000 for k in range(1, 41)]
    assert stamps["truth/nearest"] == stamps["stereo/left/image"]
    assert stamps["imu"] == [k * 5_000_000 for k in range(1, 401)]
    assert stamps["truth/depth"] == [k * 250_000_000 for k in range(1, 9)]
    assert stamps["truth/map"] == stamps["stereo/left/camera_info"] == [0]
    assert "lidar/points" not in stamps
    for topic, kind in (("odom", Odometry), ("imu", Imu), ("truth/nearest", Truth), ("truth/map", WorldMap)):
        assert {type(m) for m in loop.published(topic)} == {kind}
    right = loop.published("stereo/right/camera_info")[0]
    assert isinstance(right, CameraInfo)
    assert right.baseline_m == pytest.approx(0.06)
    left = loop.published("stereo/left/image")[0]
    assert isinstance(left, Image)
    assert (left.frame_id, left.encoding, left.data.shape) == ("stereo_left_optical", "rgb8", (96, 128, 3))
    depth = loop.published("truth/depth")[0]
    assert isinstance(depth, Image)
    assert (depth.frame_id, depth.encoding, depth.data.shape) == ("stereo_left_optical", "32FC1", (96, 128))
    assert node.next_tick_ns() is None


def test_all_sensors_of_a_tick_see_one_state(tmp_path: Path) -> None:
    """Exact depth, nearest truth and odometry of one stamp belong to one pose."""
    loop, node = system(tmp_path, replace(PARAMS, truth_depth_hz=20.0, lidar_hz=10.0))
    fly(loop, node)
    nearest = {m.stamp_ns: m for m in loop.published("truth/nearest")}
    places = {m.stamp_ns: m for m in loop.published("odom")}
    for cloud in loop.published("lidar/points"):
        truth, odometry = nearest[cloud.stamp_ns], places[cloud.stamp_ns]
        assert isinstance(cloud, PointCloud)
        assert isinstance(truth, Truth)
        assert isinstance(odometry, Odometry)
        ground = clearance(node.world, np.asarray([odometry.position[:2]]))[0]
        assert truth.clearance_m == pytest.approx(min(ground, odometry.position[2]), abs=0.003)
        ranges = np.linalg.norm(cloud.points, axis=1)
        assert ranges.min() >= truth.clearance_m - 0.05
    assert len(loop.published("lidar/points")) == 20


def test_starts_in_the_open_at_its_altitude(tmp_path: Path) -> None:
    headings = []
    for seed in range(4):
        loop, node = system(tmp_path / str(seed), replace(PARAMS, seed=seed, duration_s=0.05))
        fly(loop, node, command=(0.0, 0.0))
        first = loop.published("odom")[0]
        assert isinstance(first, Odometry)
        assert first.position[2] == pytest.approx(1.2, abs=0.01)
        assert clearance(node.world, np.asarray([first.position[:2]]))[0] > 0.59
        headings.append(first.orientation[2])
    assert len(set(headings)) == 4


def test_starts_where_it_is_told(tmp_path: Path) -> None:
    start = StartPose(0.4, -0.2, 1.0)
    loop, node = system(tmp_path, replace(PARAMS, start=start, duration_s=0.05, world=RoomSettings(n_obstacles=0)))
    fly(loop, node, command=(0.0, 0.0))
    first = loop.published("odom")[0]
    assert isinstance(first, Odometry)
    assert first.position == pytest.approx((0.4, -0.2, 1.2), abs=0.01)
    assert first.orientation[2] == pytest.approx(np.sin(0.5), abs=1e-3)


def test_obeys_commands_and_hovers_when_they_stop(tmp_path: Path) -> None:
    params = replace(
        PARAMS,
        duration_s=6.0,
        world=RoomSettings(n_obstacles=0),
        start=StartPose(-1.5, 0.0),
        body=BodySettings(gust_n=0.0),
    )
    loop, node = system(tmp_path, params)
    fly(loop, node, until_s=2.0, command=(0.5, 0.0))
    flying = loop.published("odom")[-1]
    while (now_ns := node.next_tick_ns()) is not None:
        loop.tick(now_ns)
    speeds = {m.stamp_ns: m.linear_velocity[0] for m in loop.published("odom") if isinstance(m, Odometry)}
    assert isinstance(flying, Odometry)
    assert flying.linear_velocity[0] == pytest.approx(0.5, rel=0.1)
    assert speeds[2_450_000_000] == pytest.approx(0.5, rel=0.1)  # still obeyed: younger than half a second
    assert abs(speeds[6_000_000_000]) < 0.03


def test_collision_is_published_and_journalled(tmp_path: Path) -> None:
    params = replace(PARAMS, duration_s=3.0, world=RoomSettings(n_obstacles=0), start=StartPose(1.8, 0.0))
    loop, node = system(tmp_path, params)
    fly(loop, node, command=(0.5, 0.0))
    (contact,) = loop.published("contact")
    (event,) = loop.published("journal")
    assert isinstance(contact, Contact)
    assert isinstance(event, JournalEvent)
    assert contact.with_what == "wall_east"
    assert contact.force_n > 1.0
    assert event.kind == "contact"
    assert event.detail["with_what"] == "wall_east"


def test_right_camera_dies_on_time(tmp_path: Path) -> None:
    plan = (Fault(1.0, "stereo_right", "dead"), Fault(0.5, "imu", "dead", 0.75))
    loop, node = system(tmp_path, replace(PARAMS, faults=plan))
    fly(loop, node)
    assert [m.stamp_ns for m in loop.published("stereo/right/image")][-1] == 950_000_000
    assert [m.stamp_ns for m in loop.published("stereo/left/image")][-1] == 2_000_000_000
    gap = np.diff([m.stamp_ns for m in loop.published("imu")])
    assert sorted(set(gap.tolist())) == [5_000_000, 255_000_000]
    told = {m.stamp_ns: m.fault_active for m in loop.published("truth/nearest") if isinstance(m, Truth)}
    assert told[950_000_000] == ()
    assert told[1_000_000_000] == ("stereo_right:dead",)
    events = [(e.stamp_ns, e.detail) for e in loop.published("journal") if isinstance(e, JournalEvent)]
    assert events == [
        (500_000_000, {"sensor": "imu", "fault": "dead", "active": True}),
        (750_000_000, {"sensor": "imu", "fault": "dead", "active": False}),
        (1_000_000_000, {"sensor": "stereo_right", "fault": "dead", "active": True}),
    ]


def test_faults_change_nothing_but_their_sensor(tmp_path: Path) -> None:
    """The flight, and the noise on the other pictures, are those of the same seed without the fault."""
    loops = []
    for name, faults in (("a", ()), ("b", (Fault(0.5, "stereo_right", "noise"), Fault(0.3, "imu", "noise")))):
        loop, node = system(tmp_path / name, replace(PARAMS, duration_s=1.0, faults=faults))
        fly(loop, node)
        loops.append(loop)
    for topic in ("stereo/left/image", "odom"):
        for one, other in zip(loops[0].published(topic), loops[1].published(topic), strict=True):
            assert np.array_equal(getattr(one, "data", 0), getattr(other, "data", 0))
            assert getattr(one, "position", 0) == getattr(other, "position", 0)
    assert not np.array_equal(
        loops[0].published("stereo/right/image")[-1].data,
        loops[1].published("stereo/right/image")[-1].data,
    )


_SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_drone_node as test
loop, node = test.system(Path(sys.argv[2]), test.DroneParams(duration_s=3.0, seed=int(sys.argv[3])))
test.fly(loop, node)
print(test.bits(loop))
"""


def in_another_process(folder: Path, seed: int) -> str:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", _SCRIPT, here, str(folder), str(seed)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip()


def test_same_seed_same_bits_in_two_processes(tmp_path: Path) -> None:
    first, second = in_another_process(tmp_path / "a", 5), in_another_process(tmp_path / "b", 5)
    assert len(first) == 64
    assert first == second
    loop, node = system(tmp_path / "c", DroneParams(duration_s=3.0, seed=6))
    fly(loop, node)
    assert bits(loop) != first


def test_a_restored_flight_continues_bit_for_bit(tmp_path: Path) -> None:
    plan = (Fault(0.8, "stereo_right", "freeze"), Fault(0.5, "imu", "noise"))
    params = replace(PARAMS, duration_s=3.0, lidar_hz=10.0, faults=plan, start=StartPose(1.2, 0.3))
    loop, node = system(tmp_path / "a", params)
    fly(loop, node, until_s=1.5)
    save_state(tmp_path / "snapshot.npz", loop.snapshot())
    before = {topic: len(loop.published(topic)) for topic in loop.topics()}
    fly(loop, node)

    again, second = system(tmp_path / "b", params)
    again.resume(load_state(tmp_path / "snapshot.npz"))
    assert second.next_tick_ns() == 1_525_000_000
    fly(again, second)
    for topic in sorted(loop.topics() - {"truth/map", "stereo/left/camera_info", "stereo/right/camera_info"}):
        rest = loop.published(topic)[before.get(topic, 0) :]
        repeated = again.published(topic)
        assert len(rest) == len(repeated), topic
        for one, other in zip(rest, repeated, strict=True):
            for name in one.__struct_fields__:
                assert np.array_equal(getattr(one, name), getattr(other, name)), (topic, name)
    assert len(again.published("stereo/left/image")) == 30
    assert loop.snapshot().digest() == again.snapshot().digest()
