"""The recent past in memory: what a ring holds, and what a snapshot of it writes."""

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError, SelfcueError, UsageError
from selfcue.record.encoder import Encoder
from selfcue.record.keeping import Keeping
from selfcue.record.reader import LogReader
from selfcue.record.recorder import Recorder
from selfcue.record.ring import Ring
from selfcue.record.scribe import Snapshot
from selfcue.record.writer import LogWriter
from tests.record.recordings import MS, imu, info, picture, place


@given(
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 40)), min_size=1, max_size=60),
    keep_ms=st.integers(1, 2000),
    most=st.integers(1, 60_000),
)
def test_a_ring_holds_the_newest_within_time_and_bytes(steps: list[tuple[int, int]], keep_ms: int, most: int) -> None:
    ring, encoder = Ring(keep_ms * MS, most), Encoder({})
    model: list[tuple[int, int, int]] = []
    now_ms = 0
    for seq, (pause_ms, side) in enumerate(steps):
        now_ms += pause_ms
        encoded = encoder.encode("left", msgspec.structs.replace(picture(0, side), seq=seq))
        assert encoded is not None
        ring.add(encoded, now_ms * MS)
        model.append((now_ms * MS, seq, encoded.nbytes + 400))
        model = [one for one in model if one[0] >= (now_ms - keep_ms) * MS]
        while sum(one[2] for one in model) > most and len(model) > 1:
            model.pop(0)
        assert ring.nbytes == sum(one[2] for one in model)
    held, taken = ring.recent()
    assert held == []
    assert [(ns, encoded.seq) for ns, encoded in taken] == [one[:2] for one in model]


def test_a_snapshot_holds_the_time_before_with_the_calibration_that_was_valid(tmp_path: Path) -> None:
    recorder = Recorder(place(tmp_path), Keeping(snapshot_s=2.0), {}, threaded=False)
    recorder.take("info", info(), 0)
    for i in range(1000):
        recorder.take("imu", imu(i), i * 10 * MS)
    told = recorder.snapshot(Snapshot(reason="hit the wall!"))
    short = recorder.snapshot(Snapshot(seconds=0.5))
    recorder.close()
    assert Path(told.path).name == "0000-hit-the-wall.mcap"
    assert (told.messages, told.from_ns, told.to_ns) == (201, 799 * 10 * MS, 999 * 10 * MS)
    with LogReader(told.path) as log:
        assert log.complete
        assert [message.seq for _, message, _ in log.messages(["imu"])] == list(range(799, 1000))
        assert len(list(log.messages(["info"]))) == 1
        about = log.metadata["selfcue"]
        assert (about["reason"], about["asked_s"], about["held_s"]) == ("hit the wall!", "2", "2.000")
    with LogReader(short.path) as log:
        assert [message.seq for _, message, _ in log.messages(["imu"])] == list(range(949, 1000))


def test_a_ring_short_of_memory_says_so_and_losses_are_in_the_snapshot(tmp_path: Path) -> None:
    recorder = Recorder(place(tmp_path), Keeping(snapshot_s=100.0, snapshot_mb=1.0), {}, threaded=False)
    for i in range(200):
        recorder.take("left", picture(i), i * 10 * MS)
    recorder.note_drops({"left socket": 3, "left ring": 1})
    told = recorder.snapshot(Snapshot())
    recorder.close()
    assert told.messages == 1_000_000 // (64 * 64 * 3 + 400 + 60)
    with LogReader(told.path) as log:
        assert int(log.metadata["selfcue"]["squeezed"]) == 200 - told.messages
        assert json.loads(log.metadata["selfcue.end"]["lost_at"]) == {"left ring": 1, "left socket": 3}
        assert not log.complete


def test_snapshots_that_cannot_be(tmp_path: Path) -> None:
    ring = Recorder(place(tmp_path / "a"), Keeping(snapshot_s=1.0), {}, threaded=True)
    with pytest.raises(BadInputError, match="nothing was heard yet"):
        ring.snapshot(Snapshot())
    with pytest.raises(BadInputError, match="a snapshot of -1 s"):
        ring.snapshot(Snapshot(seconds=-1.0))
    ring.close()
    files = Recorder(place(tmp_path / "b"), Keeping(), {}, threaded=True)
    with pytest.raises(UsageError, match="give it snapshot_s"):
        files.snapshot(Snapshot())
    files.close()
    with pytest.raises(ValueError, match="keeps no files that could be split"):
        Keeping(snapshot_s=1.0, split_s=2.0)


def test_only_so_many_snapshots_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    close = LogWriter.close

    def slow(self: LogWriter, *args: Any) -> None:
        assert go.wait(30)
        close(self, *args)

    monkeypatch.setattr(LogWriter, "close", slow)
    ring = Recorder(place(tmp_path), Keeping(snapshot_s=1.0), {}, threaded=True)
    ring.take("imu", imu(0), 0)
    paths = [ring.snapshot(Snapshot()).path for _ in range(2)]
    with pytest.raises(SelfcueError, match="2 snapshots are being written"):
        ring.snapshot(Snapshot())
    go.set()
    ring.close()
    assert [Path(path).exists() for path in paths] == [True, True]
