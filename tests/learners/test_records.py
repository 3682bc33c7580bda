from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from selfcue.errors import BadInputError, LossError
from selfcue.learners.online.records import RecordFile

DTYPE = np.dtype([("id", "<i8"), ("picture", "u1", (3, 4))])


def record(i: int) -> np.ndarray:
    row = np.zeros((), dtype=DTYPE)
    row["id"], row["picture"] = i, i % 256
    return row


def test_reads_back_what_was_appended_in_any_order(tmp_path):
    file = RecordFile(tmp_path / "a", DTYPE)
    assert [file.append(record(i)) for i in range(5)] == [0, 1, 2, 3, 4]
    found = file.read([3, 0, 3])
    assert found["id"].tolist() == [3, 0, 3]
    assert (found["picture"][0] == 3).all()
    found["id"][0] = 99  # a copy: the file does not notice
    assert file.read([3])["id"].tolist() == [3]


def test_opening_cuts_off_what_came_after_the_snapshot(tmp_path):
    file = RecordFile(tmp_path / "a", DTYPE)
    for i in range(10):
        file.append(record(i))
    file.close()
    again = RecordFile(tmp_path / "a", None, keep=4)
    assert again.dtype == DTYPE
    assert again.append(record(77)) == 4
    assert again.read(range(5))["id"].tolist() == [0, 1, 2, 3, 77]
    with pytest.raises(BadInputError, match="record 5 asked for, there are 5"):
        again.read([5])


def test_a_torn_last_record_is_harmless(tmp_path):
    file = RecordFile(tmp_path / "a", DTYPE)
    for i in range(3):
        file.append(record(i))
    file.close()
    with (tmp_path / "a").open("ab") as raw:
        raw.write(b"half a rec")
    assert RecordFile(tmp_path / "a", DTYPE, keep=3).read([2])["id"].tolist() == [2]


def test_says_what_is_wrong_with_a_file(tmp_path):
    with pytest.raises(BadInputError, match="it is gone"):
        RecordFile(tmp_path / "none", None, keep=0)
    RecordFile(tmp_path / "a", DTYPE).close()
    with pytest.raises(BadInputError, match="use an older snapshot"):
        RecordFile(tmp_path / "a", None, keep=1)
    with pytest.raises(BadInputError, match="these lessons are"):
        RecordFile(tmp_path / "a", np.dtype([("id", "<i8")]), keep=0)
    (tmp_path / "b").write_bytes(b"not records at all")
    with pytest.raises(BadInputError, match="header is damaged"):
        RecordFile(tmp_path / "b", None, keep=0)
    os.truncate(tmp_path / "a", 4096)
    file = RecordFile(tmp_path / "a", DTYPE, keep=0)
    file.append(record(0))
    os.truncate(tmp_path / "a", 4100)
    with pytest.raises(LossError, match="cut short"):
        file.read([0])


def test_records_survive_kill_9(tmp_path):
    script = f"""
import sys, numpy as np
from pathlib import Path
from selfcue.learners.online.records import RecordFile
dtype = np.dtype([("id", "<i8"), ("picture", "u1", (3, 4))])
file = RecordFile(Path({str(tmp_path / "a")!r}), dtype)
i = 0
while True:
    row = np.zeros((), dtype=dtype); row["id"] = i
    file.append(row); i += 1
    print(i, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 200:
                break
        process.send_signal(signal.SIGKILL)
    file = RecordFile(tmp_path / "a", None, keep=200)
    assert file.read(range(200))["id"].tolist() == list(range(200))
