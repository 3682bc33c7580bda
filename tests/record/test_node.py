"""The recorder in a lock-step system: what it hears is in the log, cut and resumed runs read as one."""

import dataclasses
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from selfcue.config.decode import decode
from selfcue.errors import BadInputError, LossError, MissingDependencyError
from selfcue.messages import CameraInfo, Image, Imu, JournalEvent, Message, PointCloud
from selfcue.node import ClockOwner, Link, Publisher
from selfcue.record import node as recorder_module
from selfcue.record.entry import LogEntry
from selfcue.record.layout import START
from selfcue.record.node import RecorderNode, RecorderParams
from selfcue.record.reader import LogReader
from selfcue.record.run_log import RunLog, open_log, read_run
from selfcue.record.standard_topics import STANDARD_TOPICS, Recorded
from selfcue.state import State
from selfcue.testing import LoopSystem

MS = 1_000_000
TICK_NS = 25 * MS
Equal = Callable[[Message, Message], bool]


class Body(ClockOwner):
    """Twenty ticks of inertial data and pictures."""

    def __init__(self, ticks: int = 20) -> None:
        super().__init__("body", None)
        self._ticks, self._k = ticks, 0

    def configure(self, link: Link) -> None:
        self._imu: Publisher[Imu] = link.advertise("imu", Imu)
        self._image: Publisher[Image] = link.advertise("left", Image)
        self._info: Publisher[CameraInfo] = link.advertise("info", CameraInfo, latched=True)

    def next_tick_ns(self) -> int | None:
        return None if self._k == self._ticks else (self._k + 1) * TICK_NS

    def step(self, now_ns: int) -> None:
        if self._k == 0:
            eye = (100.0, 0.0, 4.0, 0.0, 100.0, 4.0, 0.0, 0.0, 1.0)
            self._info.publish(CameraInfo(stamp_ns=now_ns, width=8, height=8, k=eye, p=(*eye, 0.0, 0.0, 0.0)))
        for i in range(5):
            omega = (self._k / 7, i / 3, 0.0)
            self._imu.publish(
                Imu(
                    stamp_ns=now_ns - 20 * MS + i * 5 * MS, angular_velocity=omega, linear_acceleration=(0.0, 0.0, 9.81)
                )
            )
        if self._k % 2 == 0:
            data = np.random.default_rng(self._k).integers(0, 256, (8, 8, 3), np.uint8)
            self._image.publish(Image(stamp_ns=now_ns, encoding="rgb8", data=data))
        self._k += 1

    def state(self) -> State:
        return State({"k": self._k})

    def load_state(self, state: State) -> None:
        self._k = state.meta["k"]


TOPICS = {
    "imu": Recorded("Imu"),
    "left": Recorded("Image", max_hz=10.0),
    "info": Recorded("CameraInfo"),
    "journal": Recorded("JournalEvent"),
}


def system(run_dir: Path, topics: dict[str, Recorded] | None = None, **settings: Any) -> LoopSystem:
    loop = LoopSystem(run_dir)
    loop.add(Body())
    loop.add(RecorderNode("recorder", RecorderParams(topics=topics or TOPICS, **settings)))
    return loop


def as_keys(entries: Iterator[LogEntry]) -> list[tuple[str, str, int, int, int]]:
    return [(topic, one.source, one.seq, one.stamp_ns, ns) for topic, one, ns in entries]


def test_everything_heard_is_logged_at_the_tick_after(tmp_path: Path, equal: Equal) -> None:
    (tmp_path / "system.json").write_text('{"name": "test"}')
    loop = system(tmp_path)
    loop.run()
    loop.tick(21 * TICK_NS)
    loop.finish()
    with LogReader(tmp_path / "log" / "0000.mcap") as log:
        assert log.complete
        assert json.loads(log.attachment("system.json")) == {"name": "test"}
        entries = list(log.messages(["imu"]))
        assert len(entries) == 100
        assert all(equal(e.message, sent) for e, sent in zip(entries, loop.published("imu")[:100], strict=True))
        assert all(entry.log_time_ns == -(-entry.message.stamp_ns // TICK_NS) * TICK_NS + TICK_NS for entry in entries)
        # Pictures come at 20 Hz and are thinned to 10.
        assert [entry.message.seq for entry in log.messages(["left"])] == [0, 2, 4, 6, 8]
        assert json.loads(log.metadata["selfcue.end"]["throttled"]) == {"left": 5}
        assert len(list(log.messages(["info"]))) == 1


@pytest.mark.parametrize("cut", [1, 7, 8, 19])
def test_a_cut_and_resumed_run_reads_as_if_uncut(tmp_path: Path, equal: Equal, cut: int) -> None:
    straight = system(tmp_path / "straight")
    straight.run()
    straight.finish()

    first = system(tmp_path / "cut")
    for k in range(cut):
        first.tick((k + 1) * TICK_NS)
    snapshot = first.snapshot()
    for k in range(cut, min(cut + 5, 20)):  # done again after the resume
        first.tick((k + 1) * TICK_NS)
    first.cell.nodes[1].close()
    second = system(tmp_path / "cut")
    second.resume(snapshot)
    second.run()
    second.finish()

    with RunLog(tmp_path / "cut") as log, LogReader(tmp_path / "straight" / "log" / "0000.mcap") as expected:
        assert [path.name for path in sorted((tmp_path / "cut" / "log").iterdir())] == ["0000.mcap", "0001.mcap"]
        found, wanted = list(log), list(expected)
        assert as_keys(iter(found)) == as_keys(iter(wanted))
        assert all(equal(a.message, b.message) for a, b in zip(found, wanted, strict=True))
        assert log.complete
        assert {topic: info.count for topic, info in log.topics().items()} == {
            topic: info.count for topic, info in expected.topics().items()
        }
        assert (log.start_ns, log.end_ns) == (expected.start_ns, expected.end_ns)
    assert as_keys(read_run(tmp_path / "cut", ["left"])) == as_keys(read_run(tmp_path / "straight" / "log", ["left"]))


def test_state_counts_over_all_segments_alike(tmp_path: Path) -> None:
    straight, cut = system(tmp_path / "a"), system(tmp_path / "b")
    for k in range(10):
        straight.tick((k + 1) * TICK_NS)
        cut.tick((k + 1) * TICK_NS)
    again = system(tmp_path / "b")
    again.resume(cut.snapshot())
    for k in range(10, 15):
        straight.tick((k + 1) * TICK_NS)
        again.tick((k + 1) * TICK_NS)
    assert straight.snapshot().digest() == again.snapshot().digest()
    assert straight.snapshot().part("recorder").meta["counts"] == {"imu": 70, "info": 1, "left": 4}


def test_a_snapshot_is_in_the_file_before_it_counts(tmp_path: Path) -> None:
    loop = system(tmp_path)
    for k in range(5):
        loop.tick((k + 1) * TICK_NS)
    assert loop.snapshot().part("recorder").meta["counts"]["imu"] == 20
    with LogReader(tmp_path / "log" / "0000.mcap") as log:  # as a kill now would leave it
        assert len(list(log.messages(["imu"]))) == 20
        assert log.cut_short


def test_resumed_twice_from_one_snapshot(tmp_path: Path) -> None:
    first = system(tmp_path)
    for k in range(6):
        first.tick((k + 1) * TICK_NS)
    snapshot = first.snapshot()
    for _ in range(2):
        later = system(tmp_path)
        later.resume(snapshot)
        for k in range(6, 9):
            later.tick((k + 1) * TICK_NS)
        later.cell.nodes[1].close()
    with RunLog(tmp_path) as log:
        assert [entry.message.seq for entry in log.messages(["imu"])] == list(range(40))
        assert log.metadata[START]["segment"] == "0002"
        assert log.loss == ""  # what 0000 and 0001 lost was done again


def test_a_fresh_start_in_an_old_folder_keeps_the_old_file_and_replaces_its_content(tmp_path: Path) -> None:
    for ticks in (9, 3):
        loop = system(tmp_path)
        for k in range(ticks):
            loop.tick((k + 1) * TICK_NS)
        loop.finish()
    with RunLog(tmp_path) as log:
        assert len(list(log.messages(["imu"]))) == 10
        assert log.end_ns == 3 * TICK_NS
    with LogReader(tmp_path / "log" / "0000.mcap") as log_before:
        assert len(list(log_before.messages(["imu"]))) == 40


def test_the_file_grows_every_second_of_system_time(tmp_path: Path) -> None:
    loop = system(tmp_path)
    sizes = []
    for k in range(20):
        loop.tick((k + 1) * 200 * MS)
        sizes.append((tmp_path / "log" / "0000.mcap").stat().st_size)
    grown = [k for k in range(1, 20) if sizes[k] > sizes[k - 1]]
    assert grown == [5, 10, 15]


def test_a_message_that_cannot_be_recorded_is_counted_and_journalled_once(tmp_path: Path) -> None:
    loop = system(tmp_path, {"cloud": Recorded("PointCloud"), "imu": Recorded("Imu")})
    for k in range(4):
        loop.feed("cloud", PointCloud(stamp_ns=k, points=np.zeros((2, 3)), intensity=np.zeros(2, np.float32)))
        loop.tick((k + 1) * TICK_NS)
    events = [event for event in loop.published("journal") if isinstance(event, JournalEvent)]
    assert [(event.kind, event.detail["topic"]) for event in events] == [("recording_refused", "cloud")]
    assert "needs an array of float32" in str(events[0].detail["why"])
    with pytest.raises(
        LossError, match=r"recorder: .*0000.mcap is incomplete: 4 messages were lost \(cloud 4\); point"
    ):
        loop.finish()
    with LogReader(tmp_path / "log" / "0000.mcap") as log:
        assert len(list(log)) == 15
        assert "cloud 4" in log.loss


def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path: Path) -> None:
    loop = system(tmp_path, chunk_bytes=1024, compression="none")
    loop.activate()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        loop.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    events = [event.kind for event in loop.published("journal") if isinstance(event, JournalEvent)]
    assert events == ["recording_stopped"]
    with pytest.raises(LossError, match=r"is incomplete: \d+ messages were lost .*File too large"):
        loop.finish()
    meta = loop.cell.nodes[1].state().meta
    with LogReader(tmp_path / "log" / "0000.mcap") as log:
        kept = len(list(log.messages(["imu"])))
        assert not log.complete
    assert 0 < kept < 95
    assert kept + meta["lost"]["imu"] == 95  # published in the first 19 ticks, so heard
    assert kept == meta["counts"]["imu"]


@pytest.mark.parametrize(
    ("topics", "text"),
    [
        ({}, "'topics' is empty"),
        ({"a": Recorded("Imag")}, "topic 'a' has type 'Imag', which is not known; known: AgentStatus"),
        ({"a": Recorded("Imu", jpeg=90)}, "topic 'a' carries Imu; only Image can be stored as jpeg"),
        ({"a": Recorded("Image", jpeg=101)}, "jpeg quality 101 is outside 1 to 100"),
        ({"a": Recorded("Image", max_hz=0.0)}, "max_hz 0.0 is outside"),
    ],
)
def test_wrong_settings_are_refused_before_a_file_is_made(tmp_path: Path, topics: Any, text: str) -> None:
    loop = LoopSystem(tmp_path)
    with pytest.raises(BadInputError, match=text):
        loop.add(RecorderNode("recorder", RecorderParams(topics=topics)))
    assert list(tmp_path.iterdir()) == []


def test_jpeg_without_opencv_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, *, extra: str) -> None:
        raise MissingDependencyError(f"{module} is not installed; get it with: pip install 'selfcue[{extra}]'")

    monkeypatch.setattr(recorder_module, "require", missing)
    with pytest.raises(MissingDependencyError, match=r"cv2 is not installed.*selfcue\[vision\]"):
        LoopSystem(tmp_path).add(RecorderNode("recorder", RecorderParams()))


def test_settings_decode_from_a_launch_file() -> None:
    text = {"topics": {"stereo/left/image": {"type": "Image", "jpeg": 90, "max_hz": 5.0}}, "compression": "zstd"}
    params = decode(text, RecorderParams)
    assert params.topics == {"stereo/left/image": Recorded("Image", jpeg=90, max_hz=5.0)}
    assert decode({}, RecorderParams).topics == STANDARD_TOPICS
    with pytest.raises(ValueError, match="did you mean 'max_hz'"):
        decode({"topics": {"a": {"type": "Imu", "max_hx": 1.0}}}, RecorderParams)
    assert msgspec.json.decode(msgspec.json.encode(dataclasses.asdict(params)), type=RecorderParams) == params


def test_folders_without_a_log_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds no log"):
        open_log(tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "0000.mcap").touch()
    with pytest.raises(BadInputError, match="every segment is empty"):
        open_log(tmp_path)
