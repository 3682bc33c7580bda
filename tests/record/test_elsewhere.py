"""Our logs in other programs' hands: every message is read by rosbags, by the mcap library, and by Rerun.

The ``mcap`` command of Go is in no package registry that Python, Node or Debian serve; ``rerun mcap check`` and the
mcap library's reader, all checksums on, take its place.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from selfcue.messages import Message, Transforms
from selfcue.record.reader import LogReader
from selfcue.record.rules import TopicRule
from selfcue.record.writer import Compression, LogWriter

MS = 1_000_000
TIMES = 3
rerun = pytest.mark.skipif(
    importlib.util.find_spec("rerun_cli") is None, reason="rerun-sdk is not installed: pip install 'selfcue[view]'"
)


@pytest.fixture(params=["lz4", "zstd", "none"])
def log(tmp_path: Path, samples: list[Message], request: pytest.FixtureRequest) -> Path:
    """A log with three messages of every type, and one topic of JPEG."""
    compression: Compression = request.param
    path = tmp_path / "all.mcap"
    writer = LogWriter(path, compression=compression, chunk_bytes=4096, rules={"jpeg/*": TopicRule(jpeg=90)})
    for k in range(TIMES):
        now_ns = (k + 1) * 25 * MS
        for message in samples:
            moved = msgspec.structs.replace(message, seq=k, stamp_ns=now_ns)
            writer.write(f"all/{type(message).__name__}", moved, now_ns)
            if type(message).__name__ == "Image":
                writer.write("jpeg/Image", moved, now_ns)
    writer.close()
    return path


def counts(path: Path) -> dict[str, int]:
    """Return messages by topic as they stand in the file, counted by our own reader."""
    with LogReader(path) as reader:
        found = {f"/{topic}": info.count for topic, info in reader.topics().items()}
    found["/jpeg/Image/compressed"] = found.pop("/jpeg/Image")
    assert set(found.values()) == {TIMES}
    return found


def test_the_mcap_library_reads_it_with_every_checksum(log: Path) -> None:
    with log.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        read = Counter(channel.topic for _, channel, _ in reader.iter_messages())
        attachments = [attachment.name for attachment in reader.iter_attachments()]
        assert [record.name for record in reader.iter_metadata()]
    assert dict(read) == counts(log)
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == read.total()
    assert summary.statistics.attachment_count == len(attachments)


def test_a_damaged_byte_is_seen_by_that_reader(log: Path) -> None:
    data = bytearray(log.read_bytes())
    data[len(data) // 3] ^= 0x40
    broken = log.with_name("broken.mcap")
    broken.write_bytes(data)
    with broken.open("rb") as file, pytest.raises(Exception, match=r"(?i)crc|invalid|failed|error|decompress|length"):
        list(make_reader(file, validate_crcs=True).iter_messages())


def test_rosbags_decodes_every_message(log: Path) -> None:
    with AnyReader([log], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        read: Counter[str] = Counter()
        for connection, _, data in reader.messages():
            assert reader.deserialize(data, connection.msgtype) is not None
            read[connection.topic] += 1
    assert dict(read) == counts(log)


def run_rerun(*words: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rerun_cli", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@rerun
def test_rerun_finds_nothing_wrong_and_decodes_every_message(log: Path, samples: list[Message]) -> None:
    """Without its fallback to raw bytes: each topic is decoded by the type that the file says it has."""
    table = run_rerun("mcap", "check", "--full", log)
    checked = {topic: state for state, topic in re.findall(r"^(\w+)\s+\d+\s+\d+\s+(\S+)", table, re.MULTILINE)}
    assert checked == dict.fromkeys(counts(log), "ok")
    loaded = log.with_suffix(".rrd")
    run_rerun("mcap", "convert", "--disable-raw-fallback", log, "-o", loaded)
    rows: Counter[tuple[str, str]] = Counter()  # a decoder's columns come in chunks of their own
    chunk = r"with (\d+) rows .* - (/\S+) - (?:.*)data columns: \[(.*)\]"
    for number, entity, columns in re.findall(chunk, run_rerun("rrd", "print", loaded)):
        rows[entity, columns] += int(number)
    read = {topic: max((n for (entity, _), n in rows.items() if entity == topic), default=0) for topic in counts(log)}
    several = next(sample.children for sample in samples if isinstance(sample, Transforms))
    assert read == {**counts(log), "/all/Transforms": TIMES * len(several)}  # a row for each
