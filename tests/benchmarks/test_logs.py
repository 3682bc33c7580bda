"""The benchmark of logs measures what it says: every contender writes and reads everything, and losses are seen."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from mcap.reader import make_reader
from rich.progress import Progress

from selfcue.benchmarks import logs_soak
from selfcue.benchmarks.logs import _soak_claims
from selfcue.benchmarks.logs_race import (
    MCAP,
    OURS,
    READERS,
    ROSBAGS,
    WRITERS,
    images,
    inertial,
    race_reading,
    race_writing,
)
from selfcue.benchmarks.logs_soak import Soak
from selfcue.errors import SelfcueError


@pytest.mark.parametrize("name", [OURS, MCAP, ROSBAGS])
def test_all_write_the_same_messages(tmp_path: Path, name: str) -> None:
    load = inertial(1000)
    path = tmp_path / "a.mcap"
    WRITERS[name](path, load, "none", False)
    with (next(path.glob("*.mcap")) if path.is_dir() else path).open("rb") as file:
        found = [(message.log_time, message.data) for _, _, message in make_reader(file).iter_messages()]
    assert found == list(load.encoded())


def test_chunks_carry_a_checksum_where_asked(tmp_path: Path) -> None:
    for name in (OURS, MCAP):
        for crc in (True, False):
            path = tmp_path / f"{name}{crc}.mcap"
            WRITERS[name](path, images(3), "lz4", crc)
            data = bytearray(path.read_bytes())
            with path.open("rb") as file:
                reader = make_reader(file, validate_crcs=True)
                index = reader.get_summary().chunk_indexes[0]  # type: ignore[union-attr]
            raw_crc = data[index.chunk_start_offset + 9 + 24 : index.chunk_start_offset + 9 + 28]
            assert any(raw_crc) is crc


def test_races_count_every_repeat_and_leave_nothing(tmp_path: Path) -> None:
    with Progress(disable=True) as progress:
        load = images(3)
        writing = race_writing(
            load, list(WRITERS), tmp_path, compression="none", crc=False, repeats=2, progress=progress
        )
        reading = race_reading(load, tmp_path, repeats=2, progress=progress)
    assert {name: len(one) for name, one in writing.seconds.items()} == dict.fromkeys(WRITERS, 2)
    assert {name: len(one) for name, one in reading.seconds.items()} == dict.fromkeys(READERS, 2)
    assert list(tmp_path.iterdir()) == []
    writing.seconds = {OURS: [1.0, 2.0, 4.0], MCAP: [2.0, 2.0, 2.0]}
    assert writing.ratio(OURS, MCAP) == 1.0
    (row, _) = writing.rows("x")
    assert row["messages/s"] == 1.5


def test_a_message_that_is_in_no_file_is_missing() -> None:
    found = Soak(seconds=1.0, published={"imu": 100, "lidar": 10}, recorded=Counter(imu=99, lidar=10), cores=0.5)
    assert found.missing == 1
    drops, cores, memory = _soak_claims(found)
    assert (drops.value, drops.holds, cores.holds, memory.holds) == (1.0, False, True, True)
    found.rss_mb = [50.0] * 10 + [100.0] * 10 + [110.0] * 10 + [150.0] * 10
    assert found.growth_mb == 50.0
    assert not _soak_claims(found)[2].holds


def test_a_disk_that_is_too_small_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(SelfcueError, match=r"the soak needs 3\.0 GB of disk, 0\.0 GB are free"):
        logs_soak.soak(tmp_path, 20.0)
    assert list(tmp_path.iterdir()) == []
