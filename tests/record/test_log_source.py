"""Logs as a source of messages, and the command that looks into them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from selfcue.errors import BadInputError, LossError
from selfcue.messages import CameraInfo, Image, Imu, Message, WorldMap
from selfcue.record.commands import app
from selfcue.record.log_source import McapSource
from selfcue.record.reader import LogReader
from selfcue.record.stamp_order import LAG_NS
from selfcue.record.writer import LogWriter
from selfcue.sensors.readers import moments

MS = 1_000_000
EYE = (100.0, 0.0, 4.0, 0.0, 100.0, 4.0, 0.0, 0.0, 1.0)
Equal = Callable[[Message, Message], bool]


def write(path: Path, seconds: int = 8) -> None:
    """Pictures at 10 Hz recorded 300 ms after their stamp, inertial data at 100 Hz recorded 10 ms after it."""
    writer = LogWriter(path)
    info = CameraInfo(stamp_ns=5, width=8, height=8, k=EYE, p=(*EYE, 0.0, 0.0, 0.0), source="cam")
    writer.write("info", info, 10 * MS)
    writer.write("map", WorldMap(stamp_ns=5, outlines={"a": ((0.0, 0.0),)}), 10 * MS)
    for i in range(2, seconds * 100):
        stamp = i * 10 * MS
        imu = Imu(stamp_ns=stamp, seq=i, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 9.81))
        writer.write("imu", imu, stamp + 10 * MS)
        if i % 10 == 0 and i >= 30:
            picture = Image(stamp_ns=stamp - 300 * MS, encoding="mono8", data=np.full((8, 8), i % 256, np.uint8))
            writer.write("left", picture, stamp)
    writer.close()


def test_messages_come_in_the_order_of_stamps(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    source = McapSource(path)
    entries = list(source.messages())
    stamps = [stamp for stamp, _, _ in entries]
    assert stamps == sorted(stamps)
    assert all(stamp == message.stamp_ns for stamp, _, message in entries)
    with LogReader(path) as log:
        assert len(entries) == len(list(log))
    assert source.topics() == {"imu": Imu, "info": CameraInfo, "left": Image, "map": WorldMap}
    assert source.latched_topics == {"info", "map"}
    assert (source.start_ns, source.end_ns) == (0, 7990 * MS)
    assert source.loss == ""


def test_playing_from_the_middle_begins_with_what_is_latched(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    start = 3005 * MS
    entries = list(McapSource(path).messages(start))
    assert [(stamp, topic) for stamp, topic, _ in entries[:3]] == [(5, "info"), (5, "map"), (3010 * MS, "imu")]
    rest = [entry for entry in McapSource(path).messages() if entry[0] >= start]
    assert [entry[:2] for entry in entries[2:]] == [entry[:2] for entry in rest]
    first, *later = moments(McapSource(path), start)
    assert (first.stamp_ns, len(first.entries)) == (3010 * MS, 3)
    assert [moment.stamp_ns for moment in later] == sorted({stamp for stamp, _, _ in rest} - {first.stamp_ns})


def test_a_message_recorded_much_too_late_is_played_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = LogWriter(path)
    for i in range(100):
        imu = Imu(stamp_ns=i * 100 * MS, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 0))
        writer.write("imu", imu, i * 100 * MS)
    writer.write("late", Imu(stamp_ns=7, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 0)), 9_950 * MS)
    writer.close()
    entries = list(McapSource(path).messages())
    stamps = [stamp for stamp, _, _ in entries]
    assert stamps == sorted(stamps)
    assert next(stamp for stamp, topic, _ in entries if topic == "late") >= 9900 * MS - LAG_NS - 100 * MS


def test_what_the_source_claims(tmp_path: Path) -> None:
    write(tmp_path / "run" / "log" / "0000.mcap", 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "text.mcap").write_text("no")
    assert McapSource.claims(tmp_path / "run")
    assert McapSource.claims(tmp_path / "run" / "log")
    assert McapSource.claims(tmp_path / "run" / "log" / "0000.mcap")
    assert not McapSource.claims(tmp_path / "other")
    assert not McapSource.claims(tmp_path / "text.mcap")
    assert not McapSource.claims(tmp_path / "absent")


def test_logs_that_cannot_be_played_are_refused(tmp_path: Path) -> None:
    LogWriter(tmp_path / "empty.mcap").close()
    with pytest.raises(BadInputError, match="holds no message of a type that selfcue knows"):
        McapSource(tmp_path / "empty.mcap")
    write(tmp_path / "a.mcap", 3)
    data = bytearray((tmp_path / "a.mcap").read_bytes())
    data[400] = 0x7F
    (tmp_path / "a.mcap").write_bytes(data)
    with pytest.raises(BadInputError, match=r"a\.mcap is damaged"):
        list(McapSource(tmp_path / "a.mcap").messages())


def test_log_info_as_a_table_and_as_json(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    done = CliRunner().invoke(app, ["info", str(path), "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["complete"] is True
    assert found["messages"] == 798 + 77 + 2
    assert found["bytes"] == path.stat().st_size
    assert [(one["topic"], one["type"], one["messages"]) for one in found["topics"]] == [
        ("imu", "Imu", 798),
        ("info", "CameraInfo", 1),
        ("left", "Image", 77),
        ("map", "WorldMap", 1),
    ]
    rates = {one["topic"]: one["rate_hz"] for one in found["topics"]}
    assert rates["imu"] == pytest.approx(100, rel=0.01)
    assert rates["map"] is None
    done = CliRunner().invoke(app, ["info", str(path)])
    assert done.exit_code == 0
    for text in ("imu", "798", "CameraInfo", "from 0.010 s to 8.000 s", "complete"):
        assert text in done.stdout


def test_log_info_of_a_cut_log_says_so_and_ends_with_code_5(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    path.write_bytes(path.read_bytes()[:-3000])
    done = CliRunner().invoke(app, ["info", str(path)])
    assert "INCOMPLETE" in done.stdout
    assert isinstance(done.exception, LossError)
    assert done.exception.exit_code == 5
    assert "a.mcap is incomplete: the file was not finished" in str(done.exception)
    done = CliRunner().invoke(app, ["info", str(tmp_path / "absent.mcap")])
    assert isinstance(done.exception, BadInputError)


def test_the_command_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, selfcue.record.commands; print([m for m in ('numpy', 'mcap', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
