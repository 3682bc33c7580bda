"""The recorder by itself: split files, a ring that is written out, a queue that overflows, and where a log is from."""

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader

from selfcue import launcher
from selfcue.cli import main
from selfcue.config import launch
from selfcue.config.decode import decode
from selfcue.config.launch import LaunchSpec
from selfcue.errors import BadInputError, LossError, SelfcueError
from selfcue.messages import IMAGE_ENCODINGS, CameraInfo, Image, Imu, Message
from selfcue.record.convert import to_ros
from selfcue.record.definitions import codec
from selfcue.record.encoder import Encoder
from selfcue.record.keeping import Keeping
from selfcue.record.node import RecorderNode, RecorderParams, qos_of
from selfcue.record.reader import LogReader
from selfcue.record.recorder import Recorder
from selfcue.record.rules import TopicRule
from selfcue.record.run_log import RunLog
from selfcue.record.scribe import Scribe
from selfcue.record.segments import Segments
from selfcue.record.sink import Sink
from selfcue.record.standard_topics import STANDARD_TOPICS, Recorded
from selfcue.record.writer import LogWriter
from selfcue.testing import LoopSystem
from tests.record.recordings import MS, imu, info, picture, place

S = 1_000_000_000
Equal = Callable[[Message, Message], bool]


def feed(scribe: Scribe, count: int) -> None:
    scribe.record("info", info(), 0)
    for i in range(count):
        scribe.record("imu", imu(i), i * 10 * MS)
        if i % 5 == 0:
            scribe.record("left", picture(i), i * 10 * MS)


def keys(log: Any) -> list[tuple[str, int, int]]:
    return [(topic, message.seq, ns) for topic, message, ns in log]


def infos(log: LogReader | RunLog) -> list[CameraInfo]:
    return [message for _, message, _ in log.messages(["info"]) if isinstance(message, CameraInfo)]


# -- splits -----------------------------------------------------------------------------------------------------------


def test_between_two_files_recording_has_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bool] = []
    scribe = Scribe(place(tmp_path), Keeping(compression="none", split_mb=0.05), {})
    opens = Segments._open

    def look(self: Segments) -> LogWriter:
        said.append(scribe.stopped)  # as a thread sees it that looks in this moment
        return opens(self)

    monkeypatch.setattr(Segments, "_open", look)
    feed(scribe, 200)
    assert len(scribe.paths) > 1
    assert said == [False] * (len(scribe.paths) - 1)
    scribe.close()
    assert scribe.stopped


@pytest.mark.parametrize("split", [{"split_s": 0.5}, {"split_mb": 0.2}])
def test_a_split_recording_reads_as_one_and_each_file_by_itself(tmp_path: Path, split: dict[str, float]) -> None:
    straight = Scribe(place(tmp_path / "a"), Keeping(), {})
    parts = Scribe(place(tmp_path / "b"), Keeping(compression="none", chunk_bytes=8192, **split), {})
    for scribe in (straight, parts):
        feed(scribe, 300)
        scribe.close()
    assert len(parts.paths) >= 4
    assert parts.counts == straight.counts == {"imu": 300, "left": 60, "info": 1}
    with LogReader(straight.paths[0]) as one, RunLog(tmp_path / "b") as many:
        assert keys(many) == keys(one)
        assert many.complete
        assert {name: found.count for name, found in many.topics().items()} == dict(parts.counts)
    for path in parts.paths:
        with LogReader(path) as log:
            assert log.complete
            assert [message.k[0] for message in infos(log)] == [100.0]
            if "split_s" in split:
                assert log.end_ns - log.start_ns < 0.5 * S
            else:
                assert path.stat().st_size < 0.25e6  # a chunk, and the index, more


def test_messages_of_one_time_on_both_sides_of_a_split_are_all_there(tmp_path: Path) -> None:
    scribe = Scribe(place(tmp_path), Keeping(split_mb=0.05, compression="none", chunk_bytes=8192), {})
    for i in range(60):
        scribe.record("left", picture(i), 7 * S)
    scribe.close()
    assert len(scribe.paths) > 3
    with RunLog(tmp_path) as log:
        assert [message.seq for _, message, _ in log] == list(range(60))


def test_a_split_recording_that_is_cut_and_resumed_reads_as_if_uncut(tmp_path: Path) -> None:
    keeping = Keeping(split_s=0.5)
    straight = Scribe(place(tmp_path / "a"), keeping, {})
    feed(straight, 300)
    straight.close()
    first = Scribe(place(tmp_path / "b"), keeping, {})
    feed(first, 230)
    first.flush()  # and killed; its last whole snapshot was at 1.2 s
    again = Scribe(place(tmp_path / "b"), keeping, {}, begin_ns=1_200 * MS)
    for i in range(120, 300):
        again.record("imu", imu(i), i * 10 * MS)
        if i % 5 == 0:
            again.record("left", picture(i), i * 10 * MS)
    again.close()
    with RunLog(tmp_path / "a") as one, RunLog(tmp_path / "b") as other:
        assert keys(other) == keys(one)
        assert (other.start_ns, other.end_ns) == (one.start_ns, one.end_ns)
        assert other.complete


def test_a_latched_message_that_changes_is_repeated_as_it_is_now(tmp_path: Path) -> None:
    scribe = Scribe(place(tmp_path), Keeping(split_s=1.0), {})
    for i in range(4):
        scribe.record("info", msgspec.structs.replace(info(i), width=10 + i), i * S)
        scribe.record("imu", imu(i), i * S)
    scribe.close()
    with RunLog(tmp_path) as log:
        assert [message.width for message in infos(log)] == [10, 11, 12, 13]
    with LogReader(scribe.paths[2]) as part:
        assert [message.width for message in infos(part)] == [11, 12]


# -- what is lost -----------------------------------------------------------------------------------------------------


def test_a_disk_that_stalls_costs_what_the_queue_has_no_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go, stalled = threading.Event(), threading.Event()
    record = Scribe.record

    def stall(self: Scribe, topic: str, message: Message, log_time_ns: int) -> None:
        stalled.set()
        assert go.wait(30)
        record(self, topic, message, log_time_ns)

    monkeypatch.setattr(Scribe, "record", stall)
    recorder = Recorder(place(tmp_path), Keeping(queue_mb=1.0), {}, threaded=True)
    side = 64
    fit = 1_000_000 // (side * side * 3 + 200)
    for i in range(fit + 25):
        recorder.take("left", picture(i, side), i * MS)
    assert stalled.wait(30)
    go.set()
    recorder.close()
    assert recorder.scribe.lost == {"left": 25}
    (path,) = recorder.scribe.paths
    with LogReader(path) as log:
        assert [message.seq for _, message, _ in log] == list(range(fit))
        assert json.loads(log.metadata["selfcue.end"]["lost_at"]) == {"left recorder": 25}
        assert log.metadata["selfcue.end"]["status"] == "INCOMPLETE"
    assert main(["log", "info", str(path)]) == 5
    assert "INCOMPLETE" in capsys.readouterr().out


def test_a_full_disk_stops_the_recorder_and_all_that_comes_later_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Sink.write

    def full(self: Sink, parts: Any) -> None:
        if self.tell() + sum(memoryview(part).nbytes for part in parts) > 60_000:
            raise LossError(f"{self.path}: writing failed after {self.tell()} bytes: No space left on device")
        write(self, parts)

    monkeypatch.setattr(Sink, "write", full)
    recorder = Recorder(place(tmp_path), Keeping(compression="none", chunk_bytes=8192), {}, threaded=True)
    for i in range(20):
        recorder.take("left", picture(i), i * MS)
    recorder.flush()
    assert recorder.stopped
    assert recorder.scribe.events[0][0] == "recording_stopped"
    recorder.take("left", picture(20), 20 * MS)
    recorder.close()
    with LogReader(recorder.scribe.paths[0]) as log:
        kept = len(list(log))
        assert kept == 4
        assert not log.complete
    assert recorder.scribe.counts["left"] == kept
    assert recorder.scribe.lost == {"left": 21 - kept}
    assert "No space left on device" in recorder.scribe.loss


def test_losses_on_the_way_are_counted_by_hop_and_once(tmp_path: Path) -> None:
    recorder = Recorder(place(tmp_path), Keeping(), {}, threaded=True)
    recorder.take("imu", imu(0), 0)
    for drops in ({"imu publisher": 2}, {"imu publisher": 2, "a/b socket": 1}, {"imu publisher": 5, "a/b socket": 1}):
        recorder.note_drops(drops)
    recorder.close()
    with LogReader(recorder.scribe.paths[0]) as log:
        end = log.metadata["selfcue.end"]
        assert json.loads(end["lost_at"]) == {"a/b socket": 1, "imu publisher": 5}
        assert json.loads(end["lost"]) == {"a/b": 1, "imu": 5}
        assert "a/b 1, imu 5 (lost on the way to the recorder, at publisher)" in log.loss


def test_a_fault_in_one_message_costs_that_message_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = Encoder.encode

    def faulty(self: Encoder, topic: str, message: Message) -> Any:
        if message.seq == 3:
            raise ZeroDivisionError("oops")
        return encode(self, topic, message)

    monkeypatch.setattr(Encoder, "encode", faulty)
    recorder = Recorder(place(tmp_path), Keeping(), {}, threaded=True)
    for i in range(6):
        recorder.take("imu", imu(i), i)
    recorder.flush()
    recorder.close()
    assert recorder.scribe.lost == {"imu": 1}
    with LogReader(recorder.scribe.paths[0]) as log:
        assert [message.seq for _, message, _ in log] == [0, 1, 2, 4, 5]
        assert "ZeroDivisionError: oops (a fault of the program)" in log.loss


def test_drops_of_the_process_reach_the_log(tmp_path: Path) -> None:
    loop = LoopSystem(tmp_path)
    loop.add(RecorderNode("recorder", RecorderParams(topics={"imu": Recorded("Imu")})))
    loop.feed("imu", imu(0))
    loop.tick(25 * MS)
    loop.cell.bus_drops = {"imu socket": 4, "other socket": 9}
    loop.tick(50 * MS)
    with pytest.raises(SelfcueError, match=r"4 messages were lost \(imu 4\)"):
        loop.finish()
    with LogReader(tmp_path / "log" / "0000.mcap") as log:
        assert json.loads(log.metadata["selfcue.end"]["lost_at"]) == {"imu socket": 4}


def test_the_recorder_asks_for_reliable_where_that_may_be() -> None:
    assert str(qos_of(Image)) == "reliable(256, 0.2 s)"
    assert qos_of(Imu).kind == "keep"
    assert str(qos_of(Image, "keep(3)")) == "keep(3)"


# -- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "8UC1", "16UC1", "mono16", "32FC1"])
def test_png_loses_nothing(tmp_path: Path, equal: Equal, encoding: str) -> None:
    dtype, channels = IMAGE_ENCODINGS[encoding]
    shape = (37, 53, 3) if channels == 3 else (37, 53)
    rng = np.random.default_rng(1)
    data = rng.random(shape, np.float32) if dtype == "float32" else rng.integers(0, 256, shape).astype(dtype) * 250
    sent = Image(stamp_ns=5, seq=1, source="b", encoding=encoding, data=data.astype(dtype))
    writer = LogWriter(tmp_path / "a.mcap", rules={"left": TopicRule(png=1)})
    writer.write("left", sent, 5)
    writer.close()
    with (tmp_path / "a.mcap").open("rb") as file:
        (name,) = [schema.name for schema, _, _ in make_reader(file).iter_messages() if schema]
    assert name == ("sensor_msgs/msg/Image" if encoding == "32FC1" else "sensor_msgs/msg/CompressedImage")
    with LogReader(tmp_path / "a.mcap") as log:
        (entry,) = list(log)
        assert entry.topic == "left"
        assert equal(entry.message, sent)


@given(
    frame=st.text(max_size=12),
    stamp_ns=st.integers(0, 2**31 * S - 1),
    omega=st.tuples(*[st.floats()] * 3),
    force=st.tuples(*[st.floats()] * 3),
)
def test_the_quick_way_for_inertial_data_gives_the_same_bytes(
    frame: str, stamp_ns: int, omega: tuple[float, float, float], force: tuple[float, float, float]
) -> None:
    if any(0xD800 <= ord(letter) < 0xE000 for letter in frame):
        return
    message = Imu(stamp_ns=stamp_ns, frame_id=frame, angular_velocity=omega, linear_acceleration=force)
    encoded = Encoder({}).encode("imu", message)
    assert encoded is not None
    assert b"".join(encoded.pieces) == codec("sensor_msgs/msg/Imu").encode(to_ros(message)[1])


def test_inertial_data_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInputError, match=r"Imu: a value does not fit its field"):
        Encoder({}).encode("imu", msgspec.structs.replace(imu(0), angular_velocity=(1.0, 2.0)))
    with pytest.raises(BadInputError, match="stamp -1 ns does not fit a ROS time"):
        Encoder({}).encode("imu", msgspec.structs.replace(imu(0), stamp_ns=-1))


# -- where a log is from ----------------------------------------------------------------------------------------------


def test_a_log_says_where_it_comes_from(tmp_path: Path) -> None:
    weights = tmp_path / "start.safetensors"
    weights.write_bytes(b"weights")
    text = "processes:\n  p:\n    - {name: n, node: recorder, params: {folder: '" + str(weights) + "'}}\n"
    (tmp_path / "mine.yaml").write_text(text)
    system, _ = launcher.prepare(launch.find(str(tmp_path / "mine.yaml")), {}, out=tmp_path)
    system.write(tmp_path)
    recorder = Recorder(place(tmp_path / "log", tmp_path), Keeping(), {}, threaded=False)
    recorder.take("imu", imu(0), 0)
    (tmp_path / "learner").mkdir()
    (tmp_path / "learner" / "student.safetensors").write_bytes(b"learned")
    recorder.close()
    with LogReader(tmp_path / "log" / "0000.mcap") as log:
        about = log.metadata["selfcue"]
        assert log.attachment("launch.yaml").decode() == text
        assert json.loads(log.attachment("system.json"))["name"] == "mine"
        assert {"selfcue", "python", "numpy", "mcap"} <= set(json.loads(about["versions"]))
        state = json.loads(about["git"]).get("selfcue")
        assert state is None or (len(state["commit"]) == 40 and isinstance(state["changed"], bool))
        digest = hashlib.sha256(b"weights").hexdigest()
        assert json.loads(about["checkpoints"]) == {"start.safetensors": digest, str(weights): digest}
        learned = hashlib.sha256(b"learned").hexdigest()
        assert log.metadata["selfcue.checkpoints"]["learner/student.safetensors"] == learned


# -- the short form in a launch file ----------------------------------------------------------------------------------

HEAD = "processes:\n  p:\n    - {name: n, node: x}\n"


def spec_of(text: str) -> LaunchSpec:
    return launch.parse(HEAD + text, name="g", origin="g.yaml").resolve({})[0]


def test_record_in_a_launch_file() -> None:
    assert "recorder" not in spec_of("record: false\n").processes
    (node,) = spec_of("record: true\n").processes["recorder"]
    assert (node.name, node.node) == ("recorder", "recorder")
    assert decode(node.params, RecorderParams).chosen() == STANDARD_TOPICS
    (node,) = spec_of("record: [imu, 'depth/*']\n").processes["recorder"]
    chosen = decode(node.params, RecorderParams).chosen()
    assert sorted(chosen) == ["depth/status", "depth/student", "depth/trusted", "imu"]
    (node,) = spec_of("record: {topics: {a: {type: Imu}}, split_mb: 500}\n").processes["recorder"]
    params = decode(node.params, RecorderParams)
    assert (params.split_mb, list(params.chosen())) == (500.0, ["a"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("record: 3\n", "g.yaml:4: record: expected true, false, a list of topics or a map of settings, got 3"),
        ("record: []\n", "record: expected true, false, a list"),
        ("  recorder: [{name: r, node: recorder}]\nrecord: true\n", "there is a process 'recorder' already"),
    ],
)
def test_record_that_is_not_understood(text: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        spec_of(text)


def test_topics_that_are_not_known_are_said() -> None:
    with pytest.raises(BadInputError, match="'only' names 'wheel/\\*', which is none of the topics"):
        RecorderParams(only=("wheel/*",)).chosen()
