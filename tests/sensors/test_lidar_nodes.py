"""The nodes: a LiDAR on the bus, and clouds of any source through a chain of steps."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from selfcue.benchmarks.lidar_faults import flight
from selfcue.benchmarks.lidar_room import Room
from selfcue.config.decode import decode
from selfcue.errors import BadInputError
from selfcue.messages import Imu, LaserScan, Message, Odometry, PointCloud
from selfcue.sensors.lidar.chain import Step, apply_steps
from selfcue.sensors.lidar.filter_node import LidarFilterNode, LidarFilterParams
from selfcue.sensors.lidar.node import LidarNode, LidarParams
from selfcue.sensors.lidar.voxel import voxel_filter
from selfcue.sensors.trust_node import TrustParams
from selfcue.testing import LoopSystem
from tests.sensors.fake_rplidar import FakeScanner, turn
from tests.sensors.lidar_packets import there, vlp16_stream
from tests.sensors.test_lidar_processing import skewed, turned
from tests.sensors.test_lidar_udp import capture, free_port

MS = 1_000_000


class LiveLink:
    """A link on the wall's clock that keeps what is published."""

    lockstep = False
    run_dir = Path()

    def __init__(self) -> None:
        self.said: list[tuple[str, Message]] = []

    def now_ns(self) -> int:
        return time.time_ns()

    def advertise(self, topic: str, kind: type[Message], *, latched: bool = False, rate_hz: float = 0.0) -> Any:
        link = self

        class Out:
            def publish(self, message: Message) -> None:
                assert isinstance(message, kind)
                link.said.append((topic, message))

        return Out()

    def journal(self, kind: str, **detail: object) -> None:
        pass

    def of(self, topic: str) -> list[Any]:
        return [message for name, message in self.said if name == topic]


def until(node: LidarNode, link: LiveLink, topic: str, count: int) -> list[Any]:
    end_s = time.monotonic() + 20.0
    while len(link.of(topic)) < count and time.monotonic() < end_s:
        node.step(link.now_ns())
    return link.of(topic)


def test_a_velodyne_is_on_the_bus_stamped_by_the_systems_clock() -> None:
    port = free_port()
    done = threading.Event()

    packets = vlp16_stream(75)  # one turn, to be sent again and again with the time of each

    def pour() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for i in itertools.count():
                data = packets[i % 75]
                one.sendto(data[:1200] + struct.pack("<I", round(1327.104 * i)) + data[1204:], ("127.0.0.1", port))
                if done.wait(0.0005):
                    return

    threading.Thread(target=pour, daemon=True).start()
    params = decode({"driver": "lidar_velodyne", "settings": {"source": f"udp://127.0.0.1:{port}"}}, LidarParams)
    link, node = LiveLink(), LidarNode("lidar", params)
    before_ns = time.time_ns()
    try:
        node.configure(link)  # type: ignore[arg-type]
        clouds = until(node, link, "lidar/points", 2)
        assert [cloud.frame_id for cloud in clouds[:2]] == ["velodyne"] * 2
        for cloud in clouds:
            assert before_ns - 200 * MS < cloud.stamp_ns < time.time_ns()
            assert there(cloud.time_s).max() < 0.11
        assert link.of("lidar/device")[-1].state == "up"
    finally:
        done.set()
        node.close()
        node.close()


def test_an_rplidar_is_on_the_bus() -> None:
    pytest.importorskip("serial", reason="pyserial is not installed")
    fake = FakeScanner()
    link = LiveLink()
    node = LidarNode("scan", LidarParams("lidar_rplidar", {"source": fake.path, "frame_id": "front"}, topic="front"))
    try:
        node.configure(link)  # type: ignore[arg-type]
        threading.Thread(target=fake.send, args=(turn(4.0) * 4,), daemon=True).start()
        scan = until(node, link, "front/scan", 1)[0]
        assert isinstance(scan, LaserScan)
        assert scan.frame_id == "front"
        assert abs(time.time_ns() - scan.stamp_ns) < 20e9
    finally:
        node.close()
        fake.pull()


def test_a_capture_is_played_by_the_node(tmp_path: Path) -> None:
    path = capture(tmp_path / "v.pcap", vlp16_stream(75 * 3))
    link = LiveLink()
    node = LidarNode("lidar", LidarParams("lidar_velodyne", {"source": str(path), "rate": 0.0}))
    node.configure(link)  # type: ignore[arg-type]
    assert len(until(node, link, "lidar/points", 3)) == 3
    end_s = time.monotonic() + 20
    while link.of("lidar/device")[-1].state != "ended" and time.monotonic() < end_s:
        node.step(link.now_ns() + 2_000_000_000)
    assert link.of("lidar/device")[-1].state == "ended"
    node.close()


def test_settings_that_cannot_be_are_said() -> None:
    link: Any = LiveLink()
    for params, text in (
        (LidarParams("imu_serial", {"source": "/dev/null"}), "is of kind imu, not lidar"),
        (LidarParams("lidar_ouster", {"sauce": "udp://127.0.0.1:1"}), "sauce"),
        (LidarParams("lidar_ouster", {"source": "udp://127.0.0.1:1", "rate": "fast"}), "rate"),
        (LidarParams("lidar_hokuyo", {}), "no plugin 'lidar_hokuyo'"),
    ):
        with pytest.raises(BadInputError, match=text):
            LidarNode("lidar", params).configure(link)


# -- the filter --------------------------------------------------------------------------------------------------------


def system(folder: Path, params: LidarFilterParams) -> LoopSystem:
    loop = LoopSystem(folder)
    loop.add(LidarFilterNode("filter", params))
    return loop


CHAIN = {
    "steps": [
        {"do": "finite"},
        {"do": "body", "low_m": [-0.3, -0.3, -0.3], "high_m": [0.3, 0.3, 0.3]},
        {"do": "range", "least_m": 0.5, "most_m": 4.0},
        {"do": "box", "low_m": [-4, -4, -2], "high_m": [4, 4, 2]},
        {"do": "ground", "keep": "others", "ground": {"tolerance_m": 0.1, "low_m": -2.0, "high_m": 0.0}},
        {"do": "voxel", "size_m": 0.2},
    ]
}


def test_a_cloud_goes_through_the_configured_chain(tmp_path: Path) -> None:
    loop = system(tmp_path, decode(CHAIN, LidarFilterParams))
    cloud = Room(1).scan(5)
    loop.feed("lidar/points", cloud)
    loop.tick(cloud.stamp_ns + 1)
    (found,) = loop.published("lidar/filtered")
    assert found.stamp_ns == cloud.stamp_ns
    reach = np.linalg.norm(found.points, axis=1)
    assert reach.min() > 0.5
    assert reach.max() < 4.0
    assert 20 < len(found.points) < 0.8 * len(cloud.points)
    floor = cloud.points[:, 2].min()
    assert (cloud.points[:, 2] < floor + 0.1).sum() > 50
    assert (found.points[:, 2] < floor + 0.1).sum() == 0


def test_a_filter_that_was_saved_goes_on_alike(tmp_path: Path) -> None:
    params = decode(CHAIN, LidarFilterParams)
    clouds = list(flight(Room(1), 6))

    def play(loop: LoopSystem, some: list[PointCloud]) -> list[PointCloud]:
        for cloud in some:
            loop.feed("lidar/points", cloud)
            loop.tick(cloud.stamp_ns + 1)
        return loop.published("lidar/filtered")

    whole = play(system(tmp_path / "a", params), clouds)
    first = system(tmp_path / "b", params)
    begun = play(first, clouds[:3])
    again = system(tmp_path / "c", params)
    again.resume(first.snapshot())
    rest = play(again, clouds[3:])
    assert [c.points.tobytes() for c in begun + rest] == [c.points.tobytes() for c in whole]


def gyro(rate: float, k: int) -> Imu:
    return Imu(
        stamp_ns=5_000_000_000 + k * 10 * MS, angular_velocity=(0.0, 0.0, rate), linear_acceleration=(0.0, 0.0, 9.81)
    )


@pytest.mark.parametrize("by", ["gyro", "odometry"])
def test_a_cloud_waits_for_its_motion_and_is_deskewed(tmp_path: Path, by: str) -> None:
    rate = 2.0
    cloud, expected = skewed(lambda t: turned(rate * t), turned(0.0), 3)
    params = decode({"deskew": by, "motion_topic": "motion", "steps": []}, LidarFilterParams)
    loop = system(tmp_path, params)

    def motion(k: int) -> Message:
        if by == "gyro":
            return gyro(rate, k)
        at = turned(rate * k * 0.01)
        zero = (0.0, 0.0, 0.0)
        return Odometry(
            stamp_ns=gyro(0.0, k).stamp_ns,
            position=zero,
            orientation=at.rotation,
            linear_velocity=zero,
            angular_velocity=zero,
        )

    loop.feed("lidar/points", cloud)
    for k in range(-2, 7):
        loop.feed("motion", motion(k))
        loop.tick(gyro(0.0, k).stamp_ns + 40 * MS)
    assert loop.published("lidar/filtered") == []
    saved = loop.snapshot()
    loop = system(tmp_path / "again", params)
    loop.resume(saved)
    for k in range(7, 12):
        loop.feed("motion", motion(k))
        loop.tick(gyro(0.0, k).stamp_ns + 40 * MS)
    (found,) = loop.published("lidar/filtered")
    assert np.abs(found.points - expected).max() < 1e-3
    assert np.abs(cloud.points - expected).max() > 1.0


def test_a_cloud_whose_motion_does_not_come_goes_on_skewed_and_is_counted(tmp_path: Path) -> None:
    cloud, _ = skewed(lambda t: turned(2.0 * t), turned(0.0), 3)
    loop = system(tmp_path, LidarFilterParams(deskew="gyro", motion_topic="imu", wait_s=0.3))
    loop.feed("lidar/points", cloud)
    loop.tick(cloud.stamp_ns + 200 * MS)
    assert loop.published("lidar/filtered") == []
    loop.tick(cloud.stamp_ns + 300 * MS)
    (found,) = loop.published("lidar/filtered")
    assert np.array_equal(found.points, cloud.points)
    loop.finish()
    (said,) = [one for one in loop.published("journal") if one.kind == "lidar_filter"]
    assert (said.detail["clouds"], said.detail["not_deskewed"]) == (1, 1)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"output": "lidar/points"}, "must be two topics"),
        ({"deskew": "gyro"}, "belong together"),
        ({"steps": [{"do": "fold"}]}, "fold"),
        ({"steps": [{"do": "voxel", "size_m": 0.0}]}, "size_m 0.0 must be above 0"),
        ({"steps": [{"do": "box"}]}, "must lie below high_m"),
        ({"steps": [{"do": "range", "least_m": 3.0, "most_m": 2.0}]}, "must lie below most_m"),
        ({"steps": [{"do": "ground", "ground": {"trials": 0}}]}, "trials 0 at least 1"),
    ],
)
def test_chains_that_cannot_be(params: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        decode(params, LidarFilterParams)


def test_steps_keep_or_leave_the_ground() -> None:
    cloud = Room(0).scan(0)
    rng = np.random.default_rng(0)
    step = Step("ground", keep="ground")
    ground = apply_steps(cloud, [step], rng)
    others = apply_steps(cloud, [Step("ground")], np.random.default_rng(0))
    assert len(ground.points) + len(others.points) == len(cloud.points)
    assert np.ptp(ground.points[:, 2]) < 0.25 < np.ptp(others.points[:, 2])
    assert len(ground.points) > 100
    voxels = apply_steps(cloud, [Step("voxel", size_m=0.3)], rng)
    assert np.array_equal(voxels.points, voxel_filter(cloud, 0.3).points)


def test_the_launch_file_of_the_page_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sensors_lidar.md").read_text().split("```yaml\n")[1].split("```")[0]
    nodes = {node["name"]: node for node in yaml.safe_load(text)["processes"]["body"]}
    lidar = decode(nodes["lidar"]["params"], LidarParams)
    assert LidarNode("lidar", lidar).driver().name == "lidar udp://0.0.0.0:7502"
    chain = decode(nodes["near"]["params"], LidarFilterParams)
    assert [step.do for step in chain.steps] == ["body", "range", "ground", "voxel"]
    assert decode(nodes["lidar_watch"]["params"], TrustParams).sensor == "lidar"
