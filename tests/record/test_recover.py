"""``selfcue log recover``: all that is whole comes back, proved and twice the same; the damaged file stays as it is."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from selfcue.cli import main
from selfcue.errors import BadInputError, LossError
from selfcue.messages import Image, Imu, Message
from selfcue.record import recover as repair
from selfcue.record.chunk import load_chunk
from selfcue.record.file_bytes import FileBytes
from selfcue.record.reader import LogReader
from selfcue.record.recover import recover
from selfcue.record.scan import scan
from selfcue.record.sink import Sink
from selfcue.record.writer import Compression, LogWriter

MS = 1_000_000
Key = tuple[str, int, int, bytes]


def write(path: Path, count: int = 300, *, compression: Compression = "lz4", chunk_bytes: int = 4096) -> None:
    writer = LogWriter(path, chunk_bytes=chunk_bytes, compression=compression, attachments={"launch.yaml": "name: x\n"})
    for i in range(count):
        omega = (0.1 * i, 0.0, 0.0)
        imu = Imu(stamp_ns=i * MS, seq=i, source="d", angular_velocity=omega, linear_acceleration=(0.0, 0.0, 9.81))
        writer.write("imu", imu, i * MS)
        if i % 5 == 0:
            data = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
            writer.write("left", Image(stamp_ns=i * MS, seq=i, source="d", encoding="rgb8", data=data), i * MS)
    writer.close()


def key(topic: str, message: Message, log_time_ns: int) -> Key:
    body = message.data.tobytes() if isinstance(message, Image) else repr(message).encode()
    return topic, message.seq, log_time_ns, body


def read(path: Path) -> list[Key]:
    with LogReader(path) as log:
        return [key(*entry) for entry in log]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "a.mcap"
    write(path)
    return path


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of repairs: what is written need not outlive a power cut."""
    monkeypatch.setattr(Sink, "sync", lambda _: None)


def chunk_contents(path: Path) -> list[tuple[int, int, set[Key]]]:
    """Where each chunk of a whole file begins and ends, and what it holds."""
    everything = {(one[0], one[1]): one for one in read(path)}
    found = []
    file = FileBytes(path)
    outline = scan(file)
    topics = {number: channel.topic.removeprefix("/") for number, channel in outline.channels.items()}
    for span in outline.chunks:
        inside = load_chunk(file, span).messages
        found.append(
            (span.offset, span.offset + span.size, {everything[topics[one.channel], one.seq] for one in inside})
        )
    file.close()
    return found


def test_a_whole_log_is_left_alone(whole: Path) -> None:
    found = recover(whole)
    assert (found.path, found.complete, found.messages) == (None, True, 360)
    assert [path.name for path in whole.parent.iterdir()] == ["a.mcap"]


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
def test_cut_in_the_last_chunk_at_every_byte(tmp_path: Path, compression: Compression) -> None:
    source = tmp_path / "a.mcap"
    write(source, 60, compression=compression, chunk_bytes=1024)
    data, contents = source.read_bytes(), chunk_contents(source)
    before = set().union(*(keys for _, _, keys in contents[:-1]))
    path, out = tmp_path / "cut.mcap", tmp_path / "cut.recovered.mcap"
    begin, end, last = contents[-1]
    step = 1 if compression == "lz4" else 37
    for cut in [*range(begin + 1, end, step), end]:
        path.write_bytes(data[:cut])
        found = recover(path)
        wanted = before | last if cut == end else before
        assert found.messages == len(wanted)
        assert not found.complete
        if cut % 97 == 0 or cut in {begin + 1, end - 1, end}:
            assert set(read(out)) == wanted
        out.unlink()


@pytest.mark.usefixtures("quick_disk")
def test_cut_anywhere(whole: Path, tmp_path: Path) -> None:
    cut_anywhere(whole, tmp_path, 60, seed=1)


@pytest.mark.long
@pytest.mark.usefixtures("quick_disk")
def test_cut_at_a_thousand_places(whole: Path, tmp_path: Path) -> None:
    cut_anywhere(whole, tmp_path, 1000, seed=2)


def cut_anywhere(whole: Path, tmp_path: Path, count: int, seed: int) -> None:
    data, contents = whole.read_bytes(), chunk_contents(whole)
    path, out = tmp_path / "cut.mcap", tmp_path / "cut.recovered.mcap"
    for cut in map(int, np.random.default_rng(seed).integers(0, len(data), count)):
        path.write_bytes(data[:cut])
        wanted = set().union(*(keys for _, end, keys in contents if end <= cut))
        if not wanted:
            with pytest.raises(BadInputError, match=r"nothing to recover|is empty|is no MCAP file"):
                recover(path)
            continue
        found = recover(path)
        assert set(read(out)) == wanted, cut
        assert found.messages == len(wanted)
        assert path.read_bytes() == data[:cut]
        out.unlink()


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
def test_damaged_bytes(tmp_path: Path, compression: Compression) -> None:
    damaged_bytes(tmp_path, compression, finished=True, copies=60, each=3, seed=3)
    damaged_bytes(tmp_path, compression, finished=False, copies=60, each=3, seed=4)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("finished", [True, False])
def test_fifty_thousand_damaged_bytes(tmp_path: Path, finished: bool) -> None:
    """Twice, for finished and cut logs: 10^5 corrupted bytes in all."""
    damaged_bytes(tmp_path, "lz4", finished=finished, copies=12_500, each=4, seed=5 + finished)


def damaged_bytes(
    tmp_path: Path, compression: Compression, *, finished: bool, copies: int, each: int, seed: int
) -> None:
    """Whatever bytes change, every chunk that they leave alone comes back, and nothing that was never written."""
    source = tmp_path / f"{compression}{finished}.mcap"
    write(source, 100, compression=compression)
    contents = chunk_contents(source)
    data = source.read_bytes()
    if not finished:
        data = data[: contents[-1][1]]
    everything = set().union(*(keys for _, _, keys in contents))
    path, out = tmp_path / "bad.mcap", tmp_path / "bad.recovered.mcap"
    rng = np.random.default_rng(seed)
    for _ in range(copies):
        broken = bytearray(data)
        places = [int(place) for place in rng.integers(8, len(data), each)]
        for place in places:
            broken[place] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        intact = set().union(*(keys for begin, end, keys in contents if not any(begin <= p < end for p in places)))
        if not intact:
            with suppress(BadInputError):
                recover(path)
            out.unlink(missing_ok=True)
            continue
        found = recover(path)
        kept = set(read(out if found.path else path))
        assert intact <= kept <= everything, places
        assert not found.complete or (kept == everything and finished), places
        out.unlink(missing_ok=True)


def test_recovered_twice_is_the_same_and_the_original_untouched(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.mcap"
    broken = bytearray(whole.read_bytes())
    broken[chunk_contents(whole)[3][0] + 70] ^= 1
    path.write_bytes(broken)
    first = recover(path)
    assert first.path is not None
    assert first.path.name == "b.recovered.mcap"
    made = first.path.read_bytes()
    second = recover(path)
    assert (second.again, second.path) == (True, first.path)
    assert first.path.read_bytes() == made
    assert path.read_bytes() == bytes(broken)
    nothing = recover(first.path)
    assert (nothing.path, nothing.messages, nothing.complete) == (None, first.messages, False)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.mcap", "b.recovered.mcap"]


def test_a_recovered_log_keeps_attachments_metadata_and_says_what_it_lost(whole: Path, tmp_path: Path) -> None:
    contents = chunk_contents(whole)
    broken = bytearray(whole.read_bytes())
    broken[(contents[2][0] + contents[2][1]) // 2] ^= 0x10
    path = tmp_path / "b.mcap"
    path.write_bytes(broken)
    out = recover(path, tmp_path / "c.mcap").path
    assert out is not None
    with LogReader(out) as log:
        assert log.finished
        assert log.damage == []
        assert log.attachment("launch.yaml") == b"name: x\n"
        lost = {topic: sum(key[0] == topic for key in contents[2][2]) for topic in ("imu", "left")}
        assert json.loads(log.metadata["selfcue.end"]["lost"]) == lost
        assert log.metadata["selfcue.end"]["status"] == "INCOMPLETE"
        assert log.metadata["selfcue.recovered"]["from"] == "b.mcap"
        assert "a chunk whose contents do not fit its checksum" in log.metadata["selfcue.recovered"]["damage"]
        count = sum(info.count for info in log.topics().values())
    with out.open("rb") as stream:
        assert len(list(make_reader(stream, validate_crcs=True).iter_messages())) == count


def test_a_damaged_summary_alone_costs_nothing(whole: Path, tmp_path: Path) -> None:
    broken = bytearray(whole.read_bytes())
    broken[-60] ^= 1
    path = tmp_path / "b.mcap"
    path.write_bytes(broken)
    found = recover(path)
    assert found.complete
    assert found.path is not None
    assert read(found.path) == read(whole)


def test_a_chunk_whose_head_lies_about_its_times_is_mended(whole: Path, tmp_path: Path) -> None:
    begin = chunk_contents(whole)[4][0]
    broken = bytearray(whole.read_bytes())
    broken[begin + 9 : begin + 17] = (1 << 60).to_bytes(8, "little")  # its first log time
    path = tmp_path / "b.mcap"
    path.write_bytes(broken)
    found = recover(path)
    assert found.path is not None
    assert read(found.path) == read(whole)


def test_no_file_but_its_own_is_written_over(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.mcap"
    path.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(BadInputError, match="is the damaged log itself"):
        recover(path, path)
    other = tmp_path / "other.mcap"
    other.write_bytes(b"precious")
    with pytest.raises(BadInputError, match="exists already and is another log"):
        recover(path, other)
    assert other.read_bytes() == b"precious"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.mcap", "other.mcap"]


def test_what_does_not_read_back_is_not_kept(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.mcap"
    path.write_bytes(whole.read_bytes()[:-100])

    def prove(*_: object) -> None:
        raise LossError("does not read back")

    monkeypatch.setattr(repair, "_prove", prove)
    with pytest.raises(LossError, match="does not read back"):
        recover(path)
    assert [one.name for one in tmp_path.iterdir()] == ["b.mcap"]


def test_the_command(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "b.mcap"
    path.write_bytes(whole.read_bytes()[: chunk_contents(whole)[-1][0] + 9])
    assert main(["log", "recover", str(path)]) == 5
    out, err = capsys.readouterr()
    assert "read again and equal" in out
    assert "is incomplete; see: selfcue log info" in err
    assert main(["log", "recover", str(whole), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] is None
    assert main(["log", "recover", str(tmp_path / "none.mcap")]) == 3


# -- a disk that is really full --------------------------------------------------------------------------------------

FILL = """
    import json, sys
    from pathlib import Path
    import numpy as np
    from selfcue.errors import LossError
    from selfcue.messages import Image
    from selfcue.record.writer import LogWriter
    writer = LogWriter(Path(sys.argv[1]), compression="none")
    data = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    for i in range(1000):
        try:
            writer.write("left", Image(stamp_ns=i, seq=i, encoding="rgb8", data=data), i)
        except LossError as error:
            print(json.dumps([i, dict(writer.counts), dict(writer.lost), str(error)]))
            break
"""


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk can be mounted by root alone")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with small_disk(place, "6m"):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(FILL), str(place / "a.mcap")],
            capture_output=True,
            text=True,
            check=True,
        )
        at, kept, lost, error = json.loads(done.stdout)
        assert "No space left on device" in error
        assert kept["left"] + lost["left"] == at + 1
        assert at > 60
        with LogReader(place / "a.mcap") as log:
            assert [entry.message.seq for entry in log] == list(range(kept["left"]))
            assert log.metadata["selfcue.end"]["status"] == "INCOMPLETE"
            assert not log.complete
        with pytest.raises(LossError, match="No space left on device"):
            recover(place / "a.mcap")
        assert [one.name for one in place.iterdir()] == ["a.mcap"]
        out = recover(place / "a.mcap", tmp_path / "b.mcap").path
    assert out is not None
    assert len(read(out)) == kept["left"]
