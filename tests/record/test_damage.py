"""Logs that were cut, killed, damaged, or met a full disk: what is whole comes back, what is lost is said."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Image, Imu, Message
from selfcue.record.file_bytes import FileBytes
from selfcue.record.reader import LogReader
from selfcue.record.scan import scan
from selfcue.record.writer import Compression, LogWriter

MS = 1_000_000


def imu(i: int) -> Imu:
    return Imu(stamp_ns=i * MS, seq=i, source="d", angular_velocity=(0.1 * i, 0, 0), linear_acceleration=(0, 0, 9.81))


def picture(i: int) -> Image:
    data = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
    return Image(stamp_ns=i * MS, seq=i, source="d", encoding="rgb8", data=data)


def write(path: Path, count: int = 300, *, compression: Compression = "lz4") -> None:
    writer = LogWriter(path, chunk_bytes=4096, compression=compression, attachments={"launch.yaml": "name: x\n"})
    for i in range(count):
        writer.write("imu", imu(i), i * MS)
        if i % 5 == 0:
            writer.write("left", picture(i), i * MS)
    writer.close()


def key(topic: str, message: Message, log_time_ns: int) -> tuple[str, int, int, bytes]:
    body = message.data.tobytes() if isinstance(message, Image) else repr(message).encode()
    return topic, message.seq, log_time_ns, body


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "a.mcap"
    write(path)
    return path


def test_cut_anywhere_every_whole_chunk_comes_back(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    outline = scan(FileBytes(whole))
    with LogReader(whole) as log:
        everything = [key(*entry) for entry in log]
    ends = [span.offset + span.size for span in outline.chunks]
    counts = []  # messages in the first n chunks
    for end in ends:
        (tmp_path / "part.mcap").write_bytes(data[:end])
        with LogReader(tmp_path / "part.mcap") as log:
            counts.append(len(list(log)))
    assert counts[-1] == len(everything)
    assert counts == sorted(set(counts))
    rng = np.random.default_rng(5)
    cuts = [*rng.integers(8, len(data), 150), *range(ends[3] - 40, ends[3] + 40), len(data) - 1]
    path = tmp_path / "cut.mcap"
    for cut in map(int, cuts):
        path.write_bytes(data[:cut])
        with LogReader(path) as log:
            found = [key(*entry) for entry in log]
            whole_chunks = sum(end <= cut for end in ends)
            assert found == everything[: counts[whole_chunks - 1] if whole_chunks else 0], cut
            assert not log.complete
            assert "the file was not finished: it is whole up to" in log.loss
            assert not log.damage
    for cut in range(8):
        path.write_bytes(data[:cut])
        with pytest.raises(BadInputError, match=r"is empty|is no MCAP file"):
            LogReader(path)


WRITER = """
    import sys
    from pathlib import Path
    import numpy as np
    from selfcue.messages import Imu
    from selfcue.record.writer import LogWriter
    writer = LogWriter(Path(sys.argv[1]))
    for i in range(10**9):
        message = Imu(stamp_ns=i * 10**7, seq=i, angular_velocity=(0.0, 0.0, 0.0), linear_acceleration=(0.0, 0.0, 9.81))
        writer.write("imu", message, i * 10**7)
        print(i, flush=True)
"""


def test_kill_9_loses_at_most_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "killed.mcap"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = -1
        for line in process.stdout:
            last = int(line)
            if last >= 1234:
                os.kill(process.pid, signal.SIGKILL)
                break
        rest = [int(line) for line in process.stdout if line.endswith("\n")]
        last = rest[-1] if rest else last
        assert process.wait() == -signal.SIGKILL
    with LogReader(path) as log:
        seqs = [entry.message.seq for entry in log]
        assert seqs == list(range(len(seqs)))
        assert last + 1 - len(seqs) <= 101  # a second at 100 Hz, and the message under way
        assert log.cut_short
        assert f"whole up to {seqs[-1] / 100:.3f} s" in log.loss


FULL = """
    import json, resource, sys
    from pathlib import Path
    from selfcue.errors import LossError
    from selfcue.messages import Imu
    from selfcue.record.writer import LogWriter
    writer = LogWriter(Path(sys.argv[1]), chunk_bytes=4096, compression="none")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    for i in range(1000):
        message = Imu(stamp_ns=i, seq=i, angular_velocity=(0.0, 0.0, 0.0), linear_acceleration=(0.0, 0.0, 9.81))
        try:
            writer.write("imu", message, i)
        except LossError as error:
            print(json.dumps([i, dict(writer.counts), dict(writer.lost), str(error)]))
            writer.close()
            break
"""


def test_a_full_disk_ends_the_log_at_a_whole_chunk_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(path)], capture_output=True, text=True, check=True
    )
    at, counts, lost, error = json.loads(done.stdout)
    assert "writing failed after" in error
    with LogReader(path) as log:
        seqs = [entry.message.seq for entry in log]
        assert seqs == list(range(counts["imu"]))
        assert counts["imu"] + lost["imu"] == at + 1
        assert lost["imu"] < 40
        assert f"the recorder lost messages: imu {lost['imu']}" in log.loss
        assert not log.cut_short
    assert path.stat().st_size <= 20_000


def damaged_copies(data: bytes, path: Path, count: int, seed: int) -> Iterator[tuple[str, Path]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        broken = bytearray(data)
        places = rng.integers(8, len(data), int(rng.integers(1, 4)))
        for place in places:
            broken[place] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        yield f"bytes {places.tolist()} of seed {seed}", path


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
@pytest.mark.parametrize("finished", [True, False])
def test_damaged_bytes_never_give_a_wrong_message(tmp_path: Path, compression: Compression, finished: bool) -> None:
    path = tmp_path / "a.mcap"
    write(path, 120, compression=compression)
    with LogReader(path) as log:
        good = [key(*entry) for entry in log]
    data = path.read_bytes()
    chunks = scan(FileBytes(path)).chunks
    if not finished:
        data = data[: chunks[-1].offset + chunks[-1].size]
    recovered, said = [], []
    for where, broken in damaged_copies(data, tmp_path / "b.mcap", 120, seed=len(compression)):
        try:
            with LogReader(broken) as log:
                found = [key(*entry) for entry in log.messages(on_damage="skip")]
                log.topics()
                assert set(found) <= set(good), where
                if finished and len(found) < len(good):
                    assert log.damage, where
                    assert not log.complete
                recovered.append(len(found) / len(good))
                if log.damage:
                    with pytest.raises(BadInputError, match="is damaged"):
                        list(log)
        except BadInputError as error:
            recovered.append(0.0)
            said.append(str(error))
    assert all(line.startswith(str(tmp_path / "b.mcap")) and "\n" not in line for line in said)
    if finished:  # up to three of a dozen chunks are hit
        assert np.mean(recovered) > 0.75


def test_one_damaged_chunk_costs_itself_alone(whole: Path, tmp_path: Path) -> None:
    outline = scan(FileBytes(whole))
    span = outline.chunks[4]
    broken = bytearray(whole.read_bytes())
    broken[span.data_offset + span.data_size // 2] ^= 0x40
    path = tmp_path / "b.mcap"
    path.write_bytes(broken)
    with LogReader(whole) as log:
        good = [key(*entry) for entry in log]
    inside = [one for one in good if span.start_ns < one[2] < span.end_ns]
    with LogReader(path) as log:
        with pytest.raises(BadInputError, match=r"b.mcap is damaged: \d+ bytes from byte \d+: .*on_damage='skip'"):
            list(log)
        found = [key(*entry) for entry in log.messages(on_damage="skip")]
        assert not set(inside) & set(found)
        assert len(found) >= len(good) - len(inside) - 4
        assert len(log.damage) == 1
        assert log.damage[0].offset == span.offset


def test_a_damaged_length_costs_what_the_index_cannot_find(whole: Path, tmp_path: Path) -> None:
    span = scan(FileBytes(whole)).chunks[2]
    broken = bytearray(whole.read_bytes())
    broken[span.offset + 6] = 0x7F  # the record claims terabytes
    path = tmp_path / "b.mcap"
    path.write_bytes(broken)
    with LogReader(path) as log:
        assert len(log.damage) == 1
        assert log.damage[0].offset == span.offset
        found = list(log.messages(on_damage="skip"))
        with LogReader(whole) as good:
            assert len(list(good)) - len(found) < 30
    # The same without an end: nothing says where the next chunk begins, so the rest counts as lost.
    path.write_bytes(bytes(broken[: scan(FileBytes(whole)).chunks[-1].offset]))
    with LogReader(path) as log:
        assert log.cut_short
        assert 0 < len(list(log)) < 60


def test_memory_is_not_taken_for_a_lie(whole: Path, tmp_path: Path) -> None:
    span = scan(FileBytes(whole)).chunks[0]
    broken = bytearray(whole.read_bytes())
    broken[span.offset + 9 + 16 : span.offset + 9 + 24] = (1 << 40).to_bytes(8, "little")
    path = tmp_path / "b.mcap"
    path.write_bytes(broken)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with LogReader(path) as log, pytest.raises(BadInputError, match="claims 1099511627776 bytes"):
        list(log)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_what_is_no_log_is_said_to_be_none(tmp_path: Path) -> None:
    text = tmp_path / "a.mcap"
    text.write_text("hello, this is text\n")
    with pytest.raises(BadInputError, match=r"a\.mcap is no MCAP file: it begins with b'hello, t'"):
        LogReader(text)
    with pytest.raises(BadInputError, match="cannot be read: No such file"):
        LogReader(tmp_path / "none.mcap")
    with pytest.raises(BadInputError, match="cannot be read: Is a directory"):
        LogReader(tmp_path)
