"""``selfcue log`` on logs of any format: convert, cut, merge, check, ls, info, plot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from selfcue.errors import BadInputError, LossError, UsageError
from selfcue.messages import Imu, Message, Pose
from selfcue.record import sources
from selfcue.record import transcribe as transcribing
from selfcue.record.commands import app
from selfcue.record.run_log import open_log as open_mcap
from selfcue.record.transcribe import CONVERTED, Part, transcribe
from selfcue.record.writer import LogWriter
from selfcue.sensors.player_node import PlayerNode, PlayerParams
from selfcue.sensors.readers import moments, open_log
from selfcue.testing import LoopSystem

MS = 1_000_000
SECOND = 1000 * MS


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def done(*words: str | Path) -> Any:
    found = run(*words, "--json")
    assert found.exit_code == 0, found.exception or found.output
    return json.loads(found.stdout)


@pytest.fixture
def trajectory(tmp_path: Path) -> Path:
    """Poses at 10 Hz for 5 s."""
    path = tmp_path / "trajectory.txt"
    path.write_text("".join(f"{100 + i / 10:.1f} {i} 0 0 0 0 0 1\n" for i in range(50)))
    return path


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """Inertial data of one publisher at 100 Hz for 2 s, with numbers of their own and 7 ms from stamp to log."""
    path = tmp_path / "flight.mcap"
    writer = LogWriter(path, metadata={"robot": "x"})
    for i in range(200):
        stamp = 100 * SECOND + i * 10 * MS
        imu = Imu(
            stamp_ns=stamp, seq=i + 40, source="body", angular_velocity=(0, 0, i), linear_acceleration=(0, 0, 9.81)
        )
        writer.write("imu", imu, stamp + 7 * MS)
    writer.close()
    return path


def test_convert_writes_what_the_reader_gives(trajectory: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mcap"
    found = done("convert", trajectory, out, "--compression", "zstd")
    assert (found["counts"], found["complete"], found["nbytes"]) == ({"trajectory": 50}, True, out.stat().st_size)
    ours = [
        (stamp, topic, str(message).replace("seq=", "")) for stamp, topic, message in open_log(trajectory).messages()
    ]
    assert [stamp for stamp, _, _ in ours] == [stamp for stamp, _, _ in open_log(out).messages()]
    with open_mcap(out) as log:
        entries = list(log.messages())
        assert log.metadata[CONVERTED]["readers"] == "tum"
        assert "seconds since 1970" in log.metadata[CONVERTED]["time_base"]
        assert str(tmp_path) not in json.dumps(log.metadata)
    assert [entry.message.seq for entry in entries] == list(range(50))
    poses = [entry.message for entry in entries if isinstance(entry.message, Pose)]
    assert [pose.position[0] for pose in poses] == list(range(50))
    assert all(entry.log_time_ns == entry.message.stamp_ns for entry in entries)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mcap", "trajectory.txt"]


def test_our_own_logs_keep_log_time_publisher_and_number(flight: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mcap"
    done("convert", flight, out)
    with open_mcap(flight) as before, open_mcap(out) as after:
        assert list(before.messages()) == list(after.messages())
        assert after.topics()["imu"].sources == ("body",)


def test_nothing_is_overwritten_without_force(trajectory: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mcap"
    out.write_bytes(b"precious")
    found = run("convert", trajectory, out)
    assert isinstance(found.exception, BadInputError)
    assert "overwrite it with --force" in str(found.exception)
    assert out.read_bytes() == b"precious"
    done("convert", trajectory, out, "--force")
    with pytest.raises(BadInputError, match="is the log that is read"):
        transcribe([out], out, force=True)
    for name, text in (("out.bag", "ends in .mcap"), ("no/out.mcap", "no such folder"), (".", "is a folder")):
        with pytest.raises(BadInputError, match=text):
            transcribe([trajectory], tmp_path / name)


def test_an_interrupted_conversion_leaves_nothing(
    trajectory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mcap"
    out.write_bytes(b"before")
    copied = transcribing._copy

    def interrupted(items: Iterator[Any], *rest: Any) -> Any:
        def some() -> Iterator[Any]:
            for i, item in enumerate(items):
                if i == 20:
                    raise KeyboardInterrupt
                yield item

        return copied(some(), *rest)

    monkeypatch.setattr(transcribing, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        transcribe([trajectory], out, force=True)
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mcap", "trajectory.txt"]


def test_a_damaged_log_is_refused_and_leaves_nothing(trajectory: Path, tmp_path: Path) -> None:
    trajectory.write_text("1.0 0 0 0 0 0 0 1\n2.0 0 0\n")
    found = run("convert", trajectory, tmp_path / "out.mcap")
    assert isinstance(found.exception, BadInputError)
    assert not (tmp_path / "out.mcap").exists()


def test_cut_takes_the_part(trajectory: Path, flight: Path, tmp_path: Path) -> None:
    found = done("cut", trajectory, tmp_path / "a.mcap", "--start", "1.0", "--duration", "2.0")
    assert found["counts"] == {"trajectory": 20}
    stamps = [stamp for stamp, _, _ in open_log(tmp_path / "a.mcap").messages()]
    assert (stamps[0], stamps[-1]) == (101 * SECOND, 102_900 * MS)
    assert done("cut", flight, tmp_path / "b.mcap", "--start", "0.5")["counts"] == {"imu": 150}
    with open_mcap(tmp_path / "b.mcap") as log:
        first = next(iter(log.messages()))
    assert (first.message.seq, first.message.source) == (90, "body")
    for words, text in (
        (("--start", "9"), "log is 4.90 s long"),
        (("--topic", "imu"), "no topic 'imu' in trajectory.txt"),
    ):
        with pytest.raises(BadInputError, match=text):
            raise_(run("cut", trajectory, tmp_path / "c.mcap", *words))


def raise_(found: Any) -> None:
    raise found.exception


def test_calibration_comes_along_with_a_part(kitti: Any, tmp_path: Path) -> None:
    drive = kitti.slim()
    transcribe([drive], tmp_path / "a.mcap", Part(start_s=0.15))
    entries = list(open_log(tmp_path / "a.mcap").messages())
    topics = [topic for _, topic, _ in entries]
    assert {"stereo/left/camera_info", "stereo/right/camera_info"} <= set(topics[:2])
    assert min(message.stamp_ns for _, _, message in entries) == open_log(drive).start_ns + 150 * MS


def test_merge_puts_logs_in_the_order_of_time(trajectory: Path, flight: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.mcap"
    assert done("merge", trajectory, flight, out)["counts"] == {"imu": 200, "trajectory": 50}
    with open_mcap(out) as log:
        times = [entry.log_time_ns for entry in log.messages()]
    assert times == sorted(times)
    assert len(list(open_log(out).messages())) == 250
    found = run("merge", trajectory, tmp_path / "x.mcap")
    assert isinstance(found.exception, UsageError)


def test_what_cannot_be_taken_along_is_said_and_ends_with_code_5(tmp_path: Path, bag: Path) -> None:
    out = tmp_path / "out.mcap"
    found = run("convert", bag, out)
    assert isinstance(found.exception, LossError)
    assert found.exception.exit_code == 5
    assert "chatter: 4 messages of std_msgs/msg/String have no counterpart" in str(found.exception)
    with open_mcap(out) as log:
        assert not log.complete
        assert "chatter 4" in log.loss
    assert done("convert", bag, tmp_path / "some.mcap", "--topic", "pose")["counts"] == {"pose": 20}
    shown = run("info", bag)
    assert shown.exit_code == 0
    assert "not convertible: chatter 4" in shown.stdout
    told = done("info", bag)
    assert told["not_converted"] == {"chatter": 4}
    assert (told["reader"], told["messages"]) == ("rosbag", 33)
    checked = done("check", bag)
    assert checked["not_converted"] == {"chatter": 4}
    assert checked["messages"] == 29


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """20 poses, calibration, pictures, a static transform, 4 texts."""
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    from tests.sensors.bags import written

    return written(tmp_path, 1)


def test_messages_that_no_ros_type_holds_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        """One message that fits, two from the year 2100."""

        latched_topics: frozenset[str] = frozenset()
        start_ns, end_ns = 0, 1 << 62

        def topics(self) -> dict[str, type[Message]]:
            return {"pose": Pose}

        def messages(self, start_ns: int | None = None) -> Iterator[tuple[int, str, Message]]:
            for stamp in (5, 4_102_444_800 * SECOND, 4_102_444_801 * SECOND):
                yield stamp, "pose", Pose(stamp_ns=stamp, position=(0, 0, 0), orientation=(0, 0, 0, 1))

    monkeypatch.setattr(sources, "open_named", lambda path: ("odd", Odd()))
    found = transcribe([tmp_path], tmp_path / "out.mcap")
    assert found.counts == {"pose": 1}
    assert found.refused["pose"][0] == 2
    assert "2 messages do not fit (stamp" in found.incomplete


def test_check_finds_gaps_and_what_is_out_of_order(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = LogWriter(path)
    for i in [*range(10), 30, 29, *range(31, 40)]:
        pose = Pose(stamp_ns=i * 100 * MS, position=(0, 0, 0), orientation=(0, 0, 0, 1))
        writer.write("pose", pose, 5 * SECOND)
    writer.close()
    (found,) = done("check", path)["topics"].values()
    assert (found["messages"], found["expected"], found["gaps"]) == (21, 21, 1)
    assert found["longest_gap_s"] == pytest.approx(2.0)
    assert found["period_s"] == pytest.approx(0.1)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(path.read_bytes()[:-300])
    shown = run("check", cut)
    assert isinstance(shown.exception, LossError)


def test_ls_lists_what_lies_in_a_folder(trajectory: Path, flight: Path, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "bad.mcap").write_bytes(flight.read_bytes()[:8] + b"rest")
    (tmp_path / "notes.md").write_text("none")
    found = [json.loads(line) for line in run("ls", tmp_path, "--json").stdout.splitlines()]
    rows = {Path(one["path"]).name: (one["reader"], one["messages"], bool(one["problem"])) for one in found}
    assert rows == {
        "trajectory.txt": ("tum", 50, False),
        "flight.mcap": ("mcap", 200, False),
        "bad.mcap": ("mcap", 0, True),
    }
    assert "flight.mcap  mcap: 2.0 s, 200 messages on 1 topics" in run("ls", tmp_path).stdout


def test_plot_draws_fields_and_timing(flight: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for words in ((), ("imu:angular_velocity", "imu:linear_acceleration.2")):
        out = tmp_path / f"{len(words)}.png"
        found = run("plot", flight, *words, "--out", out)
        assert found.exit_code == 0, found.exception
        picture = cv2.imread(str(out))
        assert picture is not None
        assert picture.std() > 5
    before = (tmp_path / "0.png").read_bytes()
    assert isinstance(run("plot", flight, "--out", tmp_path / "0.png").exception, BadInputError)
    assert (tmp_path / "0.png").read_bytes() == before
    for field, text in (
        ("imu:nope", "no such field; there are"),
        ("nope:x", "no topic 'nope' in the log; there are imu"),
        ("imu:source", "is a str, which cannot be drawn"),
        ("imu:angular_velocity.7", "has no part '7'"),
    ):
        with pytest.raises(BadInputError, match=text):
            raise_(run("plot", flight, field, "--out", tmp_path / "x.png"))
    assert not (tmp_path / "x.png").exists()


RECORDED = {
    "ros_logs/evo/tf_example.bag": "rosbag",
    "ros_logs/evo/tf_example": "rosbag",
    "ros_logs/plotjuggler/tilt_laser.bag": "rosbag",
    "ros_logs/nebula_vlp16/1673400471837873222": "rosbag",
    "kitti_raw_0048_tiny": "kitti",
    "kitti_odometry_seq1": "kitti",
    "lidar_ouster_pcap/OS-0-32-U1_v2.2.0_1024x10.pcap": "lidar_pcap",
    "lidar_ouster_pcap/OS-1-128_v2.3.0_1024x10_lb_n3.pcap": "lidar_pcap",
}
LONGER = {
    "ros_logs/evo/ROS_example.bag": "rosbag",
    "ros_logs/evo/nav2_turtlebot.mcap": "mcap",
    "kitti_raw_stereo_lidar": "kitti",
    "euroc_imu_leica": "euroc",
    "ulog_px4/sample.ulg": "ulog",
    "ulog_px4/sample_log_small.ulg": "ulog",
    "mavlink_tlog_flight/flight.tlog": "tlog",
}
"""Tens of thousands of messages each, minutes in all; ``pytest -m long tests/sensors`` runs them."""
ALL = [*RECORDED, *(pytest.param(name, marks=pytest.mark.long) for name in LONGER)]


@pytest.mark.parametrize("name", ALL)
def test_recorded_logs_convert_and_read_back_equal(data: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    folder, _, rest = name.partition("/")
    path = data(folder) / rest
    found = transcribe([path], tmp_path / "out.mcap")
    before, after = by_topic(open_log(path).messages()), by_topic(open_log(tmp_path / "out.mcap").messages())
    assert {topic: len(ones) for topic, ones in before.items()} == found.counts
    assert found.refused == {}
    assert before == after
    with open_mcap(tmp_path / "out.mcap") as log:
        assert log.metadata[CONVERTED]["readers"] == (RECORDED | LONGER)[name]
        assert log.complete == (not found.incomplete)
        assert {topic: info.count for topic, info in log.topics().items()} == found.counts


@pytest.mark.parametrize("name", ALL)
def test_recorded_logs_play(data: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    """The first 300 moments, through the player: each at its time, nothing left out."""
    folder, _, rest = name.partition("/")
    path = data(folder) / rest
    loop = LoopSystem(tmp_path)
    player = PlayerNode("player", PlayerParams(str(path), stop_after_frames=300))
    loop.add(player)
    loop.activate()
    ticks: list[int] = []
    while (now_ns := player.next_tick_ns()) is not None:
        ticks.append(now_ns)
        loop.tick(now_ns)
    expected = list(islice(moments(open_log(path)), 300))
    assert ticks[: len(expected)] == [moment.stamp_ns for moment in expected]
    topics = {topic for moment in expected for _, topic, _ in moment.entries}
    for topic in topics:
        stamps = [message.stamp_ns for moment in expected for _, its, message in moment.entries if its == topic]
        assert [message.stamp_ns for message in loop.published(topic)] == stamps


def by_topic(entries: Iterator[tuple[int, str, Message]]) -> dict[str, list[str]]:
    """Return what each topic's messages hold, numbers and publishers aside."""
    found: dict[str, list[str]] = {}
    for _, topic, message in entries:
        fields = [name for name in message.__struct_fields__ if name not in ("seq", "source")]
        values = (getattr(message, name) for name in fields)
        text = repr([value.tobytes() if hasattr(value, "tobytes") else value for value in values])
        found.setdefault(topic, []).append(text)
    return found
