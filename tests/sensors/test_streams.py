"""Logs made of streams, and tables of numbers in text files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Position
from selfcue.sensors.streams import Stream, StreamReader
from selfcue.sensors.tables import numbers, read_rows, stamp_ns, stamps


def stream(topic: str, stamps_ns: list[int], *, latched: bool = False) -> Stream:
    def read(i: int) -> Position:
        return Position(stamp_ns=stamps_ns[i], position=(float(i), 0.0, 0.0))

    return Stream(topic, Position, np.array(stamps_ns, dtype=np.int64), read, "table", latched=latched)


class Reader(StreamReader):
    def __init__(self, *streams: Stream) -> None:
        super().__init__(Path("log"))
        self._take(streams)


@given(st.lists(st.lists(st.integers(0, 50), max_size=12), min_size=1, max_size=4), st.integers(-1, 60))
def test_messages_of_all_streams_come_in_order(lists: list[list[int]], start: int) -> None:
    streams = [stream(f"t{i}", found) for i, found in enumerate(lists)]
    if not any(lists):
        with pytest.raises(BadInputError, match="holds no message"):
            Reader(*streams)
        return
    reader = Reader(*streams)
    entries = list(reader.messages())
    assert [ns for ns, _, _ in entries] == sorted(ns for found in lists for ns in found)
    assert all(ns == message.stamp_ns for ns, _, message in entries)
    assert (reader.start_ns, reader.end_ns) == (entries[0][0], entries[-1][0])
    assert list(reader.messages(start)) == [entry for entry in entries if entry[0] >= start]
    for i, found in enumerate(lists):  # equal stamps as in the file
        places = [m.position[0] for _, topic, m in entries if topic == f"t{i}" and isinstance(m, Position)]
        assert places == [float(k) for k in np.argsort(found, kind="stable")]
        assert f"t{i}" not in reader.contents() or reader.contents()[f"t{i}"].count == len(found)


def test_what_is_latched_comes_first_and_does_not_set_the_start() -> None:
    reader = Reader(stream("info", [5, 40], latched=True), stream("a", [10, 20, 50]))
    assert (reader.start_ns, reader.end_ns) == (10, 50)
    assert [(ns, topic) for ns, topic, _ in reader.messages(20)] == [(5, "info"), (20, "a"), (40, "info"), (50, "a")]
    assert reader.latched_topics == {"info"}
    assert reader.topics() == {"info": Position, "a": Position}
    with pytest.raises(BadInputError, match="stamps are not negative"):
        Reader(stream("a", [3, -4]))
    assert CameraInfo not in reader.topics().values()


def test_times_are_read_exactly() -> None:
    path = Path("t.csv")
    assert stamp_ns("1305031102.175304", "s", path, 1) == 1305031102175304000
    assert stamp_ns("1403636579758560000", "ns", path, 1) == 1403636579758560000
    assert stamp_ns("1.5e3", "us", path, 1) == 1_500_000
    for word, unit, text in (
        ("x", "s", "'x' is not a time in s"),
        ("-1", "s", "out of range"),
        ("1403636579758560000", "s", "is the unit right"),
        ("nan", "s", "not a time"),
        ("inf", "s", "not a time"),
    ):
        with pytest.raises(BadInputError, match=text):
            stamp_ns(word, unit, path, 7)


@given(st.lists(st.tuples(st.integers(0, 10**18), st.floats(allow_nan=False), st.floats(allow_nan=False))))
def test_tables_come_back_as_written(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float, float]]):
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text("#t,a,b\n\n" + "".join(f"{t}, {a!r},{b!r}\n" for t, a, b in rows))
    found = read_rows(path, "the table")
    assert stamps(found, path, unit="ns").tolist() == [t for t, _, _ in rows]
    assert numbers(found, [1, 2], path).tolist() == [[a, b] for _, a, b in rows]


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1,2\n3\n")
    with pytest.raises(BadInputError, match=r"a\.csv: line 2 has 1 columns, number 2 is needed; is the file cut off"):
        numbers(read_rows(path, "the table"), [1], path)
    path.write_text("1,two\n")
    with pytest.raises(BadInputError, match="line 1: 'two' is not a number"):
        numbers(read_rows(path, "the table"), [1], path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match="the table cannot be read"):
        read_rows(path, "the table")
    with pytest.raises(BadInputError, match="the table is missing"):
        read_rows(tmp_path / "absent.csv", "the table")
