"""ROS bags of both generations against rosbags' own reading, and what damaged ones do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, LaserScan, Message, NavSatFix, Transforms
from selfcue.record.log_source import McapSource
from selfcue.sensors.readers import LogReader, moments, open_log
from selfcue.sensors.rosbag.reader import RosbagReader

pytest.importorskip("rosbags", reason="rosbags is not installed")

from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin

from tests.sensors.bags import SECOND, START, written


@pytest.mark.parametrize("generation", [1, 2])
def test_a_bag_of_either_generation(tmp_path: Path, generation: int) -> None:
    reader = open_log(written(tmp_path, generation, clock_ns=SECOND // 100))
    assert isinstance(reader, RosbagReader)
    counts = {topic: (info.type, info.count) for topic, info in reader.contents().items()}
    assert counts == {
        "tf_static": ("Transforms", 1),
        "pose": ("Pose", 20),
        "cam/camera_info": ("CameraInfo", 4),
        "cam/image": ("Image", 4),
        "chatter": ("", 4),
    }
    assert reader.contents()["chatter"].schema == "std_msgs/msg/String"
    assert "chatter" not in reader.topics()
    assert reader.latched_topics == {"tf_static", "cam/camera_info"}
    entries = list(reader.messages())
    assert [stamp for stamp, _, _ in entries] == sorted(message.stamp_ns for _, _, message in entries)
    assert len(entries) == 29
    by_topic = {topic: message for _, topic, message in entries}
    picture, info, static = by_topic["cam/image"], by_topic["cam/camera_info"], by_topic["tf_static"]
    assert isinstance(picture, Image)
    assert picture.data.tolist() == np.arange(12).reshape(3, 4).tolist()
    assert isinstance(info, CameraInfo)
    assert (info.k[0], info.p[0], info.d, info.frame_id) == (40.0, 40.0, (0.0,) * 5, "cam")
    assert isinstance(static, Transforms)
    assert static.stamp_ns == START + SECOND // 100  # its stamp is not set: the time of recording
    assert (static.stamps_ns, static.parents, static.translations) == ((0,), ("base_link",), ((0.5, 0.0, 0.0),))
    assert (reader.start_ns, reader.end_ns) == (START, START + 19 * SECOND // 10)


@pytest.mark.parametrize("generation", [1, 2])
def test_static_transforms_of_a_simulated_clock_hold_from_the_beginning(tmp_path: Path, generation: int) -> None:
    reader = RosbagReader(written(tmp_path, generation, clock_ns=500 * SECOND))
    first, *_ = moments(reader)
    assert first.stamp_ns == START
    assert "tf_static" in {topic for _, topic, _ in first.entries}
    held = [topic for stamp, topic, _ in reader.messages(START + SECOND) if stamp < START + SECOND]
    assert held == ["tf_static", "cam/camera_info"]


def test_a_bag_folder_in_mcap_and_a_bare_database(tmp_path: Path) -> None:
    folder = written(tmp_path, 2, storage=StoragePlugin.MCAP)
    assert isinstance(open_log(folder), RosbagReader)
    assert len(list(open_log(folder).messages())) == 29
    (mcap,) = folder.glob("*.mcap")
    assert isinstance(open_log(mcap), McapSource)
    assert same(open_log(mcap), open_log(folder)) == 29
    (tmp_path / "b").mkdir()
    database = written(tmp_path / "b", 2)
    (file,) = database.glob("*.db3")
    assert same(open_log(file), open_log(database)) == 29


def same(one: LogReader, other: LogReader) -> int:
    """Count the messages that both give alike, topic by topic."""
    count = 0
    for topic in one.topics():
        mine = [message for _, name, message in one.messages() if name == topic]
        theirs = [message for _, name, message in other.messages() if name == topic]
        assert [repr(message) for message in mine] == [repr(message) for message in theirs]
        count += len(mine)
    return count


@pytest.mark.parametrize("generation", [1, 2])
def test_damaged_bags_give_one_line(tmp_path: Path, generation: int, refusals: Callable[..., list[str]]) -> None:
    path = written(tmp_path, generation)
    victim = path if generation == 1 else next(path.glob("*.db3"))
    said = refusals(victim, lambda: list(RosbagReader(path).messages()))
    assert len(said) >= 15
    assert all(str(path) in line and "\n" not in line for line in said)


def test_what_is_no_bag(tmp_path: Path) -> None:
    (tmp_path / "a.db3").write_bytes(b"SQLite format 3\x00" + bytes(500))
    with pytest.raises(BadInputError, match=r"a\.db3 is damaged or no ROS bag"):
        open_log(tmp_path / "a.db3")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "metadata.yaml").write_text("rosbag2_bagfile_information: [1")
    with pytest.raises(BadInputError, match="damaged or no ROS bag"):
        open_log(tmp_path / "x")
    assert not RosbagReader.claims(tmp_path)
    assert not RosbagReader.claims(tmp_path / "absent")


# -- recorded data -----------------------------------------------------------------------------------------------------


def stamp_of(header: Any) -> int:
    return int(header.stamp.sec) * SECOND + int(header.stamp.nanosec)


def triple(vector: Any) -> tuple[float, float, float]:
    return (vector.x, vector.y, vector.z)


def quadruple(turn: Any) -> tuple[float, float, float, float]:
    return (turn.x, turn.y, turn.z, turn.w)


def check(ours: Message, theirs: Any) -> None:
    """Compare what a message holds with rosbags' own object, field by field."""
    kind = type(ours).__name__
    if isinstance(ours, Transforms):
        assert len(ours.stamps_ns) == len(theirs.transforms)
        for i, one in enumerate(theirs.transforms):
            assert (ours.stamps_ns[i], ours.parents[i]) == (stamp_of(one.header), one.header.frame_id)
            assert ours.children[i] == one.child_frame_id
            assert ours.translations[i] == triple(one.transform.translation)
            assert ours.rotations[i] == quadruple(one.transform.rotation)
        return
    assert (ours.stamp_ns, ours.frame_id) == (stamp_of(theirs.header), theirs.header.frame_id)
    if isinstance(ours, LaserScan):
        assert np.array_equal(ours.ranges, theirs.ranges)
        assert np.array_equal(ours.intensities, theirs.intensities)
        assert (ours.angle_min_rad, ours.angle_step_rad) == (theirs.angle_min, theirs.angle_increment)
        return
    if isinstance(ours, NavSatFix):
        assert (ours.latitude_deg, ours.longitude_deg) == (theirs.latitude, theirs.longitude)
        assert (ours.altitude_m, ours.status) == (theirs.altitude, theirs.status.status)
        assert list(ours.covariance) == theirs.position_covariance.tolist()
        return
    names = {
        "Pose": [("position", "pose.position"), ("orientation", "pose.orientation")],
        "Vector": [("vector", "vector")],
        "Twist": [("linear", "twist.linear"), ("angular", "twist.angular")],
        "Imu": [("angular_velocity",) * 2, ("linear_acceleration",) * 2],
        "Odometry": [
            ("position", "pose.pose.position"),
            ("orientation", "pose.pose.orientation"),
            ("linear_velocity", "twist.twist.linear"),
            ("angular_velocity", "twist.twist.angular"),
        ],
    }
    for mine, place in names[kind]:
        value = theirs
        for part in (
            ["pose", *place.split(".")] if kind == "Pose" and hasattr(theirs.pose, "pose") else place.split(".")
        ):
            value = getattr(value, part)
        found = getattr(ours, mine)
        assert found == (triple(value) if len(found) == 3 else quadruple(value))


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("evo/ROS_example.bag", {}),
        ("evo/tf_example.bag", {}),
        ("evo/tf_example", {}),
        ("evo/nav2_turtlebot.mcap", {}),
        ("plotjuggler/tilt_laser.bag", {"info_gps": 356, "temperature": 712}),
    ],
)
def test_recorded_bags_equal_what_rosbags_reads(
    data: Callable[[str], Path], name: str, unknown: dict[str, int]
) -> None:
    path = data("ros_logs") / name
    reader: Any = open_log(path)
    ours: dict[str, list[Message]] = {}
    for _, topic, message in reader.messages():
        ours.setdefault(topic, []).append(message)
    contents = reader.contents()
    assert {topic: info.count for topic, info in contents.items() if not info.type} == unknown
    with AnyReader([path]) as bag:
        theirs: dict[str, list[Any]] = {}
        for connection, _, raw in bag.messages():
            topic = connection.topic.removeprefix("/")
            theirs.setdefault(topic, []).append(bag.deserialize(raw, connection.msgtype))
    assert {topic: info.count for topic, info in contents.items()} == {t: len(found) for t, found in theirs.items()}
    for topic, found in ours.items():
        key = (lambda m: stamp_of(m.header)) if hasattr(theirs[topic][0], "header") else newest
        expected = sorted(theirs[topic], key=key)
        assert len(found) == len(expected)
        for mine, other in zip(found, expected, strict=True):
            check(mine, other)


def newest(message: Any) -> int:
    return max(stamp_of(one.header) for one in message.transforms)
