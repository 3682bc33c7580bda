"""Files: what is written comes back, through our reader, rosbags and the reader of the mcap library."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from selfcue import __version__
from selfcue.errors import BadInputError, LossError
from selfcue.messages import MESSAGE_TYPES, Image, Imu, JournalEvent, Message
from selfcue.record.convert import to_ros
from selfcue.record.reader import LogReader
from selfcue.record.rules import Throttle, TopicRule
from selfcue.record.writer import Compression, LogWriter

MS = 1_000_000
Equal = Callable[[Message, Message], bool]


def imu(i: int, *, source: str = "drone") -> Imu:
    return Imu(
        stamp_ns=i * 5 * MS,
        seq=i,
        source=source,
        angular_velocity=(0.1 * i, 0.0, 0.0),
        linear_acceleration=(0, 0, 9.81),
    )


def image(i: int, side: int = 32) -> Image:
    data = np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8)
    return Image(stamp_ns=i * 50 * MS, seq=i, source="drone", encoding="rgb8", data=data)


def write_samples(path: Path, samples: list[Message], **settings: Any) -> list[tuple[str, Message, int]]:
    """Write each sample three times, on a topic of its own name, at different log times."""
    written = []
    with_samples = LogWriter(path, **settings)
    for k in range(3):
        for message in samples:
            entry = (f"all/{type(message).__name__}", msgspec.structs.replace(message, seq=k), (k + 1) * 25 * MS)
            assert with_samples.write(*entry)
            written.append(entry)
    with_samples.close()
    return written


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
@pytest.mark.parametrize("chunk_bytes", [1024, 1 << 20])
def test_every_type_comes_back_equal(
    tmp_path: Path, samples: list[Message], equal: Equal, compression: Compression, chunk_bytes: int
) -> None:
    path = tmp_path / "a.mcap"
    written = write_samples(path, samples, compression=compression, chunk_bytes=chunk_bytes)
    with LogReader(path) as log:
        entries = list(log)
        assert [(entry.topic, entry.log_time_ns) for entry in entries] == [(t, ns) for t, _, ns in written]
        assert all(equal(entry.message, message) for entry, (_, message, _) in zip(entries, written, strict=True))
        assert log.complete
        assert (log.start_ns, log.end_ns) == (25 * MS, 75 * MS)
        topics = log.topics()
        assert {info.type for info in topics.values()} == set(MESSAGE_TYPES)
        assert {info.count for info in topics.values()} == {3}
        assert topics["all/Image"].sources == ("drone",)


def test_rosbags_decodes_every_message_to_equal_values(tmp_path: Path, samples: list[Message]) -> None:
    path = tmp_path / "a.mcap"
    written = write_samples(path, samples)
    with AnyReader([path], default_typestore=get_typestore(Stores.EMPTY)) as bag:
        found = [
            (connection.topic, connection.msgtype, time_ns, bag.deserialize(raw, connection.msgtype))
            for connection, time_ns, raw in bag.messages()
        ]
    expected = {(f"/{topic}", to_ros(message)[0], ns): to_ros(message)[1] for topic, message, ns in written}
    assert len(found) == len(written) == len(expected)
    for topic, schema, time_ns, message in found:
        assert_equal_values(expected[topic, schema, time_ns], message, topic)


def assert_equal_values(mine: Any, theirs: Any, where: str) -> None:
    if isinstance(mine, dict):
        for name, value in mine.items():
            assert_equal_values(value, getattr(theirs, name), f"{where}.{name}")
    elif isinstance(mine, (list, tuple)) and mine and isinstance(mine[0], dict):
        for i, pair in enumerate(zip(mine, theirs, strict=True)):
            assert_equal_values(*pair, f"{where}[{i}]")
    elif isinstance(theirs, np.ndarray):
        flat = np.asarray(mine).reshape(-1)
        assert np.array_equal(flat.astype(theirs.dtype), theirs, equal_nan=theirs.dtype.kind == "f"), where
    else:
        assert list(mine) == list(theirs) if isinstance(mine, (list, tuple)) else mine == theirs, where


def test_the_mcap_library_validates_the_file(tmp_path: Path, samples: list[Message]) -> None:
    path = tmp_path / "a.mcap"
    written = write_samples(path, samples, attachments={"launch.yaml": "name: x\n"}, metadata={"who": "test"})
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        found = list(reader.iter_messages())
        assert len(found) == len(written)
        for schema, channel, message in found:
            assert schema is not None
            assert (schema.encoding, channel.message_encoding) == ("ros2msg", "cdr")
            assert message.publish_time == 1_234_567_890
            assert message.log_time // (25 * MS) - 1 == message.sequence
            assert channel.metadata["offered_qos_profiles"] == ""
        assert [one.data for one in reader.iter_attachments()] == [b"name: x\n"]
        metadata = {one.name: one.metadata for one in reader.iter_metadata()}
    with path.open("rb") as file:
        assert sum(1 for _ in StreamReader(file, validate_crcs=True).records) > len(written)
    assert metadata["selfcue"]["who"] == "test"
    assert json.loads(metadata["selfcue"]["versions"])["selfcue"] == __version__
    end = metadata["selfcue.end"]
    assert end["complete"] == "true"
    assert json.loads(end["counts"]) == {f"all/{type(message).__name__}": 3 for message in samples}


def test_metadata_and_attachments_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    LogWriter(path, attachments={"a.txt": "ä\n", "b": ""}, metadata={"robot": "d1"}).close()
    with LogReader(path) as log:
        assert log.attachment("a.txt").decode() == "ä\n"
        assert log.attachment("b") == b""
        assert log.metadata["selfcue"]["robot"] == "d1"
        assert list(log) == []
        assert (log.complete, log.topics(), log.start_ns, log.end_ns) == (True, {}, 0, 0)
        with pytest.raises(BadInputError, match=r"has no attachment 'c'; it has: a\.txt, b"):
            log.attachment("c")


def test_publishers_of_one_topic_keep_their_names_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with_two = LogWriter(path)
    for i in range(3):
        for source in ("b", "a"):
            with_two.write("journal", JournalEvent(stamp_ns=i, seq=i, source=source, kind="k"), i)
    with_two.close()
    with LogReader(path) as log:
        assert [(entry.message.source, entry.message.seq) for entry in log] == [(s, i) for i in range(3) for s in "ba"]
        assert log.topics()["journal"].sources == ("a", "b")
        assert log.topics()["journal"].count == 6


def test_topics_and_times_are_selected(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = LogWriter(path, chunk_bytes=2048)
    for i in range(200):
        writer.write("imu", imu(i), i * 5 * MS)
        if i % 10 == 0:
            writer.write("left", image(i), i * 5 * MS)
    writer.close()
    with LogReader(path) as log:
        assert [entry.message.seq for entry in log.messages(["left"])] == list(range(0, 200, 10))
        part = [entry.log_time_ns for entry in log.messages(start_ns=100 * MS, end_ns=200 * MS)]
        assert part == [i * 5 * MS for i in range(20, 40) for _ in range(2 if i % 10 == 0 else 1)]
        with pytest.raises(BadInputError, match="no readable topic 'right'; readable: imu, left"):
            log.messages(["right"])


def test_messages_out_of_order_come_in_the_order_of_log_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = LogWriter(path, chunk_bytes=1024)
    order = np.random.default_rng(0).permutation(300)
    for i in order:
        writer.write("imu", imu(int(i)), int(i) * MS)
    writer.close()
    with LogReader(path) as log:
        assert [entry.message.seq for entry in log] == list(range(300))


def test_jpeg_topics(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    rules = {"*/image": TopicRule(jpeg=90)}
    depth = Image(stamp_ns=1, encoding="32FC1", data=np.ones((4, 4), np.float32))
    smooth = np.ascontiguousarray(np.broadcast_to(np.arange(96, dtype=np.uint8)[:, None, None], (96, 128, 3)))
    writer = LogWriter(path, rules=rules)
    writer.write("left/image", Image(stamp_ns=1, seq=4, encoding="rgb8", data=smooth), 1)
    writer.write("depth/image", depth, 2)
    writer.write("other", image(1), 3)
    writer.close()
    with path.open("rb") as file:
        stored = {channel.topic: schema.name for schema, channel, _ in make_reader(file).iter_messages() if schema}
    assert stored == {
        "/left/image/compressed": "sensor_msgs/msg/CompressedImage",
        "/depth/image": "sensor_msgs/msg/Image",
        "/other": "sensor_msgs/msg/Image",
    }
    with LogReader(path) as log:
        left, kept, other = (entry.message for entry in log)
        assert list(log.topics()) == ["depth/image", "left/image", "other"]
    assert isinstance(left, Image)
    assert (left.encoding, left.seq, left.data.shape) == ("rgb8", 4, (96, 128, 3))
    assert np.abs(left.data.astype(int) - smooth).max() <= 2
    assert isinstance(kept, Image)
    assert np.array_equal(kept.data, depth.data)
    assert isinstance(other, Image)
    assert np.array_equal(other.data, image(1).data)


def test_throttled_topics_are_thinned_evenly_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = LogWriter(path, rules={"imu": TopicRule(max_hz=20.0), "left": TopicRule(max_hz=1000.0)})
    kept = [i for i in range(400) if writer.write("imu", imu(i), i * 5 * MS)]
    for i in range(7):
        assert writer.write("left", image(i), i * 50 * MS)
    writer.close()
    assert kept == list(range(0, 400, 10))
    assert writer.throttled == {"imu": 360}
    with LogReader(path) as log:
        assert [entry.message.seq for entry in log.messages(["imu"])] == kept
        assert json.loads(log.metadata["selfcue"]["rules"])["imu"]["max_hz"] == 20.0
        assert json.loads(log.metadata["selfcue.end"]["throttled"]) == {"imu": 360}
        assert log.complete  # what was asked for is no loss


def test_what_was_made_of_one_picture_is_kept_together(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "a.mcap", rules={"left": TopicRule(max_hz=5.0), "depth": TopicRule(max_hz=1.0)})
    for i in range(100):
        writer.write("left", image(i, 2), (i * 50 + 25) * MS)
        writer.write("depth", image(i, 2), (i * 50 + 75) * MS)
    writer.close()
    with LogReader(tmp_path / "a.mcap") as log:
        left = {entry.message.stamp_ns for entry in log.messages(["left"])}
        depth = {entry.message.stamp_ns for entry in log.messages(["depth"])}
    assert (len(left), len(depth)) == (25, 5)
    assert depth < left


def test_a_throttle_never_exceeds_its_rate() -> None:
    throttle = Throttle(15.0)
    kept = [t for t in range(0, 10_000, 25) if throttle.admits(t * MS)]
    assert len(kept) == 150


def test_settings_and_messages_that_cannot_be(tmp_path: Path, samples: list[Message]) -> None:
    with pytest.raises(BadInputError, match="compression 'gzip' is not known; use one of lz4, zstd, none"):
        LogWriter(tmp_path / "a.mcap", compression="gzip")  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="chunk_bytes 10 is outside"):
        LogWriter(tmp_path / "a.mcap", chunk_bytes=10)
    with pytest.raises(BadInputError, match="jpeg quality 0 is outside 1 to 100"):
        TopicRule(jpeg=0)
    with pytest.raises(BadInputError, match="max_hz -1 is outside"):
        TopicRule(max_hz=-1)
    (tmp_path / "there.mcap").write_bytes(b"precious")
    with pytest.raises(BadInputError, match="exists already"):
        LogWriter(tmp_path / "there.mcap")
    with pytest.raises(BadInputError, match="cannot be written"):
        LogWriter(tmp_path / "there.mcap" / "a.mcap")
    writer = LogWriter(tmp_path / "b.mcap")
    with pytest.raises(BadInputError, match="seq 4294967296"):
        writer.write("imu", msgspec.structs.replace(imu(0), seq=2**32), 0)
    with pytest.raises(BadInputError, match="log time -1 ns"):
        writer.write("imu", imu(0), -1)
    with pytest.raises(BadInputError, match="type Message cannot be recorded"):
        writer.write("x", Message(stamp_ns=0), 0)
    writer.write("imu", imu(0), 0)
    writer.close()
    writer.close()
    with pytest.raises(LossError, match="is closed"):
        writer.write("imu", imu(0), 0)
    with LogReader(tmp_path / "b.mcap") as log:
        assert len(list(log)) == 1


def test_what_a_recorder_lost_is_in_the_log(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "a.mcap")
    writer.write("imu", imu(0), 0)
    writer.note_lost("left", "too big")
    writer.note_lost("left", "later")
    writer.close()
    with LogReader(tmp_path / "a.mcap") as log:
        assert not log.complete
        assert log.loss == "the recorder lost messages: left 2 (too big)"
        assert len(list(log)) == 1
